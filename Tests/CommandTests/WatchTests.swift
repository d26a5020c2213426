import Foundation
import TestSupport
import Testing

/// What a run keeps to be looked at, and `puna runs`, as a person or a script sees them.
@Suite(.serialized) struct WatchTests {
  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    let rows = (0..<6).map { "{\"ids\": [1, \(3 + $0), \(9 + $0), \(20 + $0), 2], \"prompt_length\": 2}" }
    try workspace.write("[\(rows.joined(separator: ", "))]", to: "data.json")
    try workspace.recipe(
      data: "  validation: 2\n  max_length: 64\n", training: "{max_steps: 6, batch_size: 2, learning_rate: 1.0e-2}",
      more: "save_every: 2\nevaluate_every: 3\n")
    return workspace
  }

  /// Bytes of the one event file, without times: its sums and doubles are left to the tests of its writer.
  private func tags(_ workspace: Workspace, _ run: String) throws -> [String: Int] {
    let folder = "\(run)/tensorboard"
    let names = try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file(folder))
    #expect(names.count == 1, "\(names)")
    let bytes = try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("\(folder)/\(try #require(names.first))")))
    let text = String(decoding: bytes, as: UTF8.self)
    return Dictionary(
      uniqueKeysWithValues: ["train/loss", "train/learning_rate", "train/gradient_norm", "train/tokens_per_second", "validation/loss"].map {
        ($0, text.components(separatedBy: $0).count - 1)
      })
  }

  private static let allTags = [
    "train/loss": 6, "train/learning_rate": 6, "train/gradient_norm": 6, "train/tokens_per_second": 6, "validation/loss": 3,
  ]

  @Test func aRunLeavesCurvesAndAReport() throws {
    let workspace = try workspace()
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 0 && result.error.hasSuffix("report in out/report.html\n"), "\(result.error)")
    #expect(result.error.contains("step 6/6  epoch 3.00  loss ") && result.error.contains("examples/s"), "\(result.error)")
    #expect(try tags(workspace, "out") == WatchTests.allTags)
    _ = try PageText(workspace.read("out/loss.svg"), prologue: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
    let page = try PageText(workspace.read("out/report.html"))
    #expect(page.text.contains("Where the adapter changed the model") && page.text.contains("most memory"))
    #expect(page.text.contains("max_steps: 6"))
    // A run that has all this can be replaced, and inspected.
    #expect(try workspace.run(["train", "r.yaml", "--overwrite", "--quiet"]).error.isEmpty)
    let inspected = try workspace.run(["inspect", "out"])
    #expect(inspected.status == 0 && !inspected.output.contains("not used"), "\(inspected.output)")
  }

  /// As it was killed after step 5, having saved step 4.
  @Test func aResumedRunShowsExactlyItsSteps() throws {
    let workspace = try workspace()
    #expect(try workspace.run(["train", "r.yaml", "--quiet"]).status == 0)
    for name in ["adapter_config.json", "adapter_model.safetensors", "report.html", "checkpoints/step-000006"] {
      try workspace.remove("out/\(name)")
    }
    let lines = try workspace.read("out/metrics.jsonl").split(separator: "\n")
    try workspace.write(lines.dropLast(2).joined(separator: "\n") + "\n{\"event\":\"st", to: "out/metrics.jsonl")
    let stopped = try workspace.run(["inspect", "out"])
    #expect(stopped.output.hasPrefix("out: run folder, interrupted\n"), "\(stopped.output)")
    #expect(stopped.output.contains("Go on from step 4 with: puna train out/recipe.yaml --resume"), "\(stopped.output)")
    #expect(try workspace.run(["train", "out/recipe.yaml", "--resume", "--quiet"]).status == 0)
    #expect(try tags(workspace, "out") == WatchTests.allTags)
    #expect(workspace.exists("out/report.html"))
    #expect(try workspace.run(["inspect", "out"]).output.hasPrefix("out: run folder, finished\n"))
  }

  @Test func runsAreListedAndCompared() throws {
    let workspace = try workspace()
    #expect(try workspace.run(["train", "r.yaml", "--quiet", "output=runs/a"]).status == 0)
    #expect(try workspace.run(["train", "r.yaml", "--quiet", "output=runs/b", "lora.rank=4", "training.max_steps=3"]).status == 0)
    try workspace.write("x", to: "runs/notes/today.txt")
    let result = try workspace.run(["runs", "runs"])
    #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
    let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    #expect(lines[0] == "run state steps best validation last loss time examples/s")
    #expect(lines[1].hasPrefix("a finished 6 of 6 ") && lines[2].hasPrefix("b finished 3 of 3 "), "\(result.output)")
    #expect(lines.contains("lora.rank 2 a") && lines.contains("training.max_steps 6 a") && lines.contains("3 b"), "\(result.output)")
    #expect(lines.contains("notes: no run in it") && !result.output.contains("output"), "\(result.output)")
    let json = try workspace.run(["runs", "runs/", "--json"])
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(object["differences"] as? [String] == ["lora.rank", "training.max_steps"])
    let run = try #require((object["runs"] as? [[String: Any]])?.first?["run"] as? [String: Any])
    #expect(run["state"] as? String == "finished" && run["steps_done"] as? Int == 6)
    // A broken one is told, and the others are shown.
    try workspace.write("{", to: "runs/a/run.json")
    let broken = try workspace.run(["runs", "runs"])
    #expect(broken.status == 1 && broken.output.contains("a: run.json:1: unreadable JSON"), "\(broken.output)")
    #expect(try workspace.run(["runs", "nowhere"]).error == "puna: nowhere: no such file.\n")
    #expect(try workspace.run(["runs"]).status == 2)
  }

  @Test func aRunThatGoesOnIsRunning() throws {
    let workspace = try workspace()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Workspace.tool)
    process.arguments = ["train", "r.yaml", "training.max_steps=100000", "save_every=100000", "evaluate_every=100000", "--quiet"]
    process.currentDirectoryURL = URL(fileURLWithPath: workspace.folder.path)
    process.standardError = FileHandle.nullDevice
    try process.run()
    for _ in 0..<3000 {
      if let text = try? workspace.read("out/metrics.jsonl"), text.split(separator: "\n").count > 3 { break }
      usleep(10_000)
    }
    #expect(try workspace.run(["inspect", "out"]).output.hasPrefix("out: run folder, running\n"))
    #expect(try workspace.run(["runs", "."]).output.contains("out  running"))
    process.interrupt()
    process.waitUntilExit()
    #expect(process.terminationStatus == 130)
    // An interrupted one has its curves, and no report.
    #expect(workspace.exists("out/loss.svg") && !workspace.exists("out/report.html"))
    #expect(try workspace.run(["runs", "."]).output.contains("out  interrupted"))
  }
}
