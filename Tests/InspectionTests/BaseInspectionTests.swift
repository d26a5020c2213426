import Foundation
import Inspection
import JSON
import TestSupport
import Testing

struct BaseInspectionTests {
  @Test func theReportOfAWholeBase() throws {
    let sample = try Sample.base()
    try sample.writeBase(splitAfter: 12)
    try sample.folder.write(TinySentencePiece(merges: []).bytes, to: "tokenizer.model")
    try sample.folder.write("words", to: "README.md")
    let inspection = try sample.inspect()
    #expect(inspection.text(in: sample.folder) == BaseInspectionTests.report)
  }

  private static let report = """
    DIR: base, Hugging Face folder, safetensors in 2 shards

    architecture   LLaMA network, 2 layers, hidden 8, 2 heads of 4, 1 KV head, feed-forward 12,
                   vocabulary 10, own head, norm epsilon 1e-05
    positions      2,048 at most, rope theta 10000
    parameters     1,160 in bfloat16, 2.3 kB
      embedding      80   6.9 %
      attention     384  33.1 %
      feed-forward  576  49.7 %
      norms          40   3.4 %
      head           80   6.9 %
    tokenizer      SentencePiece, 338 ids, more than the 10 rows of the embedding
                   BOS <s> (1), added to every sequence; EOS </s> (2)
                   byte fallback: spells every text
    fingerprint    9fc4e14f0f417cc9a97d7a0af7777b6d97e2fdede1943f6e87ff0434cb3a1b19

    files
      model-00001-of-00002.safetensors  2.6 kB  12 tensors
      model-00002-of-00002.safetensors  1.9 kB  9 tensors
      config.json                        202 B
      model.safetensors.index.json      1.7 kB
      tokenizer.model                   5.4 kB
      not used: README.md

    tensors
      model.embed_tokens.weight                         BF16  [10, 8]
      model.layers.0-1.input_layernorm.weight           BF16  [8]      x2
      model.layers.0-1.self_attn.q_proj.weight          BF16  [8, 8]   x2
      model.layers.0-1.self_attn.k_proj.weight          BF16  [4, 8]   x2
      model.layers.0-1.self_attn.v_proj.weight          BF16  [4, 8]   x2
      model.layers.0-1.self_attn.o_proj.weight          BF16  [8, 8]   x2
      model.layers.0-1.post_attention_layernorm.weight  BF16  [8]      x2
      model.layers.0-1.mlp.gate_proj.weight             BF16  [12, 8]  x2
      model.layers.0-1.mlp.up_proj.weight               BF16  [12, 8]  x2
      model.layers.0-1.mlp.down_proj.weight             BF16  [8, 12]  x2
      model.norm.weight                                 BF16  [8]
      lm_head.weight                                    BF16  [10, 8]

    problem
      tokenizer.model: 338 ids, more than the 10 rows of the embedding.

    """

  @Test func jsonTellsWhereEachTensorLies() throws {
    let sample = try Sample.base()
    try sample.writeBase(splitAfter: 12)
    let inspection = try sample.inspect(verifies: true)
    // Parsed by another reader.
    let object = try #require(try JSONSerialization.jsonObject(with: Data(inspection.json.text.utf8)) as? [String: Any])
    #expect(object["kind"] as? String == "base" && (object["problems"] as? [String])?.isEmpty == true)
    let network = try #require(object["network"] as? [String: Any])
    #expect(network["layers"] as? Int == 2 && network["tied_embeddings"] as? Bool == false && network["rope_scaling"] is NSNull)
    let parameters = try #require(object["parameters"] as? [String: Any])
    #expect(parameters["total"] as? Int == 1160 && parameters["attention"] as? Int == 384 && parameters["other"] as? Int == 0)
    #expect(parameters["dtypes"] as? [String: Int] == ["bfloat16": 1160])
    let tensors = try #require(object["tensors"] as? [[String: Any]])
    #expect(tensors.count == sample.tensors.count)
    for tensor in tensors {
      let stored = sample[try #require(tensor["name"] as? String)]
      let range = try #require(tensor["bytes"] as? [Int])
      let file = try Data(contentsOf: URL(fileURLWithPath: sample.folder.file(try #require(tensor["file"] as? String))))
      #expect([UInt8](file[range[0]..<range[1]]) == stored.bytes)
      #expect(tensor["shape"] as? [Int] == stored.shape && tensor["dtype"] as? String == stored.dtype)
    }
  }

  /// Configuration, shards, index and tokenizer are each wrong, and each is reported; what is sound is shown.
  @Test func everyProblemAtOnce() throws {
    var sample = try Sample.base()
    sample["model.norm.weight"].dtype = "I16"
    try sample.writeBase(splitAfter: 12)
    let shard = try Data(contentsOf: URL(fileURLWithPath: sample.folder.file("model-00001-of-00002.safetensors")))
    try sample.folder.write([UInt8](shard.dropLast(10)), to: "model-00001-of-00002.safetensors")
    try sample.folder.write("{", to: "tokenizer.json")
    let inspection = try sample.inspect()
    #expect(
      inspection.problems == [
        "model-00001-of-00002.safetensors: is cut short: its header describes \(shard.count) bytes, found \(shard.count - 10). "
          + "Copy or download it again.",
        "model-00002-of-00002.safetensors: 'model.norm.weight' is I16; weights of a base are F32, F16 or BF16.",
        inspection.problems.last ?? "",
      ])
    #expect(inspection.problems.last?.hasPrefix("tokenizer.json: ") == true)
    #expect(inspection.network?.configuration == Sample.shape && inspection.fingerprint == nil)
    #expect(inspection.tensorFiles.map(\.name) == ["model-00002-of-00002.safetensors"])
  }

  /// A configuration that stops the opening of a base does not hide what is wrong with its shards.
  @Test func shardsOfABaseWithoutConfiguration() throws {
    let sample = try Sample.base()
    try sample.writeBase(splitAfter: 12)
    try sample.folder.write(#"{"model_type": "mistral"}"#, to: "config.json")
    try FileManager.default.removeItem(atPath: sample.folder.file("model-00001-of-00002.safetensors"))
    let inspection = try sample.inspect()
    #expect(
      inspection.problems == [
        "config.json: 'model_type' is \"mistral\", which Puna does not compute. Only \"llama\" is known.",
        "model-00001-of-00002.safetensors: no such file.",
      ])
    #expect(inspection.parameters?.total == sample.tensors[12...].reduce(0) { $0 + $1.bytes.count / 2 })
  }

  @Test func aVocabularyBeyondTheEmbedding() throws {
    let sample = try Sample.base()
    try sample.writeBase()
    let tokenizer = TinySentencePiece(merges: [])
    try sample.folder.write(tokenizer.bytes, to: "tokenizer.model")
    #expect(
      try sample.inspect().problems == ["tokenizer.model: \(tokenizer.pieces.count) ids, more than the 10 rows of the embedding."])
  }

  @Test func whatLiesAroundIsNoted() throws {
    let sample = try Sample.base()
    try sample.writeBase(splitAfter: 12)
    for name in ["a.incomplete", "model-00003-of-00002.safetensors"] { try sample.folder.write([], to: name) }
    try sample.folder.write(SafetensorsBytes.file(sample.tensors), to: "pytorch_model.bin")
    try sample.folder.write("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", to: "big.gguf")
    try FileManager.default.createSymbolicLink(
      atPath: sample.folder.file("link"), withDestinationPath: sample.folder.file("nowhere"))
    let index = try String(contentsOfFile: sample.folder.file("model.safetensors.index.json"), encoding: .utf8)
    try sample.folder.write(
      index.replacingOccurrences(of: "\"total_size\": 2320", with: "\"total_size\": 19"), to: "model.safetensors.index.json")
    let inspection = try sample.inspect()
    #expect(inspection.problems.isEmpty)
    let size = SafetensorsBytes.file(sample.tensors).count
    #expect(
      inspection.notes == [
        "model.safetensors.index.json: total_size is 19; the tensors have 2,320 bytes. Nothing depends on it.",
        "PyTorch files (\(String(format: "%.1f", Double(size) / 1000)) kB) are there too, but not read: safetensors come first.",
        "GGUF (63 B) are there too, but not read: safetensors come first.", "a.incomplete: left by an interrupted download.",
        "link: a link to what does not exist.", "model-00003-of-00002.safetensors: is empty (0 bytes).",
        "big.gguf: a Git LFS pointer, not the file itself; run `git lfs pull`.",
      ])
    #expect(inspection.unusedFiles.map(\.name).contains("model-00003-of-00002.safetensors"))
  }

  @Test func layersThatDifferHaveTheirOwnLines() throws {
    var sample = try Sample.base()
    sample["model.layers.1.mlp.up_proj.weight"].dtype = "F16"
    try sample.writeBase()
    let lines = try sample.inspect().text().split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("  model.layers.0.mlp.up_proj.weight") && $0.hasSuffix("BF16  [12, 8]") })
    #expect(lines.contains { $0.hasPrefix("  model.layers.1.mlp.up_proj.weight") && $0.hasSuffix("F16   [12, 8]") })
    #expect(lines.contains("parameters     1,160, 2.3 kB: bfloat16 1,064, float16 96"))
  }

  struct Mistake: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let message: String
    let files: [String: String]
    var path = "DIR"
  }

  @Test(arguments: [
    Mistake(testDescription: "nowhere", message: "DIR/x: no such file.", files: [:], path: "DIR/x"),
    Mistake(testDescription: "empty", message: "DIR: is an empty folder.", files: [:]),
    Mistake(
      testDescription: "text",
      message: "DIR/a.txt: is a text file; expected a base, a shard, an adapter, a tokenizer or a run folder.", files: ["a.txt": "words"],
      path: "DIR/a.txt"),
    Mistake(
      testDescription: "an index alone", message: "DIR/i.json: is the index of a base's shards. Give the folder: puna inspect DIR",
      files: ["i.json": #"{"weight_map": {}}"#], path: "DIR/i.json"),
    Mistake(
      testDescription: "a configuration", message: "DIR/c.json: is the configuration of a base. Give the folder: puna inspect DIR",
      files: ["c.json": #"{"model_type": "llama"}"#], path: "DIR/c.json"),
    Mistake(
      testDescription: "an adapter's configuration",
      message: "DIR/c.json: is the configuration of an adapter. Give the folder: puna inspect DIR", files: ["c.json": #"{"peft_type": 1}"#],
      path: "DIR/c.json"),
    Mistake(
      testDescription: "a pointer", message: "DIR/p: is a Git LFS pointer, not the file itself. Run `git lfs pull` in its folder.",
      files: ["p": "version https://git-lfs.github.com/spec/v1\n"], path: "DIR/p"),
    Mistake(
      testDescription: "a web page",
      message: "DIR/p: is a web page, as a browser saves one in place of a download. Download the file itself.",
      files: ["p": "<!DOCTYPE html><html>"], path: "DIR/p"),
    Mistake(
      testDescription: "a folder of folders",
      message: "DIR: holds no base, adapter, tokenizer or run itself; these folders in it do: one, two",
      files: ["one/config.json": "{}", "two/adapter_config.json": "{}", "three/x": ""]),
    Mistake(
      testDescription: "a download cache", message: "DIR: is a download cache; inspect a snapshot in it: DIR/snapshots/abc",
      files: ["snapshots/abc/config.json": "{}"]),
    Mistake(
      testDescription: "something else",
      message: "DIR: holds no base, adapter, tokenizer or run; there is none of config.json, params.json, adapter_config.json, "
        + "tokenizer.model and tokenizer.json in it.", files: ["data.json": "[]"]),
  ])
  func nothingToInspect(mistake: Mistake) throws {
    let folder = try TemporaryFolder()
    for (name, text) in mistake.files { try folder.write(text, to: name) }
    let error = try #require(throws: (any Error).self) {
      try Inspector().inspect(mistake.path.replacingOccurrences(of: "DIR", with: folder.path))
    }
    #expect("\(error)".replacingOccurrences(of: folder.path, with: "DIR") == mistake.message)
  }
}
