import Foundation
import TestSupport
import Testing

/// `puna evaluate` as a process.
@Suite(.serialized) struct EvaluateTests {
  private static let heldOut = "\(Workspace.package)/datasets/quickstart/held-out.json"
  private static let instructions = [
    "evaluate", "--base", "starter", "--task", "instructions", "--data", heldOut, "--precision", "float32",
  ]

  /// What is kept of an interruption belongs to the test.
  private func run(_ workspace: Workspace, _ arguments: [String]) throws -> Workspace.Result {
    try workspace.run(arguments, environment: ["XDG_CACHE_HOME": workspace.folder.path])
  }

  private func kept(_ workspace: Workspace) throws -> [String] {
    let folder = workspace.folder.file("puna/evaluations")
    return try FileManager.default.fileExists(atPath: folder) ? FileManager.default.contentsOfDirectory(atPath: folder) : []
  }

  @Test func saysWhatTheAdapterBought() throws {
    let workspace = try Workspace()
    let result = try run(
      workspace,
      EvaluateTests.instructions + [
        "--adapter", GenerateTests.quickstart, "--against-base", "--limit", "20", "--output", "scores.json", "--samples", "samples.jsonl",
        "--report", "report.html",
      ])
    #expect(result.status == 0, "\(result.error)")
    let lines = result.output.split(separator: "\n")
    #expect(lines[0].contains("starter ") && lines[0].contains("starter-quickstart") && lines[0].contains("difference"))
    #expect(lines[1] == "instructions: 20 samples, 0-shot, version 1")
    #expect(lines[2].contains("exact_match  0.00 ± 0.00 %"))
    #expect(result.error.contains("starter-quickstart, instructions: 20 questions in "), "\(result.error)")

    struct Scores: Decodable {
      struct Model: Decodable {
        struct Task: Decodable {
          struct Figure: Decodable {
            let value: Double
            let standard_error: Double?
          }
          let task: String
          let version: Int
          let few_shot: Int
          let samples: Int
          let metrics: [String: Figure]
        }
        let name: String
        let base: String
        let adapters: [String]
        let tasks: [Task]
      }
      let models: [Model]
    }
    let scores = try JSONDecoder().decode(Scores.self, from: Data(workspace.read("scores.json").utf8))
    #expect(scores.models.map(\.name) == ["starter", "starter-quickstart"])
    #expect(scores.models[1].adapters == [GenerateTests.quickstart])
    let taught = try #require(scores.models[1].tasks.first)
    #expect(taught.samples == 20 && taught.metrics["exact_match"].map { $0.value > 0.6 } == true)

    struct Line: Decodable {
      let model: String
      let id: Int
      let prompt: String
      let answer: String
      let target: String
      let correct: Bool
    }
    let samples = try workspace.read("samples.jsonl").split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    #expect(samples.count == 40 && samples[20].model == "starter-quickstart" && samples[20].id == 0)
    #expect(samples[20].prompt.contains("### Instruction:"))
    #expect(Double(samples[20...].count { $0.correct }) / 20 == taught.metrics["exact_match"]?.value)
    #expect(samples.allSatisfy { $0.correct == ($0.answer.trimmingCharacters(in: .whitespaces) == $0.target) })
    let page = try workspace.read("report.html")
    #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("starter-quickstart") && !page.contains("://"))
    #expect(try kept(workspace).isEmpty)
  }

  @Test func goesOnAfterAnInterruption() throws {
    let workspace = try Workspace()
    let arguments = EvaluateTests.instructions + ["--samples", "samples.jsonl"]
    let whole = try run(workspace, arguments)
    let expected = try workspace.read("samples.jsonl")
    try workspace.remove("samples.jsonl")

    let process = Process()
    process.executableURL = URL(fileURLWithPath: Workspace.tool)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: workspace.folder.path)
    process.environment = ProcessInfo.processInfo.environment.merging(["XDG_CACHE_HOME": workspace.folder.path]) { $1 }
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    // As soon as an answer is kept.
    let journal = "puna/evaluations"
    for _ in 0..<3000 {
      let files = (try? FileManager.default.contentsOfDirectory(atPath: workspace.folder.file(journal))) ?? []
      if let file = files.first, let text = try? workspace.read("\(journal)/\(file)"), text.split(separator: "\n").count > 3 { break }
      usleep(10_000)
    }
    process.interrupt()
    let error = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 130, "\(error)")
    #expect(error.contains("puna: interrupted. The answers so far are kept in ") && error.contains("the same command goes on"), "\(error)")
    #expect(!workspace.exists("samples.jsonl"))
    #expect(try kept(workspace).count == 1)

    let rest = try run(workspace, arguments)
    #expect(rest.status == 0 && rest.output == whole.output)
    #expect(rest.error.contains("answers of an interrupted evaluation are used"), "\(rest.error)")
    #expect(try workspace.read("samples.jsonl") == expected)
    #expect(try kept(workspace).isEmpty)
  }

  @Test func comparesModelsOfAnyKind() throws {
    let workspace = try Workspace()
    let result = try run(
      workspace,
      EvaluateTests.instructions + [
        "--adapter", GenerateTests.quickstart, "--compare", "again=starter,\(GenerateTests.quickstart)", "--compare",
        "half=starter,\(GenerateTests.quickstart)=0.5", "--limit", "8", "--quiet",
      ])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains("again less starter-quickstart") && result.output.contains("half less starter-quickstart"))
    #expect(result.output.contains("exact_match  +0.00 ± 0.00"), "\(result.output)")
    #expect(try kept(workspace).isEmpty)
  }

  @Test func candidateProgramsAreRunOnlyWhenAsked() throws {
    let workspace = try Workspace()
    try workspace.write(
      #"{"task_id": "x/0", "prompt": "def one():\n", "entry_point": "one", "canonical_solution": "    return 1\n", "test": "def check(f):\n    assert f() == 1\n"}"#
        + "\n", to: "problems.jsonl")
    let refused = try run(
      workspace, ["evaluate", "--base", "starter", "--task", "humaneval", "--data", "problems.jsonl", "--max-tokens", "4"])
    #expect(refused.status == 1 && refused.output.isEmpty)
    #expect(refused.error.contains("--run-code"), "\(refused.error)")
  }

  @Test(arguments: [
    (["--limit", "0"], "--limit is 0; expected a whole number from 1."),
    (["--few-shot=-1"], "--few-shot is -1; expected a whole number from 0."),
    (["--answers", "0"], "--answers is 0; expected a whole number from 1."),
    (["--answers", "2"], "--answers 2 at temperature 0 are the same answer 2 times."),
    (["--temperature=-1"], "--temperature is -1.0; expected 0, or a number from 0.001."),
    (["--max-tokens", "0"], "--max-tokens is 0; expected a whole number from 1."),
    (["--against-base"], "--against-base compares an adapter with its base: give --adapter."),
    (["--task", "instructions"], "--task instructions is given twice."),
    (["--compare", "starter=starter"], "two models are called 'starter'. Give --compare another NAME."),
    (["--compare", "starter"], "'starter' is invalid for '--compare <compare>'"),
    (["--compare", "a=starter,"], "'a=starter,' is invalid"),
    (["--output", "x", "--report", "x"], "--output, --samples and --report are different files."),
  ])
  func wrongCommandLines(flags: [String], message: String) throws {
    let result = try run(Workspace(), EvaluateTests.instructions + flags)
    #expect(result.status == 2 && result.error.contains(message), "\(result.status) \(result.error)")
  }

  @Test(arguments: [
    (["--task", "mmul"], "There is no task 'mmul'. Did you mean 'mmlu'?"),
    (["--task", "mmlu"], "mmlu"),
    (["--task", "tasks/none.yaml"], "tasks/none.yaml: there is no such file."),
    (["--task", "mmlu", "--data", "nowhere"], "nowhere: no such file or folder."),
    (["--task", "instructions", "--data", heldOut, "--output", "nowhere/x"], "nowhere/x"),
    (["--task", "instructions", "--data", heldOut, "--compare", "other=nowhere"], "nowhere"),
    (
      ["--task", "instructions", "--data", "data.json", "--samples", "./data.json"],
      "--samples is data.json, which is read. Give it another name."
    ),
  ])
  func mistakes(flags: [String], message: String) throws {
    let result = try run(Workspace(), ["evaluate", "--base", "starter"] + flags)
    #expect(result.status == 1 && result.output.isEmpty && result.error.contains(message), "\(result.status) \(result.error)")
  }
}
