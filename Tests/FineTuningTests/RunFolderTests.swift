import FineTuning
import Foundation
import TestSupport
import Testing

@Suite struct RunFolderTests {
  let temporary = Result { try TemporaryFolder() }

  @Test func makesAndRefuses() throws {
    let folder = try temporary.get()
    let run = try RunFolder(creating: folder.file("a/run"), overwrites: false)
    try run.write("rank: 8\n", to: "recipe.yaml")
    #expect(throws: TrainingError.outputExists(folder.file("a/run"))) { try RunFolder(creating: folder.file("a/run"), overwrites: false) }
    // An empty folder is nothing to protect.
    try FileManager.default.createDirectory(atPath: folder.file("empty"), withIntermediateDirectories: false)
    _ = try RunFolder(creating: folder.file("empty"), overwrites: false)
  }

  @Test func overwritingRemovesWhatRunsWroteAndNothingElse() throws {
    let folder = try temporary.get()
    let path = folder.file("run")
    for name in [
      "run/adapter_config.json", "run/checkpoints/step-000001/adapter_config.json", "run/best/x", "run/.adapter_model.safetensors.7-x.tmp",
    ] {
      try folder.write("{}", to: name)
    }
    _ = try RunFolder(creating: path, overwrites: true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["metrics.jsonl"])
    try folder.write("mine", to: "run/thesis.tex")
    #expect(throws: TrainingError.outputHoldsOther(path, "thesis.tex")) { try RunFolder(creating: path, overwrites: true) }
    #expect(FileManager.default.fileExists(atPath: folder.file("run/thesis.tex")))
    #expect(FileManager.default.fileExists(atPath: folder.file("run/metrics.jsonl")))
  }

  @Test func oldCheckpointsGo() throws {
    let folder = try temporary.get()
    let run = try RunFolder(creating: folder.file("run"), overwrites: false)
    for step in [5, 200, 1_000_000, 40] {
      try folder.write("{}", to: "run/checkpoints/\((run.checkpointPath(step: step) as NSString).lastPathComponent)/x")
    }
    try run.removeOldCheckpoints(keep: 2)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("run/checkpoints")).sorted()
    #expect(left == ["step-000200", "step-1000000"])
  }

  @Test func metricsAreLinesInOrder() throws {
    let folder = try temporary.get()
    let run = try RunFolder(creating: folder.file("run"), overwrites: false)
    try run.appendMetric("{\"event\":\"step\",\"step\":1}")
    try run.appendMetric("{\"event\":\"step\",\"step\":2}")
    let text = try String(contentsOfFile: folder.file("run/metrics.jsonl"), encoding: .utf8)
    #expect(text == "{\"event\":\"step\",\"step\":1}\n{\"event\":\"step\",\"step\":2}\n")
  }
}
