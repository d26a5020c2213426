import Adapters
import Foundation
import Llama
import Runs
import TestSupport
import Testing

@Suite("The report of a run")
struct RunReportTests {
  private let hostile = "<script>alert(\"1\")</script> & \u{202E}'x'"

  private func samples(_ step: Int, _ answer: String) -> String {
    let text = hostile.replacingOccurrences(of: "\"", with: "\\\"")
    return #"{"event":"samples","step":\#(step),"samples":[{"instruction":"Same","input":"","expected":"one","answer":"one"},"#
      + #"{"instruction":"\#(text)","input":"an input","expected":"two","answer":"\#(answer)"}]}"# + "\n"
  }

  private func page(_ metrics: String, norms: [PEFTAdapter.ModuleNorm] = []) throws -> PageText {
    let folder = try TemporaryFolder()
    try RunSample.write(folder, "r", steps: 6, hasAdapter: true, hasCheckpoint: true)
    try folder.write(metrics, to: "r/metrics.jsonl")
    var session = RunReport.Session()
    session.peakMemory = 123_400_000
    session.shareOfPeak = 0.615
    return try PageText(RunReport(RunFacts(folder: folder.file("r")), norms: norms, session: session, recipe: "base: <x>\n").html)
  }

  @Test func everythingIsThere() throws {
    let warning = #"{"event":"warning","step":0,"kind":"duplicate_rows","text":"2 rows occur twice."}"# + "\n"
    let metrics = warning + samples(0, "no") + Course.lines(steps: 6, validateEvery: 3) + samples(6, "two")
    let page = try page(metrics, norms: RunReportTests.norms)
    for text in [
      "2 rows occur twice.", "0.6027", "123.4 MB", "62 %", "A LoRA adapter of rank 8 on models/tiny, trained for 6 steps of 2 rows.",
      "Before and after", "2 instructions, answered greedily at step 0 and at step 6. Answered exactly: 1 before, 2 of 2 after.",
      "base: <x>", "layer 1", "12.50 %", "abcd", "data.json",
    ] { #expect(page.text.contains(text), "\(text)") }
    #expect(page.elements.contains { $0.name == "svg" && $0.attributes["class"] == "loss-chart" })
    // Those that training changed come first.
    let changed = try #require(page.text.range(of: "alert")), same = try #require(page.text.range(of: "Same"))
    #expect(changed.lowerBound < same.lowerBound)
  }

  private static let norms = [
    PEFTAdapter.ModuleNorm(layer: 0, projection: .q, norm: 1, share: 0.0625), .init(layer: 1, projection: .q, norm: 2, share: 0.125),
    .init(layer: 1, projection: .down, norm: 0.5, share: 0),
  ]

  @Test func nothingOfOthersRuns() throws {
    let page = try page(samples(6, "no"))
    #expect(!page.elements.contains { $0.name == "script" } && page.script.isEmpty)
    #expect(page.text.contains("<script>alert(\"1\")</script> & [U+202E]'x'"))
    let policy = page.elements.first { $0.attributes["http-equiv"] == "Content-Security-Policy" }?.attributes["content"]
    #expect(policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
    #expect(page.text.contains("What it answers"))
  }

  @Test func aRunOfWhichLittleIsKnown() throws {
    let folder = try TemporaryFolder()
    let page = try PageText(RunReport(RunFacts(folder: folder.path), norms: [], session: RunReport.Session(), recipe: "").html)
    #expect(page.text.contains("trained for 0 steps."))
  }
}
