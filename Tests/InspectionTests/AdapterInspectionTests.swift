import Foundation
import Inspection
import JSON
import TestSupport
import Testing

struct AdapterInspectionTests {
  @Test func theReportOfAnAdapter() throws {
    let sample = try Sample.adapter()
    try sample.writeAdapter()
    let inspection = try sample.inspect()
    #expect(inspection.text(in: sample.folder) == AdapterInspectionTests.report)
    let adapter = try #require(inspection.adapter)
    #expect(adapter.ranks == [2] && adapter.parameterCount == 112 && adapter.modules.map(\.layers) == [[0, 1], [0, 1]])
    #expect(inspection.json["adapter"]?["scale"]?.double == 4)
  }

  private static let report = """
    DIR: PEFT adapter

    settings       rank 2, alpha 8, scale 4 (alpha / rank)
    base           not named
    parameters     112 in float32, 448 B
      self_attn.q_proj  rank 2  8 -> 8  layers 0-1
      self_attn.v_proj  rank 2  8 -> 4  layers 0-1

    files
      adapter_model.safetensors  1.5 kB  8 tensors
      adapter_config.json         109 B

    """

  @Test func whatIsUnusualIsNamed() throws {
    var sample = try Sample.adapter()
    sample.configuration["use_dora"] = .bool(true)
    sample.configuration["modules_to_save"] = .array([.string("lm_head"), .string("embed_tokens")])
    sample.configuration["never_heard_of"] = .integer(3)
    sample.configuration["layer_replication"] = .null
    sample.tensors.append(("base_model.model.lm_head.weight", "F32", [1, 1], [0, 0, 0, 0]))
    sample.tensors.append(("prompt_embeddings", "F32", [1, 1], [0, 0, 0, 0]))
    try sample.writeAdapter()
    let inspection = try sample.inspect()
    #expect(
      inspection.adapter?.unusualSettings == [
        "modules_to_save [\"lm_head\",\"embed_tokens\"]", "never_heard_of 3", "use_dora true",
      ])
    #expect(
      inspection.problems == [
        "adapter_config.json: 'never_heard_of' is 3, which this version does not compute. The key is unknown and may change what the "
          + "adapter means.",
        "1 tensor of unknown meaning: prompt_embeddings.",
        "adapter_config.json: 'modules_to_save' names embed_tokens, for which there is no weight.",
        "adapter_config.json: 'use_dora' is true, but there is no lora_magnitude_vector.",
      ])
    #expect(
      inspection.notes == ["it is a DoRA: it can be merged into its base, but not run or trained beside it."])
  }

  /// Names of older versions, of DoRA, of embeddings and of whole weights.
  @Test func everySpellingOfNames() throws {
    var sample = try Sample.adapter()
    sample.configuration["target_modules"] = .string(".*")
    for index in sample.tensors.indices {
      sample.tensors[index].name = sample.tensors[index].name.replacingOccurrences(of: ".weight", with: ".default.weight")
    }
    let zero: [UInt8] = [0, 0, 0, 0]
    sample.tensors += [
      ("base_model.model.model.embed_tokens.lora_embedding_A", "F32", [1, 10], [UInt8](repeating: 0, count: 40)),
      ("base_model.model.model.embed_tokens.lora_embedding_B", "F32", [8, 1], [UInt8](repeating: 0, count: 32)),
      ("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", "F32", [1], zero),
      ("base_model.model.lm_head.modules_to_save.default.weight", "F32", [1], zero),
      ("base_model.model.lm_head.original_module.weight", "F32", [1], zero),
    ]
    try sample.writeAdapter()
    let adapter = try #require(try sample.inspect().adapter)
    #expect(adapter.otherTensors.isEmpty && adapter.unpaired.isEmpty)
    #expect(adapter.modules.map(\.module) == ["self_attn.q_proj", "self_attn.v_proj", "model.embed_tokens"])
    #expect(adapter.savedWeights == ["lm_head"] && adapter.magnitudeCount == 1)
  }

  @Test func matricesThatDoNotMakePairs() throws {
    var sample = try Sample.adapter()
    sample.tensors.removeAll { $0.name.contains("layers.1.self_attn.v_proj.lora_B") }
    sample.configuration["target_modules"] = .array([.string("q_proj"), .string("v_proj"), .string("up_proj")])
    try sample.writeAdapter()
    #expect(
      try sample.inspect().problems == [
        "'base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight': no partner of the same rank (lora_A and lora_B go in pairs).",
        "adapter_config.json: 'target_modules' names up_proj, for which there are no matrices.",
      ])
  }

  @Test func anEmptyAdapter() throws {
    var sample = try Sample.adapter()
    sample.tensors = [("x", "F32", [1], [0, 0, 0, 0])]
    try sample.writeAdapter()
    #expect(try sample.inspect().problems.first == "holds no LoRA matrices: the adapter is empty.")
  }

  /// Ranks of 0 must not become infinite scales, which JSON cannot write.
  @Test func aRankOfZero() throws {
    var sample = try Sample.adapter()
    for index in sample.tensors.indices {
      let shape = sample.tensors[index].shape.map { $0 == 2 ? 0 : $0 }
      sample.tensors[index].shape = shape
      sample.tensors[index].bytes = []
    }
    try sample.writeAdapter()
    let inspection = try sample.inspect()
    #expect(!inspection.problems.isEmpty && inspection.json.text.contains("\"scale\": null"))
  }

  @Test func theWeightsAlone() throws {
    let sample = try Sample.adapter()
    try sample.writeAdapter()
    let file = sample.folder.file("adapter_model.safetensors")
    let inspection = try Inspector().inspect(file)
    #expect(inspection.kind == .adapter && inspection.problems.isEmpty && inspection.adapter?.alpha == 8)
    try FileManager.default.removeItem(atPath: sample.folder.file("adapter_config.json"))
    #expect(try Inspector().inspect(file).problems == ["no adapter_config.json beside it: alpha, and with it the scale, is not known."])
  }

  /// A base folder that the adapter names is opened and compared.
  @Test func theBaseThatItNames() throws {
    let base = try Sample.base()
    try base.writeBase()
    let fingerprint = try #require(try base.inspect().fingerprint)
    var sample = try Sample.adapter()
    sample.configuration["base_model_name_or_path"] = .string(base.folder.path)
    try sample.writeAdapter()
    #expect(try sample.inspect().adapter?.fit == "shapes fit; no run.json says which base it was trained on")

    try sample.folder.write(#"{"base_fingerprint": "\#(fingerprint)"}"#, to: "best/run.json")
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
      try FileManager.default.copyItem(atPath: sample.folder.file(name), toPath: sample.folder.file("best/\(name)"))
    }
    #expect(try Inspector().inspect(sample.folder.file("best")).adapter?.fit == "fits: shapes and fingerprint agree")
    try sample.folder.write(#"{"base_fingerprint": "0123456789abcdef"}"#, to: "best/run.json")
    #expect(
      try Inspector().inspect(sample.folder.file("best")).problems.contains(
        "was trained on a base with fingerprint 0123456789ab...; \(base.folder.path) has \(fingerprint.prefix(12))...."))

    var other = try Sample.base()
    other.configuration["num_hidden_layers"] = .integer(1)
    other.tensors.removeAll { $0.name.contains("layers.1.") }
    try other.writeBase()
    sample.configuration["base_model_name_or_path"] = .string(other.folder.path)
    try sample.writeAdapter()
    #expect(
      try sample.inspect().problems == [
        "self_attn.q_proj is adapted in layer 1; \(other.folder.path) has 1 layer, from 0.",
        "self_attn.v_proj is adapted in layer 1; \(other.folder.path) has 1 layer, from 0.",
      ])
  }
}
