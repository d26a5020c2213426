import Foundation
import TestSupport
import Testing

/// What a run notices about itself and its data, as a process.
@Suite(.serialized) struct GuardTests {
  private static let rows = (0..<8).map { row in
    "{\"ids\": [1, \((0..<(4 + row)).map { "\(3 + (5 * row + 7 * $0) % 50)" }.joined(separator: ", ")), 2], \"prompt_length\": 2}"
  }

  private func events(_ workspace: Workspace, _ kind: String? = nil) throws -> [[String: Any]] {
    try workspace.read("out/metrics.jsonl").split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }.filter { kind == nil || $0["event"] as? String == kind }
  }

  private func warnings(_ workspace: Workspace, _ kind: String) throws -> [String] {
    try events(workspace, "warning").filter { $0["kind"] as? String == kind }.compactMap { $0["text"] as? String }
  }

  /// Puts NaN into an element, counted in bytes from the end of a shard.
  private func poison(_ workspace: Workspace, _ shard: Int, fromEnd offset: Int) throws {
    let file = URL(fileURLWithPath: workspace.folder.file("base/model-0000\(shard)-of-00004.safetensors"))
    var bytes = try Data(contentsOf: file)
    bytes.replaceSubrange(bytes.count - offset..<bytes.count - offset + 2, with: [0xC0, 0x7F])
    try bytes.write(to: file)
  }

  // MARK: - Numbers that are not finite

  @Test(arguments: ["bfloat16", "float32"]) func notFiniteNamesTheBlock(precision: String) throws {
    let workspace = try Workspace()
    // The last weight of layer 1's v_proj.
    try poison(workspace, 3, fromEnd: 2)
    let result = try workspace.run(["train", "r.yaml", "--precision", precision])
    #expect(result.status == 1)
    #expect(
      result.error.contains("step 1: the loss is nan and the gradient's norm nan. Training stopped; nothing of this step was kept."),
      "\(result.error)")
    #expect(result.error.contains("Block 1 of 0 to 1 is the first whose activations are not finite; the largest are "), "\(result.error)")
    let event = try #require(try events(workspace, "not_finite").first)
    #expect(event["first_not_finite_block"] as? Int == 1 && event["loss"] is NSNull && event["step"] as? Int == 1)
    let largest = try #require(event["largest_activations"] as? [Any])
    #expect(largest.count == 3 && largest[0] is Double && largest[1] is Double && largest[2] is NSNull)
    #expect(!workspace.exists("out/checkpoints"))
  }

  @Test func notFiniteNamesTheRow() throws {
    let workspace = try Workspace()
    // In the embedding of token 9, which only the second row has; embed_tokens begins shard 1's data of 6,720 bytes.
    try poison(workspace, 1, fromEnd: 6720 - 9 * 48)
    let result = try workspace.run(["train", "r.yaml", "--precision", "float32"])
    #expect(result.status == 1 && result.error.contains("Rows: data.json, row 2. Already the embedding's rows"), "\(result.error)")
    #expect(try events(workspace, "not_finite").first?["rows"] as? [String] == ["data.json, row 2"])
  }

  @Test func aHeadThatIsNotFiniteIsNoBlock() throws {
    let workspace = try Workspace()
    try workspace.recipe(data: "  validation: 1\n", training: "{max_steps: 1, batch_size: 1}")
    try poison(workspace, 4, fromEnd: 2)
    let result = try workspace.run(["train", "r.yaml", "--precision", "float32"])
    #expect(result.status == 1)
    #expect(
      result.error.contains("step 0: the validation loss is nan. Every block's activations are finite, the largest "), "\(result.error)")
    // Not a number is no JSON.
    #expect(try events(workspace, "validation").first?["loss"] is NSNull)
  }

  // MARK: - Rates and movement

  @Test func aLearningRateOfZeroAndAnAdapterThatDoesNotMove() throws {
    let workspace = try Workspace()
    try workspace.recipe(training: "{max_steps: 14, batch_size: 2, learning_rate: 1.0e-60}")
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 0, "\(result.error)")
    #expect(
      result.error.contains(
        "warning: r.yaml:5: the learning rate is zero in float32 at 14 of 14 steps, which change nothing. training.learning_rate is 1e-60."),
      "\(result.error)")
    #expect(
      result.error.contains("warning: after 10 steps the adapter is what it was: none of its 8 B matrices has moved."), "\(result.error)")
    #expect(try warnings(workspace, "learning_rate").count == 1 && warnings(workspace, "adapter_does_not_move").count == 1)
    #expect(try events(workspace).first?["kind"] as? String == "learning_rate", "warnings come first")
  }

  @Test func onlyWhatStandsStillIsNamed() throws {
    let workspace = try Workspace()
    // A layer whose o_proj is zero passes no gradient to its v_proj; B of o_proj itself still gets one.
    let file = URL(fileURLWithPath: workspace.folder.file("base/model-00003-of-00004.safetensors"))
    var bytes = try Data(contentsOf: file)
    let data = bytes.count - 8064
    bytes.replaceSubrange(data + 2688..<data + 4992, with: Data(count: 2304))
    try bytes.write(to: file)
    try workspace.recipe(lora: "{rank: 2, target_modules: [v_proj, gate_proj]}", training: "{max_steps: 12, batch_size: 2}")
    let result = try workspace.run(["train", "r.yaml", "--precision", "float32"])
    #expect(
      result.error.contains("warning: after 10 steps 1 of the adapter's 4 B matrices have not moved (layers.1.self_attn.v_proj)."),
      "\(result.error)")
  }

  @Test func anOrdinaryRunWarnsOfNothing() throws {
    let workspace = try Workspace()
    try workspace.write("[\(GuardTests.rows.joined(separator: ",\n"))]", to: "data.json")
    try workspace.recipe(data: "  validation: 2\n", training: "{max_steps: 30, batch_size: 2, learning_rate: 1.0e-2}")
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 0 && !result.error.contains("warning"), "\(result.error)")
    #expect(try events(workspace, "warning").isEmpty)
  }

  @Test func aSpikeIsAnnounced() throws {
    let workspace = try Workspace()
    // Forty rows that say one thing, and late in the file one that says another.
    let same = "{\"ids\": [1, 5, 6, 7, 8, 2], \"prompt_length\": 1}"
    let other = "{\"ids\": [1, 40, 41, 42, 43, 44, 45, 46, 47, 48, 2], \"prompt_length\": 1}"
    try workspace.write("[\(([String](repeating: same, count: 60) + [other]).joined(separator: ","))]", to: "data.json")
    try workspace.recipe(
      data: "  shuffle: false\n", training: "{epochs: 1, batch_size: 1, learning_rate: 3.0e-2}", more: "save_every: 50\n")
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 0 && result.error.contains("warning: step 61: the loss is "), "\(result.error)")
    let spike = try #require(try events(workspace, "warning").first { $0["kind"] as? String == "loss_spike" })
    #expect(spike["step"] as? Int == 61 && (spike["text"] as? String)?.contains("Rows: data.json, row 61.") == true)
    let loss = try #require(spike["loss"] as? Double), usual = try #require(spike["usual"] as? Double)
    #expect(loss > 1.5 * usual)
    // What was usual is known to a run that goes on.
    let lines = try events(workspace).filter { $0["event"] as? String == "warning" }.compactMap { $0["text"] as? String }
    for name in ["adapter_config.json", "checkpoints/step-000061"] { try workspace.remove("out/\(name)") }
    #expect(try workspace.run(["train", "r.yaml", "--resume", "--quiet"]).status == 0)
    #expect(try events(workspace).filter { $0["event"] as? String == "warning" }.compactMap { $0["text"] as? String } == lines)
    #expect(try warnings(workspace, "duplicate_rows").first?.hasPrefix("59 of 61 training rows repeat an earlier one: ") == true)
  }

  // MARK: - Data

  private func instruction(_ text: String, _ output: String) -> String { "{\"instruction\": \"\(text)\", \"output\": \"\(output)\"}" }

  @Test func rowsOfBothPartsAndRepeatedOnesAreNamed() throws {
    let workspace = try Workspace()
    let rows = [instruction("Say yes.", "Yes."), instruction("Say no.", "No."), instruction("Say \\u0079es.", " Yes.\\n")]
    try workspace.write("[\(rows.joined(separator: ", "))]", to: "a.json")
    try workspace.write("[\(instruction("Say why.", "Why.")), \(rows[1])]", to: "b.json")
    try workspace.write("[\(instruction("Say how.", "How.")), \(instruction("Say no. ", "No."))]", to: "v.json")
    try workspace.recipe(
      base: "starter", train: "[a.json, b.json]", data: "  validation: v.json\n", training: "{max_steps: 1, batch_size: 2}",
      more: "samples: none\n")
    let expected = [
      "warning: 2 of 5 training rows repeat an earlier one: a.json, row 3 says what a.json, row 1 says; b.json, row 2 says what a.json, row 2 "
        + "says. What is there twice is learnt twice; remove the copies unless that is meant.\n",
      "warning: 1 of 2 validation rows is trained on too: v.json, row 2 says what a.json, row 2 says. ",
    ]
    let dry = try workspace.run(["train", "r.yaml", "--dry-run"])
    for text in expected { #expect(dry.error.contains(text), "\(dry.error)") }
    let result = try workspace.run(["train", "r.yaml"])
    for text in expected { #expect(result.error.components(separatedBy: text).count == 2, "told once: \(result.error)") }
    #expect(try warnings(workspace, "validation_overlap").count == 1 && warnings(workspace, "duplicate_rows").count == 1)
    // A run that goes on says it again, and keeps it once.
    try workspace.remove("out/adapter_config.json")
    let resumed = try workspace.run(["train", "r.yaml", "--resume", "--quiet"])
    #expect(resumed.status == 0 && resumed.error.contains(expected[1]), "\(resumed.error)")
    #expect(try warnings(workspace, "validation_overlap").count == 1)
  }

  @Test func aSplitOfDataWithCopiesOverlaps() throws {
    let workspace = try Workspace()
    let rows = (0..<20).map { instruction("Say \($0).", "\($0)") }
    try workspace.write("[\((rows + rows).joined(separator: ", "))]", to: "data.json")
    try workspace.recipe(base: "starter", data: "  validation: 10\n", more: "samples: none\n")
    let dry = try workspace.run(["train", "r.yaml", "--dry-run"])
    #expect(dry.error.contains(" of 10 validation rows are trained on too: data.json, row "), "\(dry.error)")
  }

  // MARK: - Templates

  @Test(arguments: [
    ("alpaca", nil), ("llama2", nil),
    ("chinese-alpaca", "it belongs to a vocabulary with Chinese words, and this tokenizer takes "),
    ("own.json", "'<|im_start|>' is no special token of this tokenizer, but "),
  ])
  func templatesThatDoNotFit(template: String, message: String?) throws {
    let workspace = try Workspace()
    try workspace.write(
      """
      {"prompt_no_input": "<|im_start|>user {instruction}<|im_end|>", "prompt_input": "{instruction} {input}", "response_split": "<|im_end|>"}
      """, to: "own.json")
    try workspace.write("[\(instruction("Say yes.", "Yes."))]", to: "data.json")
    try workspace.recipe(base: "starter", data: "  template: \(template)\n")
    let dry = try workspace.run(["train", "r.yaml", "--dry-run"])
    #expect(dry.status == 0)
    if let message {
      #expect(dry.error.contains("may not fit starter: \(message)"), "\(dry.error)")
    } else {
      #expect(!dry.error.contains("warning"), "\(dry.error)")
    }
  }
}
