import Foundation
import TestSupport
import Testing

/// Stages that give a base more vocabulary, one on the other: embeddings, pre-training, instructions, merging. As a process.
@Suite(.serialized) struct StageTests {
  private static let text = (0..<60).map { "你好，你好。the llama \($0) 好你 walks on the puna 你\n" }.joined()

  /// The starter, with a tokenizer that has a few Chinese pieces more, and text to learn.
  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.write(TinySentencePiece(merges: ["你", "好", "你好"]).bytes, to: "zh.model")
    try run(workspace, "merge", "--base", "starter", "--output", "plain", "--quiet")
    try run(
      workspace, "tokenizer", "merge", "--base", "plain/tokenizer.model", "--add", "zh.model", "--special", "[PAD]", "--output",
      "merged.model")
    try workspace.write(StageTests.text, to: "zh.txt")
    try workspace.write(#"[{"instruction": "你好", "output": "好"}, {"instruction": "好你好", "output": "你"}]"#, to: "rows.json")
    return workspace
  }

  @discardableResult
  private func run(_ workspace: Workspace, _ arguments: String...) throws -> Workspace.Result {
    let result = try workspace.run(arguments)
    try #require(result.status == 0, "\(arguments): \(result.error)")
    return result
  }

  private func stage(
    _ workspace: Workspace, _ name: String, train: String = "zh.txt", lora: String, steps: Int = 3, more: String = ""
  ) throws {
    try workspace.write(
      """
      base: starter
      data: {train: \(train), max_length: 160}
      lora: \(lora)
      training: {max_steps: \(steps), batch_size: 2, learning_rate: 5.0e-3}
      compute: {precision: float32}
      samples: none
      output: \(name)
      \(more)
      """, to: "\(name).yaml")
  }

  private func logits(_ workspace: Workspace, _ arguments: String...) throws -> [Float] {
    try #require(
      try workspace.run(["logits", "--prompt", "你好 the llama", "--precision", "float32", "--output", "l.safetensors"] + arguments).status
        == 0)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("l.safetensors")))
    let header = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    return bytes.dropFirst(8 + header).withUnsafeBytes { raw in
      (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
  }

  private func difference(_ a: [Float], _ b: [Float]) -> Float {
    a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? .infinity : .infinity
  }

  @Test func theWholeChain() throws {
    let workspace = try workspace()
    // Embeddings alone; then low-rank matrices over them; then these continued on instructions.
    let vocabulary = "vocabulary: {tokenizer: merged.model, initialize: subword_mean}\n"
    try stage(
      workspace, "one", lora: "{target_modules: none, train_embeddings: {input: new_rows, output: new_rows, tie: true}}", more: vocabulary)
    let dry = try run(workspace, "train", "one.yaml", "--dry-run")
    #expect(dry.output.contains("# trained     embedding and head in one: ") && dry.output.contains(" new rows: "), "\(dry.output)")
    try run(workspace, "train", "one.yaml", "--quiet")
    try stage(workspace, "two", lora: "{rank: 2}", more: "adapters: [one]\n")
    let second = try run(workspace, "train", "two.yaml", "--quiet")
    #expect(second.error.isEmpty, "\(second.error)")
    try stage(workspace, "three", train: "rows.json", lora: "{start_from: two}", more: "evaluate_every: 2\n")
    let third = try run(workspace, "train", "three.yaml", "--quiet")
    #expect(third.error.isEmpty, "\(third.error)")

    let record = try workspace.read("three/run.json")
    #expect(record.contains("\"path\" : \"one\"") && record.contains("\"start_from\" : \"two\""), "\(record)")
    #expect(try workspace.read("one/run.json").contains("\"initialize\" : \"subword_mean\""))
    #expect(
      workspace.exists("one/tokenizer.model") && workspace.exists("one/tokenizer_config.json") && !workspace.exists("two/tokenizer.model"))
    #expect(try workspace.read("one/adapter_config.json").contains("\"embed_tokens\",\n    \"lm_head\""))

    // What stands below comes along, named or not; another order or weight is refused.
    let expected = try logits(workspace, "--base", "starter", "--adapter", "one", "--adapter", "three")
    #expect(try difference(expected, logits(workspace, "--base", "starter", "--adapter", "three")) == 0)
    #expect(try difference(expected, logits(workspace, "--base", "starter", "--adapter", "one")) > 1e-3)
    let weight = try workspace.run([
      "logits", "--base", "starter", "--adapter", "one=0.5", "--adapter", "three", "--tokens", "1", "--output", "x",
    ])
    #expect(
      weight.status == 1 && weight.error.contains("one: three was trained over it and brings it (weight 1.0). Leave it out."),
      "\(weight.error)")

    // Merged in either layout, the model is base and adapters, with the tokenizer of the last that brought one.
    try run(
      workspace, "merge", "--base", "starter", "--adapter", "one", "--adapter", "three", "--output", "hf", "--dtype", "float32", "--quiet")
    #expect(try difference(expected, logits(workspace, "--base", "hf")) < 1e-4)
    let files = ["hf/tokenizer.model", "merged.model"].map { FileManager.default.contents(atPath: workspace.folder.file($0)) }
    #expect(files[0] != nil && files[0] == files[1])
    try run(
      workspace, "merge", "--base", "starter", "--adapter", "three", "--output", "meta", "--dtype", "float32", "--format", "meta",
      "--shards",
      "3", "--quiet")
    #expect(try difference(expected, logits(workspace, "--base", "meta")) < 1e-4)
    try run(
      workspace, "evaluate", "--base", "starter", "--adapter", "three", "--against-base", "--task", "perplexity", "--data", "zh.txt",
      "--output", "scores.json", "--precision", "float32")
    #expect(try workspace.read("scores.json").contains("bits_per_byte"))
    let answer = try run(workspace, "generate", "--base", "starter", "--adapter", "three", "--instruction", "你好", "--max-tokens", "4")
    #expect(answer.status == 0)
  }

  /// Checkpoints hold the new rows alone, and are enough to go on bit for bit.
  @Test(arguments: ["{input: new_rows, output: new_rows}", "{input: all, output: new_rows}", "{input: all, output: all, tie: true}"])
  func resumingEqualsNeverHavingStopped(rows: String) throws {
    let workspace = try workspace()
    try stage(
      workspace, "one", lora: "{rank: 2, train_embeddings: \(rows)}", steps: 4,
      more: "vocabulary: {tokenizer: merged.model}\nsave_every: 2\n")
    try run(workspace, "train", "one.yaml", "--quiet")
    let file = URL(fileURLWithPath: workspace.folder.file("one/adapter_model.safetensors"))
    let expected = try Data(contentsOf: file)
    let isPartial = rows.contains("new_rows")
    #expect(workspace.exists("one/checkpoints/step-000002/trained.safetensors") == isPartial)
    #expect(workspace.exists("one/checkpoints/step-000002/adapter_config.json") != isPartial)
    if rows.hasPrefix("{input: new_rows") {
      let size = try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("one/checkpoints/step-000002/trained.safetensors"))).count
      #expect(size < expected.count / 8)
      let result = try workspace.run(
        ["logits", "--base", "starter", "--adapter", "one/checkpoints/step-000002", "--tokens", "1", "--output", "x"])
      #expect(result.error.contains("is a checkpoint that keeps the trained rows of embedding and head alone"), "\(result.error)")
    }
    try FileManager.default.removeItem(at: file)
    try workspace.remove("one/checkpoints/step-000004")
    try run(workspace, "train", "one.yaml", "--quiet", "--resume")
    #expect(try Data(contentsOf: file) == expected)
    let verified = try run(workspace, "train", "one.yaml", "--verify")
    #expect(verified.output.contains("equal, bit for bit"))
  }

  /// New rows are trained, and the others are the base's, bit for bit.
  @Test func oldRowsStayWhatTheyAre() throws {
    let workspace = try workspace()
    try stage(
      workspace, "one", lora: "{target_modules: none, train_embeddings: {input: new_rows, output: none}}",
      more: "vocabulary: {tokenizer: merged.model, initialize: random}\n")
    let result = try run(workspace, "train", "one.yaml", "--quiet")
    #expect(result.error.contains("note: the head of starter is its embedding; trained, they become two matrices, as with PEFT."))
    try run(workspace, "merge", "--base", "starter", "--adapter", "one", "--output", "bf16", "--quiet")
    func tensor(_ folder: String, _ name: String) throws -> Data {
      for file in try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file(folder)) where file.hasSuffix(".safetensors") {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("\(folder)/\(file)")))
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try #require(try JSONSerialization.jsonObject(with: bytes[8..<8 + length]) as? [String: Any])
        guard let entry = header[name] as? [String: Any], let offsets = entry["data_offsets"] as? [Int] else { continue }
        return Data(bytes[8 + length + offsets[0]..<8 + length + offsets[1]])
      }
      throw Workspace.Unchanged(file: folder, text: name)
    }
    let old = try tensor("plain", "model.embed_tokens.weight")
    let (embedding, head) = (try tensor("bf16", "model.embed_tokens.weight"), try tensor("bf16", "lm_head.weight"))
    #expect(embedding.count == head.count && embedding.count > old.count)
    #expect(embedding.prefix(old.count) == old && head.prefix(old.count) == old)
    #expect(embedding.dropFirst(old.count) != head.dropFirst(old.count))
  }

  @Test func mistakes() throws {
    let workspace = try workspace()
    func message(lora: String = "{rank: 2}", more: String) throws -> String {
      try stage(workspace, "bad", lora: lora, more: more)
      let result = try workspace.run(["train", "bad.yaml", "--quiet"])
      #expect(result.status == 1 && !workspace.exists("bad/run.json"))
      return result.error
    }
    let other = try message(more: "vocabulary: {tokenizer: zh.model}\n")
    #expect(
      other.contains("the tokenizer has ") && other.contains("embedding and head have 2,048 rows.\n  embedding of starter"), "\(other)")
    #expect(other.contains("A vocabulary grows, and does not shrink"), "\(other)")
    let large = try message(more: "tokenizer: merged.model\n")
    #expect(large.contains("or let embedding and head grow: vocabulary: {tokenizer: merged.model}."), "\(large)")
    #expect(
      try message(lora: "{train_embeddings: {input: new_rows}}", more: "")
        .contains("lora.train_embeddings.input is new_rows, but there are none: the base has 2,048 rows, and so has this run."))
    // Other pieces first.
    try run(workspace, "tokenizer", "merge", "--base", "zh.model", "--add", "plain/tokenizer.model", "--output", "turned.model")
    let turned = try message(more: "vocabulary: {tokenizer: turned.model}\n")
    #expect(turned.contains("turned.model does not go on from the tokenizer of starter: id "), "\(turned)")
    // A stage whose vocabulary another would not understand.
    try stage(
      workspace, "one", lora: "{rank: 2, train_embeddings: {input: all, output: all}}", more: "vocabulary: {tokenizer: merged.model}\n")
    try run(workspace, "train", "one.yaml", "--quiet")
    let below = try message(more: "adapters: [one]\ntokenizer: plain/tokenizer.model\n")
    #expect(below.contains("one was trained with another tokenizer (fingerprint "), "\(below)")
    let tie = try message(lora: "{start_from: one, train_embeddings: {input: all, output: all, tie: true}}", more: "")
    #expect(tie.contains("keeps embedding and head one matrix, but they are two in starter with what is on it."), "\(tie)")
  }
}
