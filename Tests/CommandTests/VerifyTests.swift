import Foundation
import TestSupport
import Testing

/// `puna train --verify` as a process, and what it rests on: the same recipe gives the same bits.
@Suite(.serialized) struct VerifyTests {
  private func workspace(data: String = "  max_length: 64\n  validation: 1\n") throws -> Workspace {
    let workspace = try Workspace()
    let rows = (0..<6).map { "{\"ids\": [1, \(5 + $0), \(20 + $0), \(30 + 3 * $0), 2], \"prompt_length\": 2}" }
    try workspace.write("[\(rows.joined(separator: ", "))]", to: "data.json")
    try workspace.recipe(
      data: data, lora: "{rank: 2, dropout: 0.1}", training: "{max_steps: 8, batch_size: 2, learning_rate: 1.0e-2}",
      more: "save_every: 3\ncompute: {precision: float32}\n")
    return workspace
  }

  private func files(_ workspace: Workspace) throws -> [String: Data] {
    let names = try #require(FileManager.default.subpaths(atPath: workspace.folder.file("out"))).sorted()
    return try names.reduce(into: [:]) { files, name in
      var isFolder: ObjCBool = false
      let path = workspace.folder.file("out/\(name)")
      if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue {
        files[name] = try Data(contentsOf: URL(fileURLWithPath: path))
      }
    }
  }

  @Test func aRunIsRepeatedBitForBitAndNotTouched() throws {
    let workspace = try workspace()
    #expect(try workspace.run(["train", "r.yaml"]).status == 0)
    let before = try files(workspace)
    let result = try workspace.run(["train", "r.yaml", "--verify"])
    #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
    #expect(
      result.output
        == "out/metrics.jsonl: the validation before the first step and steps 1 to 5 are equal, bit for bit: loss, gradient norm, "
        + "learning rate and tokens.\n", "\(result.output)")
    let all = try workspace.run(["train", "r.yaml", "--verify", "--verify-steps", "100"])
    #expect(all.status == 0 && all.output.contains("steps 1 to 8 are equal"), "\(all.output)")
    // From the resolved recipe, and where checkpoints are gone.
    try FileManager.default.moveItem(atPath: workspace.folder.file("out/checkpoints"), toPath: workspace.folder.file("moved"))
    #expect(try workspace.run(["train", "out/recipe.yaml", "--verify"]).status == 0)
    try FileManager.default.moveItem(atPath: workspace.folder.file("moved"), toPath: workspace.folder.file("out/checkpoints"))
    #expect(try files(workspace) == before)
  }

  @Test func theFirstStepThatDiffersIsNamed() throws {
    let workspace = try workspace()
    #expect(try workspace.run(["train", "r.yaml"]).status == 0)
    let lines = try workspace.read("out/metrics.jsonl").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let changed = lines.map { line in
      guard line.contains("\"event\":\"step\""), line.contains("\"step\":3,") else { return line }
      return line.replacing(/"gradient_norm":[0-9.e-]+/, with: "\"gradient_norm\":0.5")
    }
    try workspace.write(changed.joined(separator: "\n"), to: "out/metrics.jsonl")
    let result = try workspace.run(["train", "r.yaml", "--verify"])
    #expect(result.status == 1)
    #expect(
      result.output.hasPrefix("out/metrics.jsonl: step 3 differs.\n  gradient_norm is ") && result.output.contains(" and was 0.5 ("),
      "\(result.output)")
    #expect(result.output.contains("  the steps before it are equal\nno reason was found: recipe, base, data,"), "\(result.output)")
  }

  @Test func whatChangedIsTheReason() throws {
    let workspace = try workspace()
    #expect(try workspace.run(["train", "r.yaml"]).status == 0)
    let recipe = try workspace.run(["train", "r.yaml", "--verify", "training.learning_rate=2.0e-2"])
    #expect(recipe.status == 1)
    #expect(
      recipe.output.contains("step 1 differs.\n  learning_rate is 0.02 and was 0.01 (1.0e+00 of it)\n")
        && recipe.output.contains("likely because:\n  training.learning_rate is 0.02 and was 0.01.\n"), "\(recipe.output)")
    try workspace.edit("data.json", "[1, 5, 20,", "[1, 5, 21,")
    let data = try workspace.run(["train", "r.yaml", "--verify"])
    #expect(data.status == 1 && data.output.contains("likely because:\n  the data file data.json is not what it was"), "\(data.output)")
  }

  @Test func withoutARunThereIsNothingToVerify() throws {
    let workspace = try workspace()
    let result = try workspace.run(["train", "r.yaml", "--verify"])
    #expect(result.status == 1 && result.error.contains("out holds no run that could be verified: it has no run.json."), "\(result.error)")
    #expect(!workspace.exists("out"))
    #expect(try workspace.run(["train", "r.yaml", "--verify", "--resume"]).status == 2)
  }

  @Test(arguments: ["bfloat16", "float32"]) func theNumberOfThreadsChangesNothing(precision: String) throws {
    let workspace = try Workspace()
    let adapters = try [1, 2, 3].map { threads in
      let result = try workspace.run([
        "train", "\(Workspace.package)/recipes/quickstart.yaml", "--precision", precision, "--threads", "\(threads)",
        "data.train=\(Workspace.package)/datasets/quickstart/train.json",
        "data.validation=\(Workspace.package)/datasets/quickstart/held-out.json", "lora.dropout=0.05", "training.max_steps=6",
        "training.warmup_steps=2", "samples=none", "output=threads-\(threads)", "--quiet",
      ])
      #expect(result.status == 0, "\(result.error)")
      return try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("threads-\(threads)/adapter_model.safetensors")))
    }
    #expect(adapters[0] == adapters[1] && adapters[0] == adapters[2])
    let lines = try [1, 2, 3].map { threads in
      try workspace.read("threads-\(threads)/metrics.jsonl").replacing(/"seconds":[0-9.e-]+/, with: "")
    }
    #expect(lines[0] == lines[1] && lines[0] == lines[2])
  }

  @Test func theRecordSaysWhatTheRunRestsOn() throws {
    let workspace = try workspace(data: "")
    #expect(try workspace.run(["train", "r.yaml", "output=below"]).status == 0)
    let result = try workspace.run(["train", "r.yaml", "adapters=[below]", "lora={start_from: below}"])
    #expect(result.status == 0, "\(result.error)")
    let record = try #require(try JSONSerialization.jsonObject(with: Data(try workspace.read("out/run.json").utf8)) as? [String: Any])
    for key in ["version", "instruction_set", "processor", "precision", "seed", "base_fingerprint", "start_from_fingerprint"] {
      #expect(record[key] != nil, "\(key)")
    }
    let below = try #require((record["adapters"] as? [[String: Any]])?.first)
    #expect((below["fingerprint"] as? String)?.isEmpty == false)
    #expect((below["fingerprint"] as? String) == record["start_from_fingerprint"] as? String)
    #expect(((record["data"] as? [String: Any])?["fingerprints"] as? [String])?.count == 1)
  }
}
