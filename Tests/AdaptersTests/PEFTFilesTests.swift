import Adapters
import Checkpoints
import Foundation
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// The files of an adapter folder: where they are, how their tensors are called, and what is wrong with them.
struct PEFTFilesTests {
  private static let prefix = "base_model.model."

  @Test(arguments: [
    (".weight", ".default.weight"), (".weight", ".my adapter.weight"), (PEFTFilesTests.prefix, ""),
  ])
  func namesOfOtherVersionsAreRead(part: String, replacement: String) throws {
    var tiny = TinyAdapter()
    let expected = try tiny.read().modules
    for index in tiny.tensors.indices {
      tiny.tensors[index].name = tiny.tensors[index].name.replacingOccurrences(of: part, with: replacement)
    }
    #expect(try tiny.read().modules == expected)
  }

  @Test(arguments: [
    "lora_magnitude_vector", "lora_magnitude_vector.weight", "lora_magnitude_vector.default", "lora_magnitude_vector.default.weight",
  ])
  func magnitudesAreRead(name: String) throws {
    var tiny = TinyAdapter()
    tiny.configuration["use_dora"] = .bool(true)
    for (layer, projection, rows) in [(0, Projection.q, 8), (0, .v, 4), (1, .q, 8), (1, .v, 4)] {
      let values = (0..<rows).flatMap { TinyAdapter.bytes(Float($0 + layer)) }
      tiny.tensors.append(("\(PEFTFilesTests.prefix)model.layers.\(layer).\(projection.path).\(name)", "F32", [rows], values))
    }
    let adapter = try tiny.read(for: .merging)
    #expect(adapter.usesDoRA && !adapter.isZero)
    #expect(adapter.modules[3].magnitude == [1, 2, 3, 4])
    #expect(adapter.deltas[3].weightName == "model.layers.1.self_attn.v_proj.weight" && adapter.deltas[3].magnitude == [1, 2, 3, 4])

    tiny.tensors.removeLast()
    let last = "\(PEFTFilesTests.prefix)model.layers.1.self_attn.v_proj.lora_magnitude_vector"
    #expect(try tiny.problems(for: .merging) == ["a/adapter_model.safetensors: '\(last)' is missing."])
    tiny.configuration["use_dora"] = nil
    #expect(try tiny.problems(for: .merging).count == 1, "lengths of rows without DoRA are no part of the adapter")
  }

  // MARK: - Whole weights

  @Test(arguments: ["weight", "modules_to_save.weight", "modules_to_save.default.weight"])
  func savedWeightsAreRead(name: String) throws {
    var tiny = TinyAdapter()
    tiny.configuration["modules_to_save"] = .array([.string("embed_tokens"), .string("lm_head"), .string("wte")])
    tiny.addWhole("model.embed_tokens.\(name)", [12, 8], 1)
    tiny.addWhole("lm_head.\(name)", [12, 8], 2)
    tiny.addWhole("lm_head.original_module.weight", [12, 8], 3)
    let saved = try tiny.read(for: .merging).savedWeights
    #expect(saved.keys.sorted() == ["lm_head.weight", "model.embed_tokens.weight"])
    let head = try #require(saved["lm_head.weight"])
    #expect(head.shape == [12, 8] && head.byteCount == 384)
    head.withBytes(at: 380..<384) { #expect(Array($0) == TinyAdapter.bytes(2)) }

    tiny.tensors.removeAll { $0.name.contains("embed_tokens") }
    #expect(
      try tiny.problems(for: .merging)
        == ["a/adapter_model.safetensors: 'base_model.model.model.embed_tokens.weight' is missing."])
  }

  @Test func oneWeightUnderTwoNamesMustBeOne() throws {
    var tiny = TinyAdapter()
    for name in ["weight", "modules_to_save.weight"] { tiny.addWhole("model.norm.\(name)", [8], 1) }
    #expect(try tiny.read(for: .merging).savedWeights.keys.sorted() == ["model.norm.weight"])
    tiny.tensors.removeLast()
    tiny.addWhole("model.norm.modules_to_save.weight", [8], 2)
    let at = "base_model.model.model.norm."
    #expect(
      try tiny.problems(for: .merging)
        == ["a/adapter_model.safetensors: '\(at)weight' and '\(at)modules_to_save.weight' are not the same."])
  }

  @Test func savedWeightsThatDoNotFit() throws {
    let at = "a/adapter_model.safetensors: 'base_model.model."
    func problems(_ name: String, _ shape: [Int], _ value: Float = 0) throws -> [String] {
      var tiny = TinyAdapter()
      tiny.addWhole(name, shape, value)
      return try tiny.problems(for: .merging)
    }
    #expect(
      try problems("model.norm.weight", [9])
        == ["\(at)model.norm.weight' is [9]; adapter_config.json and the base imply [8]."])
    #expect(
      try problems("model.embed_tokens.weight", [9, 8])
        == ["\(at)model.embed_tokens.weight' is [9, 8]; adapter_config.json and the base imply [10, 8]."])
    #expect(
      try problems("model.embed_tokens.weight", [12, 8]) == [
        "a/adapter_model.safetensors: the embedding has 12 rows and the head 10 with this adapter. "
          + "An adapter for another vocabulary saves both (modules_to_save: embed_tokens, lm_head)."
      ])
    #expect(try problems("model.norm.weight", [8], .infinity) == ["\(at)model.norm.weight' holds NaN or infinity (element 0)."])
    #expect(try problems("score.weight", [2, 8]) == ["\(at)score.weight' is no part of what adapter_config.json describes."])
  }

  // MARK: - Embedding and head

  @Test func anAdapterOfTheEmbeddingIsTransposed() throws {
    var tiny = TinyAdapter()
    tiny.tensors = []
    tiny.configuration["target_modules"] = .array([.string("embed_tokens")])
    tiny.add("model.embed_tokens.lora_embedding_A", [2, 10], (0..<20).map(Float.init))
    tiny.add("model.embed_tokens.lora_embedding_B.default", [8, 2], (0..<16).map(Float.init))
    let delta = try #require(try tiny.read(for: .merging).vocabularyDeltas.first)
    #expect(delta.weightName == "model.embed_tokens.weight" && delta.rows == 10 && delta.columns == 8 && delta.scale == 4)
    #expect(delta.a == [0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15])
    #expect(delta.b.prefix(4) == [0, 10, 1, 11])

    tiny.configuration["use_dora"] = .bool(true)
    #expect(
      try tiny.problems(for: .merging) == [
        "a/adapter_config.json: 'use_dora' is true for an adapter of embed_tokens, which this version does not compute. "
          + "DoRA is folded into projections and the head."
      ])
  }

  // MARK: - What is wrong

  @Test func tensorsThatDoNotFit() throws {
    var tiny = TinyAdapter()
    tiny.tensors[0].shape = [4, 4]
    tiny.tensors[2].name += ".more"
    tiny.tensors[3].bytes.replaceSubrange(4..<8, with: TinyAdapter.bytes(.nan))
    tiny.tensors[4] = (tiny.tensors[4].name, "I32", [2, 8], tiny.tensors[4].bytes)
    let at = "a/adapter_model.safetensors: '"
    #expect(
      try tiny.problems() == [
        at + TinyAdapter.name(0, .q, "A") + "' is [4, 4]; adapter_config.json and the base imply [2, 8].",
        at + TinyAdapter.name(0, .v, "B") + "' holds NaN or infinity (element 1).",
        at + TinyAdapter.name(1, .q, "A") + "' is I32; adapters are F32, F16 or BF16.",
        at + TinyAdapter.name(0, .v, "A") + "' is missing.",
        at + TinyAdapter.name(0, .v, "A") + ".more' is no part of what adapter_config.json describes.",
      ])
  }

  @Test(arguments: ["adapter_model.safetensors", "adapter_model.bin"]) func anEmptyAdapterIsNoAdapter(file: String) throws {
    var tiny = TinyAdapter()
    tiny.tensors = []
    let problem = try #require(try tiny.problems(file: file).first)
    #expect(problem.hasPrefix("a/\(file): holds no tensor ("))
    #expect(
      problem.hasSuffix(
        """
        ): its training saved an empty adapter. Scripts that replace model.state_dict do that with a newer PEFT, and so does ZeRO-3; a \
        checkpoint of that training may hold the weights.
        """))
  }

  @Test func shardsThatWereNotGathered() throws {
    var tiny = TinyAdapter()
    tiny.tensors[0] = (tiny.tensors[0].name, "F32", [0], [])
    #expect(
      try tiny.problems() == [
        "a/adapter_model.safetensors: '\(TinyAdapter.name(0, .q, "A"))' is [0]; adapter_config.json and the base imply [2, 8]. "
          + "ZeRO-3 saves such empty tensors when its shards are not gathered first."
      ])
  }

  @Test(arguments: [
    ("base_model.model.model.", "base_model.model.model.model."), ("base_model.model.model.", "base_model.model.base_model.model.model."),
    ("base_model.model.model.", "base_model.model."), ("base_model.model.model.", ""),
  ])
  func namesOfAnotherModel(part: String, replacement: String) throws {
    var tiny = TinyAdapter()
    for index in tiny.tensors.indices {
      tiny.tensors[index].name = tiny.tensors[index].name.replacingOccurrences(of: part, with: replacement)
    }
    let expected = TinyAdapter.name(0, .q, "A")
    #expect(
      try tiny.problems() == [
        "a/adapter_model.safetensors: '\(expected.replacingOccurrences(of: part, with: replacement))' stands where '\(expected)' is "
          + "expected: it was saved from another kind of model or from one that was wrapped twice. PEFT would load nothing of it. "
          + "Save it again from the PEFT model, or rename its tensors."
      ])
  }

  @Test func severalAdaptersInOneFile() throws {
    var tiny = TinyAdapter()
    for tensor in tiny.tensors {
      tiny.tensors.append(
        (tensor.name.replacingOccurrences(of: ".weight", with: ".second.weight"), tensor.dtype, tensor.shape, tensor.bytes))
    }
    for index in 0..<8 { tiny.tensors[index].name = tiny.tensors[index].name.replacingOccurrences(of: ".weight", with: ".first.weight") }
    #expect(
      try tiny.problems().first
        == "a/adapter_model.safetensors: holds several adapters (first, second). Save each into a folder of its own.")
  }

  @Test func foldersThatAreNoAdapter() throws {
    let folder = try TemporaryFolder()
    func problems() throws -> [AdapterError.Problem] {
      try #require(throws: AdapterError.self) { try PEFTAdapter.read(folder.path, shape: TinyAdapter.shape) }.problems
    }
    #expect(try problems() == [.noConfiguration(subfolder: nil)])
    try folder.write("{", to: "inner/adapter_config.json")
    #expect(try problems().first?.text(in: "a") == "a: has no adapter_config.json; expected a PEFT adapter. a/inner has one.")
    try folder.write("{", to: "adapter_config.json")
    #expect(try problems() == [.noWeights])
    #expect(try problems().first?.text(in: "a") == "a: has neither adapter_model.safetensors nor adapter_model.bin.")
    try folder.write("xx", to: "adapter_model.safetensors")
    #expect(
      try #require(throws: AdapterError.self) { try PEFTAdapter.read(folder.path, shape: TinyAdapter.shape) }.description
        == "\(folder.path)/adapter_config.json:1: unreadable JSON at byte 1: the text ends where a key or '}' is expected.")
    try folder.write("{}", to: "adapter_config.json")
    for name in ["adapter_model.safetensors", "adapter_config.json"] {
      try folder.write("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", to: name)
      #expect(try problems() == [.file(CheckpointError(path: folder.file(name), reason: .gitLFSPointer))])
    }
    #expect(
      try #require(throws: AdapterError.self) { try PEFTAdapter.read("none", shape: TinyAdapter.shape) }.description
        == "none: no such folder; expected a PEFT adapter.")
  }
}
