import Foundation
import Glibc
import TestSupport
import Testing

/// Runs that end early, by their own rule or another's.
@Suite(.serialized) struct StoppingTests {
  private static let rows = (0..<7).map { row in
    "{\"ids\": [1, \((0..<(4 + row)).map { "\(3 + (5 * row + 7 * $0) % 50)" }.joined(separator: ", ")), 2], \"prompt_length\": 2}"
  }

  private func workspace(
    training: String = "{max_steps: 9, batch_size: 2, learning_rate: 1.0e-2}", more: String = "", output: String = "out"
  ) throws -> Workspace {
    let workspace = try Workspace()
    try workspace.write("[\(StoppingTests.rows.joined(separator: ",\n"))]", to: "data.json")
    try workspace.recipe(
      data: "  validation: 2\n  max_length: 64\n", lora: "{rank: 2, dropout: 0.1}", training: training, output: output,
      more: "save_every: 2\nevaluate_every: 3\nkeep_checkpoints: 9\ncompute: {precision: float32}\n\(more)")
    return workspace
  }

  private func bytes(_ workspace: Workspace, _ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file(name)))
  }

  private func events(_ workspace: Workspace, _ output: String = "out") throws -> [[String: String]] {
    try workspace.read("\(output)/metrics.jsonl").split(separator: "\n").map { line in
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      return try object.filter { $0.key != "seconds" }.mapValues { value in
        guard value is [Any] else { return "\(value)" }
        // Dictionaries have no order of their own.
        return String(decoding: try JSONSerialization.data(withJSONObject: value, options: .sortedKeys), as: UTF8.self)
      }
    }
  }

  /// Takes a run back to one of its checkpoints, as a kill behind it would have left it.
  private func forget(_ workspace: Workspace, after step: Int) throws {
    for name in ["adapter_config.json", "adapter_model.safetensors"] { try workspace.remove("out/\(name)") }
    for name in try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file("out/checkpoints")) {
      if let saved = Int(name.dropFirst("step-".count)), saved > step { try workspace.remove("out/checkpoints/\(name)") }
    }
  }

  // MARK: - Early stopping

  /// At this rate validation grows worse soon.
  private static let wild = "{max_steps: 30, batch_size: 2, learning_rate: 0.5}"

  @Test func earlyStoppingEndsTheRunAndSaysWhy() throws {
    let workspace = try workspace(training: StoppingTests.wild, more: "early_stopping: {patience: 2, minimum_improvement: 0.001}\n")
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 0, "\(result.error)")
    let lines = try events(workspace)
    let stop = try #require(lines.last { $0["event"] == "stopped" })
    let step = try #require(stop["step"].flatMap(Int.init))
    #expect(step < 30 && lines.count { $0["event"] == "step" } == step && lines.last?["event"] == "stopped")
    #expect(
      result.error.contains(
        "stopped after step \(step): the validation loss has not fallen by more than 0.001 for 2 validations in a row; "
          + "the last that counted was "),
      "\(result.error)")
    #expect(workspace.exists("out/adapter_config.json") && workspace.exists("out/checkpoints/step-0000\(step < 10 ? "0" : "")\(step)"))

    // Resumed from anywhere it stops there again, and a run that has stopped has nothing left to do.
    let expected = try bytes(workspace, "out/adapter_model.safetensors")
    for earlier in [step - 1 - (step - 1) % 2, step] {
      try forget(workspace, after: earlier)
      let again = try workspace.run(["train", "r.yaml", "--resume", "--quiet"])
      #expect(again.status == 0 && again.error.hasPrefix("stopped after step \(step): "), "\(again.error)")
      #expect(try bytes(workspace, "out/adapter_model.safetensors") == expected && events(workspace) == lines, "from \(earlier)")
    }
    // When validations come decides when it stops.
    let changed = try workspace.run(["train", "r.yaml", "--resume", "evaluate_every=4"])
    #expect(changed.status == 1 && changed.error.contains("evaluate_every is 4 and was 3."), "\(changed.error)")
    let patience = try workspace.run(["train", "r.yaml", "--resume", "early_stopping.patience=9"])
    #expect(patience.status == 1 && patience.error.contains("early_stopping.patience is 9 and was 2."), "\(patience.error)")
  }

  // MARK: - Samples

  @Test func samplesAreAnsweredAtEveryValidationAndKept() throws {
    let workspace = try Workspace()
    let rows = (0..<12).map { "{\"instruction\": \"Say \($0).\", \"output\": \"\($0)\"}" }
    try workspace.write("[\(rows.joined(separator: ", "))]", to: "data.json")
    try workspace.recipe(
      base: "starter", data: "  validation: 3\n", training: "{max_steps: 4, batch_size: 2}",
      more:
        "evaluate_every: 2\nsave_every: 2\nsamples:\n  - What is a \"young\" bat called?\n  - {instruction: Say it twice., input: owl}\n")
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.hasPrefix("instructions, answered before and after:\n"), "\(result.output)")
    let lines = try events(workspace)
    #expect(lines.filter { $0["event"] == "samples" }.compactMap { $0["step"] } == ["0", "2", "4"])
    let text = try workspace.read("out/metrics.jsonl")
    #expect(text.contains("{\"instruction\":\"What is a \\\"young\\\" bat called?\",\"input\":\"\",\"answer\":\""))
    #expect(text.contains("{\"instruction\":\"Say it twice.\",\"input\":\"owl\",\"answer\":\""))
    #expect(try workspace.read("out/recipe.yaml").contains("  - {instruction: \"Say it twice.\", input: owl}\n"))

    // What was answered before comes from the metrics.
    try forget(workspace, after: 2)
    let again = try workspace.run(["train", "r.yaml", "--resume"])
    #expect(again.status == 0 && again.output == result.output, "\(again.output)")
    #expect(try events(workspace) == lines)

    let heldOut = try workspace.run(["train", "r.yaml", "samples=2", "output=two", "--quiet"])
    #expect(heldOut.status == 0 && heldOut.output.contains("answered exactly: 0 of 2 before, "), "\(heldOut.output)\(heldOut.error)")
    #expect(try workspace.read("two/metrics.jsonl").contains("\"expected\":\""))
    let tooMany = try workspace.run(["train", "r.yaml", "samples=5", "output=five"])
    #expect(
      tooMany.error.contains("command line: samples=5: samples asks for 5 held-out rows, but only 3 of the 3 held out ask something"),
      "\(tooMany.error)")
    #expect(!workspace.exists("five"))
  }

  // MARK: - Dry runs of the rest

  @Test func aDryRunOfTheRestSaysWhatIsLeft() throws {
    let workspace = try workspace()
    #expect(try workspace.run(["train", "r.yaml", "--quiet"]).status == 0)
    try forget(workspace, after: 4)
    let before = try events(workspace)
    let dry = try workspace.run(["train", "r.yaml", "--resume", "--dry-run", "save_every=3"])
    #expect(dry.status == 0, "\(dry.error)")
    #expect(dry.output.contains("# resumes     out/checkpoints/step-000004 after step 4: 5 steps are left\n"), "\(dry.output)")
    #expect(dry.error.contains("note: save_every is 3 and was 2.\n"), "\(dry.error)")
    let refused = try workspace.run(["train", "r.yaml", "--resume", "--dry-run", "training.seed=1"])
    #expect(refused.status == 1 && refused.error.contains("training.seed is 1 and was 42."), "\(refused.error)")
    #expect(try events(workspace) == before, "a dry run changes nothing")
  }

  // MARK: - Signals, disks and files

  private func start(_ workspace: Workspace, _ arguments: [String]) throws -> (process: Process, errors: Pipe) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Workspace.tool)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: workspace.folder.path)
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    return (process, errors)
  }

  private func wait(_ workspace: Workspace, lines count: Int) {
    for _ in 0..<3000 {
      if let text = try? workspace.read("out/metrics.jsonl"), text.split(separator: "\n").count >= count { return }
      usleep(10_000)
    }
  }

  /// A validation may take longer than anyone waits: it is cut, and made when the run goes on.
  @Test func anInterruptedValidationIsMadeWhenTheRunGoesOn() throws {
    let workspace = try Workspace()
    let arguments = [
      "train", "\(Workspace.package)/recipes/quickstart.yaml", "data.train=\(Workspace.package)/datasets/quickstart/train.json",
      "data.validation=\(Workspace.package)/datasets/quickstart/held-out.json", "training.max_steps=12", "training.warmup_steps=2",
      "evaluate_every=1", "save_every=5", "samples=none", "--quiet",
    ]
    var cuts = 0
    for round in 0..<20 {
      let lines = (try? workspace.read("out/metrics.jsonl"))?.split(separator: "\n").count ?? 0
      let (process, errors) = try start(workspace, arguments + ["output=out", "--resume"])
      wait(workspace, lines: lines + 1)
      usleep(UInt32(7000 * (round % 5)))
      process.interrupt()
      let error = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect([0, 130].contains(process.terminationStatus), "\(error)")
      if process.terminationStatus == 0 { break }
      let names = (try? FileManager.default.contentsOfDirectory(atPath: workspace.folder.file("out/checkpoints"))) ?? []
      if let newest = names.max() {
        cuts += try workspace.read("out/checkpoints/\(newest)/training_state.json").contains("validation_due") ? 1 : 0
      }
      if names.isEmpty { #expect(error.contains("interrupted before the first step. Begin again with:\n"), "\(error)") }
    }
    #expect(cuts > 0)
    #expect(try workspace.run(arguments + ["output=out", "--resume"]).status == 0)
    #expect(try workspace.run(arguments + ["output=whole"]).status == 0)
    for name in ["adapter_model.safetensors", "best/adapter_model.safetensors"] {
      #expect(try bytes(workspace, "out/\(name)") == bytes(workspace, "whole/\(name)"))
    }
    #expect(try events(workspace) == events(workspace, "whole"))
  }

  @Test func theInstructionsOfTheStartAreKeptWhereThereAreSome() throws {
    let workspace = try workspace()
    #expect(try workspace.run(["train", "r.yaml", "--quiet"], environment: ["PUNA_ISA": "generic"]).status == 0)
    let expected = try bytes(workspace, "out/adapter_model.safetensors")
    try forget(workspace, after: 4)
    let same = try workspace.run(["train", "r.yaml", "--resume", "--quiet"])
    #expect(same.status == 0 && same.error.isEmpty, "\(same.error)")
    #expect(try bytes(workspace, "out/adapter_model.safetensors") == expected)
    #expect(try workspace.run(["train", "r.yaml", "--verify"]).status == 0)

    try forget(workspace, after: 4)
    try workspace.edit("out/run.json", "\"instruction_set\" : \"generic\"", "\"instruction_set\" : \"neon\"")
    let other = try workspace.run(["train", "r.yaml", "--resume", "--quiet"])
    #expect(other.status == 0 && other.error.hasPrefix("warning: the run was started on neon; "), "\(other.error)")
    let warning = try #require(try events(workspace).first { $0["kind"] == "instruction_set" })
    #expect(warning["step"] == "4")
  }

  /// Two signals while checkpoints are written all the time: whatever the moment, what has a name is whole.
  @Test(arguments: [SIGINT, SIGTERM]) func aSecondSignalEndsAtOnce(number: Int32) throws {
    let training = "{max_steps: 400, batch_size: 2, schedule: constant, warmup_steps: 0, learning_rate: 1.0e-3}"
    let workspace = try workspace(training: training)
    let often = ["save_every=1", "evaluate_every=50", "--quiet"]
    for round in 0..<4 {
      let (process, errors) = try start(workspace, ["train", "r.yaml", "--resume"] + often)
      wait(workspace, lines: 20 + 40 * round)
      kill(process.processIdentifier, number)
      usleep(UInt32(500 * round))
      kill(process.processIdentifier, number)
      let error = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      let isSignal = process.terminationReason == .uncaughtSignal && process.terminationStatus == number
      #expect(isSignal || process.terminationStatus == 130, "\(process.terminationStatus) \(error)")
      #expect(!error.contains("Fatal"), "\(error)")
    }
    #expect(try workspace.run(["train", "r.yaml", "--resume"] + often).status == 0)
    #expect(try workspace.run(["train", "r.yaml", "output=whole"] + often).status == 0)
    for name in ["adapter_model.safetensors", "best/adapter_model.safetensors"] {
      #expect(try bytes(workspace, "out/\(name)") == bytes(workspace, "whole/\(name)"))
    }
    #expect(try events(workspace) == events(workspace, "whole"))
  }

  @Test(.enabled(if: getuid() == 0, "mounting a small file system needs root")) func aDiskThatFillsUpWhileSaving() throws {
    let workspace = try workspace(training: "{max_steps: 20, batch_size: 2, learning_rate: 1.0e-2}", output: "disk/out")
    let disk = workspace.folder.file("disk")
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    // Room for some checkpoints.
    guard mount("tmpfs", disk, "tmpfs", 0, "size=160k") == 0 else {
      withKnownIssue("no file system can be mounted here") { Issue.record("not run") }
      return
    }
    defer { umount2(disk, Int32(MNT_DETACH)) }
    let full = try workspace.run(["train", "r.yaml", "keep_checkpoints=99", "--quiet"])
    #expect(full.status == 1)
    let message = try #require(
      full.error.split(separator: "\n").first { $0.hasPrefix("puna: disk/out/") }.map(String.init), "\(full.error)")
    #expect(message.contains("the disk is full") && message.contains(" Training stopped after step "), "\(message)")
    #expect(message.contains("which was not saved. disk/out/checkpoints/step-0000"), "\(message)")
    #expect(message.hasSuffix(" is whole: make room or mend what is wrong, and go on from there with --resume."), "\(message)")
    #expect(!workspace.exists("disk/out/adapter_config.json"))
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(disk)/out/checkpoints")
    #expect(!names.isEmpty && names.allSatisfy { $0.hasPrefix("step-") }, "\(names)")

    #expect(mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT), "size=8m") == 0)
    let resumed = try workspace.run(["train", "r.yaml", "keep_checkpoints=99", "--resume", "--quiet"])
    #expect(resumed.status == 0 && resumed.error.isEmpty, "\(resumed.error)")
    #expect(try workspace.run(["train", "r.yaml", "output=whole", "--quiet"]).status == 0)
    #expect(try bytes(workspace, "disk/out/adapter_model.safetensors") == bytes(workspace, "whole/adapter_model.safetensors"))
    #expect(try events(workspace, "disk/out") == events(workspace, "whole"))
  }

  @Test func aDataFileThatVanishesCostsNothingThatWasSaved() throws {
    let workspace = try workspace(training: "{max_steps: 3000, batch_size: 2, schedule: constant, warmup_steps: 0}")
    let (process, errors) = try start(workspace, ["train", "r.yaml", "--quiet", "save_every=50", "evaluate_every=500"])
    wait(workspace, lines: 60)
    try workspace.remove("data.json")
    usleep(50_000)
    process.interrupt()
    let error = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 130, "\(error)")
    let missing = try workspace.run(["train", "r.yaml", "--resume"])
    #expect(missing.status == 1 && missing.error.contains("data.train is 'data.json', but there is no such file."), "\(missing.error)")
    try workspace.write("[\(StoppingTests.rows.joined(separator: ",\n"))]", to: "data.json")
    let saved = try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file("out/checkpoints"))
    let last = try #require(saved.compactMap { Int($0.dropFirst("step-".count)) }.max())
    let more = ["--resume", "--quiet", "save_every=50", "evaluate_every=500", "training.max_steps=\(last + 5)"]
    let resumed = try workspace.run(["train", "r.yaml"] + more)
    #expect(resumed.status == 0, "\(resumed.error)")
    #expect(try events(workspace).count { $0["event"] == "step" } == last + 5)
  }
}
