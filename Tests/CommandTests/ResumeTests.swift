import Foundation
import TestSupport
import Testing

/// `puna train --resume` as a process.
@Suite(.serialized) struct ResumeTests {
  private static let rows = (0..<7).map { row in
    "{\"ids\": [1, \((0..<(4 + row)).map { "\(3 + (5 * row + 7 * $0) % 50)" }.joined(separator: ", ")), 2], \"prompt_length\": 2}"
  }

  private func workspace(training: String = "{max_steps: 9, batch_size: 2, learning_rate: 1.0e-2}") throws -> Workspace {
    let workspace = try Workspace()
    try workspace.write("[\(ResumeTests.rows.joined(separator: ",\n"))]", to: "data.json")
    try workspace.recipe(
      data: "  validation: 2\n  max_length: 64\n", lora: "{rank: 2, dropout: 0.1}", training: training,
      more: "save_every: 2\nevaluate_every: 3\nkeep_checkpoints: 9\ncompute: {precision: float32}\n")
    return workspace
  }

  private func train(_ workspace: Workspace, _ more: String...) throws -> Workspace.Result {
    try workspace.run(["train", "r.yaml", "--quiet"] + more)
  }

  private func bytes(_ workspace: Workspace, _ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file(name)))
  }

  /// Every line without its times.
  private func metrics(_ workspace: Workspace) throws -> [[String: String]] {
    try workspace.read("out/metrics.jsonl").split(separator: "\n").map { line in
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      return object.filter { $0.key != "seconds" }.mapValues { "\($0)" }
    }
  }

  /// What a run leaves that is killed between the checkpoint of `step` and the next one.
  private func stop(_ workspace: Workspace, after step: Int) throws {
    for name in ["adapter_config.json", "adapter_model.safetensors"] { try workspace.remove("out/\(name)") }
    for name in try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file("out/checkpoints")) {
      if let saved = Int(name.dropFirst("step-".count)), saved > step { try workspace.remove("out/checkpoints/\(name)") }
    }
    try workspace.write("{}", to: "out/checkpoints/.step-000099.77.tmp/training_state.json")
    try workspace.write(try workspace.read("out/metrics.jsonl") + "{\"event\":\"st", to: "out/metrics.jsonl")
  }

  /// At the higher rate validation grows worse, so that the best adapter is an early one.
  @Test(arguments: ["1.0e-2", "0.5"]) func equalsNeverHavingStopped(rate: String) throws {
    let workspace = try workspace(training: "{max_steps: 9, batch_size: 2, learning_rate: \(rate)}")
    let whole = try train(workspace)
    #expect(whole.status == 0, "\(whole.error)")
    let files = ["out/adapter_model.safetensors", "out/adapter_config.json", "out/best/adapter_model.safetensors"]
    let expected = try files.map { try bytes(workspace, $0) }
    let lines = try metrics(workspace)
    #expect(lines.count == 9 + 4)
    for step in [2, 6, 8, 9] {
      try stop(workspace, after: step)
      let result = try train(workspace, "--resume")
      #expect(result.status == 0 && result.error.isEmpty, "\(step): \(result.error)")
      #expect(try files.map { try bytes(workspace, $0) } == expected, "step \(step)")
      #expect(try metrics(workspace) == lines, "step \(step)")
      #expect(!workspace.exists("out/checkpoints/.step-000099.77.tmp"))
    }
    let inspected = try workspace.run(["inspect", "out/checkpoints/step-000009"])
    #expect(inspected.output.contains("optimizer.safetensors") && !inspected.output.contains("not used"), "\(inspected.output)")
    // A finished one has nothing left to do, and keeps what it has.
    #expect(try train(workspace, "--resume").status == 0)
    #expect(try files.map { try bytes(workspace, $0) } == expected)
    #expect(try metrics(workspace) == lines)
  }

  @Test func passesOverWhatIsBroken() throws {
    let workspace = try workspace()
    #expect(try train(workspace).status == 0)
    let expected = try bytes(workspace, "out/adapter_model.safetensors")
    try stop(workspace, after: 6)
    try workspace.write("{\"step\": 6", to: "out/checkpoints/step-000006/training_state.json")
    let result = try train(workspace, "--resume")
    #expect(result.status == 0)
    #expect(result.error.contains("note: passed over: out/checkpoints/step-000006/training_state.json"), "\(result.error)")
    #expect(try bytes(workspace, "out/adapter_model.safetensors") == expected)
  }

  @Test func withoutACheckpointItBeginsAndSaysSo() throws {
    let workspace = try workspace()
    let first = try train(workspace, "--resume")
    #expect(first.status == 0 && first.error == "note: out has no complete checkpoint: training starts at step 0.\n", "\(first.error)")
    let expected = try bytes(workspace, "out/adapter_model.safetensors")
    try stop(workspace, after: 0)
    #expect(try train(workspace, "--resume").status == 0)
    #expect(try bytes(workspace, "out/adapter_model.safetensors") == expected)
    // What no run wrote is not removed.
    try stop(workspace, after: 0)
    try workspace.write("mine", to: "out/thesis.tex")
    let refused = try train(workspace, "--resume")
    #expect(refused.status == 1 && refused.error.contains("holds 'thesis.tex'"), "\(refused.error)")
  }

  @Test(arguments: [
    (["training.learning_rate=1.0e-3"], "training.learning_rate is 0.001 and was 0.01."),
    (["training.batch_size=3"], "training.batch_size is 3 and was 2."),
    (["training.max_steps=12"], "training.max_steps is 12 and was 9."),
    (["training.seed=1"], "training.seed is 1 and was 42."),
    (["lora.dropout=0.2"], "lora.dropout is 0.2 and was 0.1."),
    (["data.validation=1"], "data.validation is 1 and was 2."),
    (["compute.precision=bfloat16"], "compute.precision is bfloat16 and was float32."),
  ])
  func anotherRecipeIsRefused(overrides: [String], message: String) throws {
    let workspace = try workspace()
    #expect(try train(workspace).status == 0)
    try stop(workspace, after: 4)
    let before = try workspace.read("out/metrics.jsonl")
    let result = try workspace.run(["train", "r.yaml", "--resume"] + overrides)
    #expect(result.status == 1 && result.error.contains(message), "\(result.error)")
    #expect(result.error.contains("out was not trained so: put it back, or start anew with --overwrite."))
    #expect(try workspace.read("out/metrics.jsonl") == before)
  }

  @Test func otherDataAndWeightsAreRefused() throws {
    let workspace = try workspace()
    #expect(try train(workspace).status == 0)
    try stop(workspace, after: 4)
    try workspace.edit("data.json", "\"prompt_length\": 2},\n", "\"prompt_length\": 3},\n")
    let data = try train(workspace, "--resume")
    #expect(data.status == 1 && data.error.contains("the data file data.json is not what it was at the start."), "\(data.error)")
    try workspace.edit("data.json", "\"prompt_length\": 3},\n", "\"prompt_length\": 2},\n")
    try workspace.edit("out/run.json", "\"base_fingerprint\" : \"", "\"base_fingerprint\" : \"0")
    let base = try train(workspace, "--resume")
    #expect(base.status == 1 && base.error.contains("the base base has other weights than at the start"), "\(base.error)")
  }

  @Test func harmlessChangesAreAllowedAndTold() throws {
    let workspace = try workspace()
    #expect(try train(workspace).status == 0)
    let expected = try bytes(workspace, "out/adapter_model.safetensors")
    try stop(workspace, after: 4)
    let result = try train(workspace, "--resume", "save_every=3", "compute.threads=1", "training.recompute=always")
    #expect(result.status == 0, "\(result.error)")
    #expect(
      result.error.contains("note: save_every is 3 and was 2.\n")
        && result.error.contains("note: training.recompute is always and was auto.\n"))
    #expect(try bytes(workspace, "out/adapter_model.safetensors") == expected)
    try stop(workspace, after: 4)
    let rounding = try train(workspace, "--resume", "training.micro_batch_tokens=16")
    #expect(rounding.error.contains("from here on the result differs by rounding"), "\(rounding.error)")
  }

  @Test func aLongerRunUnderAConstantRateGoesOn() throws {
    let constant = "{max_steps: 4, batch_size: 2, schedule: constant, warmup_steps: 0}"
    let workspace = try workspace(training: constant)
    #expect(try train(workspace, "training.max_steps=9").status == 0)
    let expected = try bytes(workspace, "out/adapter_model.safetensors")
    #expect(try train(workspace, "--overwrite").status == 0)
    let result = try train(workspace, "--resume", "training.max_steps=9")
    #expect(result.status == 0 && result.error.contains("training.max_steps is 9 and was 4."), "\(result.error)")
    #expect(try bytes(workspace, "out/adapter_model.safetensors") == expected)
  }

  @Test func anInterruptionSavesAndSaysHowToGoOn() throws {
    let workspace = try workspace(training: "{max_steps: 3000, batch_size: 2}")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Workspace.tool)
    process.arguments = ["train", "r.yaml", "save_every=5000", "evaluate_every=5000", "--quiet"]
    process.currentDirectoryURL = URL(fileURLWithPath: workspace.folder.path)
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    for _ in 0..<3000 {
      if let text = try? workspace.read("out/metrics.jsonl"), text.split(separator: "\n").count > 3 { break }
      usleep(10_000)
    }
    // One folder, one run.
    let second = try train(workspace, "--overwrite")
    #expect(second.status == 1 && second.error.contains("out: another process is training into this folder."), "\(second.error)")
    process.interrupt()
    let error = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 130, "\(error)")
    #expect(error.contains("of 3000, saved in out/checkpoints/step-") && error.contains("train r.yaml"), "\(error)")
    #expect(error.contains("--resume\n"), "\(error)")
    #expect(!workspace.exists("out/adapter_config.json"))
    let names = try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file("out/checkpoints"))
    #expect(names.count == 1)
  }
}
