import Bases
import Checkpoints
import Foundation
import JSON
import Llama
import Tensors
import TestSupport
import Testing

struct BaseTests {
  @Test(arguments: [1, 2, 5])
  func everyTensorIsThere(shardCount: Int) throws {
    let tiny = TinyBase()
    let base = try tiny.open(shardCount: shardCount)
    #expect(base.configuration == TinyBase.shape)
    #expect(Set(base.weights.keys) == Set(tiny.tensors.map(\.name)))
    for tensor in tiny.tensors {
      let weight = try #require(base.weights[tensor.name])
      #expect(weight.shape == tensor.shape)
      #expect(weight.dtype.safetensorsName == tensor.dtype)
      #expect(weight.segments.first?.bytes.array == tensor.bytes)
    }
    #expect(base.byteCount == tiny.tensors.reduce(0) { $0 + $1.bytes.count })
    #expect(base.parameterCounts.values.reduce(0, +) == TinyBase.shape.parameterCount)
    #expect(base.tokenizerPath == nil)
  }

  @Test func aBaseInMemoryIsReadAlike() throws {
    let tiny = TinyBase()
    let half = tiny.tensors.count / 2
    let base = try Base.open(
      name: "starter", configuration: MappedBytes(JSONValue.object(tiny.configuration).text),
      shards: [
        ("1", MappedBytes(SafetensorsBytes.file(Array(tiny.tensors[..<half])))),
        ("2", MappedBytes(SafetensorsBytes.file(Array(tiny.tensors[half...])))),
      ])
    #expect(try base.fingerprint() == tiny.open().fingerprint())
  }

  @Test func numberedShardsNeedNoIndex() throws {
    let folder = try TemporaryFolder()
    try TinyBase().write(to: folder, shardCount: 3)
    let expected = try Base.open(folder.path)
    try FileManager.default.removeItem(atPath: folder.file("model.safetensors.index.json"))
    #expect(try Base.open(folder.path).fingerprint() == expected.fingerprint())
  }

  /// Sizes whose product fits no number, in a tensor without elements.
  @Test func shapesOfNothingThatOverflow() throws {
    var tiny = tied(head: [])
    for index in tiny.tensors.indices where tiny.tensors[index].shape == [10, 8] {
      (tiny.tensors[index].shape, tiny.tensors[index].bytes, tiny.tensors[index].dtype) = ([Int.max / 2, 0, Int.max], [], "F32")
    }
    #expect(try tiny.problems().count == 1)
  }

  @Test func oldRotaryFrequenciesAreSkipped() throws {
    var tiny = TinyBase()
    tiny.tensors.append(("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", [2], [UInt8](repeating: 0, count: 8)))
    #expect(try tiny.open().weights.count == tiny.tensors.count - 1)
  }

  @Test func aFolderOfLinksIsRead() throws {
    // As Hugging Face's cache lays it out: snapshots of links into a store of blobs.
    let store = try TemporaryFolder()
    let folder = try TemporaryFolder()
    try TinyBase().write(to: folder, shardCount: 2)
    for name in folder.names {
      try store.write(Array(Data(contentsOf: URL(fileURLWithPath: folder.file(name)))), to: "blobs/\(name)-blob")
      try FileManager.default.createDirectory(atPath: store.file("snapshots/1"), withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        atPath: store.file("snapshots/1/\(name)"), withDestinationPath: "../../blobs/\(name)-blob")
    }
    #expect(try Base.open(store.file("snapshots/1")).fingerprint() == Base.open(folder.path).fingerprint())
  }

  // MARK: - A tied head

  private func tied(head: [UInt8]? = nil) -> TinyBase {
    var tiny = TinyBase()
    tiny.configuration["tie_word_embeddings"] = .bool(true)
    tiny.remove("lm_head.weight")
    if let head { tiny.tensors.append(("lm_head.weight", "BF16", [10, 8], head)) }
    return tiny
  }

  @Test func aTiedHeadMayBeStoredTwice() throws {
    let embedding = tied()["model.embed_tokens.weight"].bytes
    let once = try tied().open()
    let twice = try tied(head: embedding).open()
    #expect(once.configuration.tiesEmbeddings)
    #expect(twice.weights["lm_head.weight"] == nil)
    #expect(once.fingerprint() == twice.fingerprint())
  }

  @Test func aHeadOfItsOwnContradictsTying() throws {
    var other = tied()["model.embed_tokens.weight"].bytes
    other[other.count - 1] ^= 1
    #expect(try tied(head: other).problems() == [.tiedHeadDiffers(file: "model.safetensors")])
  }

  // MARK: - One thing broken

  @Test func aWrongShapeIsNamedWithFileAndBothShapes() throws {
    var tiny = TinyBase()
    let name = "model.layers.1.self_attn.q_proj.weight"
    tiny[name] = (name, "F32", [4, 8], [UInt8](repeating: 0, count: 128))
    let folder = try TemporaryFolder()
    try tiny.write(to: folder, shardCount: 3)
    let error = try #require(throws: BaseError.self) { try Base.open(folder.path) }
    let shard = TinyBase.shardName(try #require(tiny.tensors.firstIndex { $0.name == name }) % 3, of: 3)
    #expect(error.description == "\(folder.path)/\(shard): '\(name)' is [4, 8]; config.json implies [8, 8].")
  }

  @Test func aTensorOfAnotherRankIsAWrongShape() throws {
    for shape in [[8, 1], [2, 2, 2], []] {
      var tiny = TinyBase()
      let count = shape.reduce(1, *)
      tiny["model.norm.weight"] = ("model.norm.weight", "F32", shape, [UInt8](repeating: 0, count: 4 * count))
      #expect(
        try tiny.problems() == [.wrongShape(file: "model.safetensors", tensor: "model.norm.weight", found: shape, expected: [8])])
    }
  }

  @Test func aVocabularyLargerThanTheEmbedding() throws {
    var tiny = TinyBase()
    tiny.configuration["vocab_size"] = .integer(11)
    #expect(
      try tiny.problems().map { $0.text(in: "m") } == [
        "m/model.safetensors: 'model.embed_tokens.weight' is [10, 8]; config.json implies [11, 8].",
        "m/model.safetensors: 'lm_head.weight' is [10, 8]; config.json implies [11, 8].",
      ])
  }

  @Test func missingAndUnexpectedTensorsAreListed() throws {
    var tiny = TinyBase()
    for projection in Projection.allCases { tiny.remove(projection.weightName(layer: 1)) }
    tiny.tensors.append(("model.layers.0.self_attn.q_proj.bias", "F32", [8], [UInt8](repeating: 0, count: 32)))
    #expect(
      try tiny.problems().map { $0.text(in: "m") } == [
        "m: 'model.layers.1.self_attn.q_proj.weight', 'model.layers.1.self_attn.k_proj.weight', 'model.layers.1.self_attn.v_proj.weight', "
          + "'model.layers.1.self_attn.o_proj.weight', 'model.layers.1.mlp.gate_proj.weight' and 2 more are missing.",
        "m: 'model.layers.0.self_attn.q_proj.bias' is not part of a LLaMA network of the shape that config.json describes.",
      ])
  }

  @Test func anElementTypeThatIsNoWeights() throws {
    var tiny = TinyBase()
    tiny["model.norm.weight"] = ("model.norm.weight", "I8", [8], [UInt8](repeating: 0, count: 8))
    #expect(
      try tiny.problems().map { $0.text(in: "m") } == [
        "m/model.safetensors: 'model.norm.weight' is I8; weights of a base are F32, F16 or BF16."
      ])
  }

  @Test func anIndexAndItsShards() throws {
    let folder = try TemporaryFolder()
    let tiny = TinyBase()
    try tiny.write(to: folder, shardCount: 2)
    let second = TinyBase.shardName(1, of: 2)
    let promised = try #require(tiny.tensors.enumerated().filter { $0.offset % 2 == 1 }.map(\.element.name).min())
    let secondBytes = try Data(contentsOf: URL(fileURLWithPath: folder.file(second)))

    try FileManager.default.removeItem(atPath: folder.file(second))
    var error = try #require(throws: BaseError.self) { try Base.open(folder.path) }
    #expect(
      error.description
        == "\(folder.path)/model.safetensors.index.json: names '\(second)' for '\(promised)', but that file is not in the folder.")

    try folder.write(Array(secondBytes.dropLast(5)), to: second)
    error = try #require(throws: BaseError.self) { try Base.open(folder.path) }
    #expect(
      error.description
        == "\(folder.path)/\(second): is cut short: its header describes \(secondBytes.count) bytes, found \(secondBytes.count - 5). "
        + "Copy or download it again.")

    try folder.write(SafetensorsBytes.file([tiny.tensors[0]]), to: second)
    error = try #require(throws: BaseError.self) { try Base.open(folder.path) }
    #expect(
      error.problems == [
        .duplicateTensor(tensor: tiny.tensors[0].name, files: [TinyBase.shardName(0, of: 2), second]),
        .notInShard(index: "model.safetensors.index.json", shard: second, tensor: promised),
      ])

    try folder.write(#"{"weight_map": {"lm_head.weight": "../../etc/passwd"}}"#, to: "model.safetensors.index.json")
    error = try #require(throws: BaseError.self) { try Base.open(folder.path) }
    #expect(
      error.description
        == "\(folder.path)/model.safetensors.index.json: names '../../etc/passwd' for 'lm_head.weight'; "
        + "shards must be plain file names in the same folder.")
  }

  @Test func brokenJSONIsLocated() throws {
    let folder = try TemporaryFolder()
    try TinyBase().write(to: folder)
    try folder.write("{\n \"model_type\": \"llama\",\n}", to: "config.json")
    try folder.write("[", to: "generation_config.json")
    let error = try #require(throws: BaseError.self) { try Base.open(folder.path) }
    #expect(
      error.description == """
        \(folder.path): 2 problems:
          \(folder.path)/config.json:3: unreadable JSON at byte 26: expected a key, found '}'.
          \(folder.path)/generation_config.json:1: unreadable JSON at byte 1: the text ends where a value is expected.
        """)
  }

  @Test func aLoopOfLinksIsRefused() throws {
    let folder = try TemporaryFolder()
    try TinyBase().write(to: folder)
    try FileManager.default.removeItem(atPath: folder.file("model.safetensors"))
    try FileManager.default.createSymbolicLink(atPath: folder.file("model.safetensors"), withDestinationPath: "model.safetensors")
    let error = try #require(throws: BaseError.self) { try Base.open(folder.path) }
    #expect(error.problems == [.file(CheckpointError(path: folder.file("model.safetensors"), reason: .linkLoop))])
  }

  // MARK: - Folders that are no base, or one of another kind

  @Test(arguments: [
    (
      [],
      "holds no base: expected config.json with model*.safetensors or pytorch_model*.bin, or params.json with consolidated.*.pth."
    ),
    (["config.json"], "has config.json, but no weights: neither model*.safetensors nor pytorch_model*.bin."),
    (["model.safetensors"], "has no config.json."),
    (
      ["config.json", "model-00001-of-00002.safetensors"],
      "has 'model-00001-of-00002.safetensors', but 'model-00002-of-00002.safetensors' is missing. Download the whole folder."
    ),
    (["pytorch_model.bin"], "has no config.json."),
    (["consolidated.01.pth"], "has 'consolidated.01.pth', but no params.json beside it."),
    (
      ["consolidated.01.pth", "params.json"],
      "has 'consolidated.01.pth', but 'consolidated.00.pth' is missing. Download the whole folder."
    ),
    (
      ["config.json", "original/params.json"],
      "has 'original/params.json', but 'original/consolidated.00.pth' is missing. Download the whole folder."
    ),
    (
      ["consolidated.0.pth", "consolidated.00.pth", "params.json"],
      "'consolidated.0.pth' and 'consolidated.00.pth' cannot both be shards "
        + "of one base. Remove those that do not belong."
    ),
    (
      ["llama-7b.Q4_0.gguf"],
      "holds a GGUF file ('llama-7b.Q4_0.gguf'), which this version does not read. Take the Hugging Face or Meta folder of the same model."
    ),
  ])
  func otherFolders(names: [String], message: String) throws {
    let folder = try TemporaryFolder()
    for name in names { try folder.write("{}", to: name) }
    let error = try #require(throws: BaseError.self) { try Base.open(folder.path) }
    #expect(error.description == "\(folder.path): \(message)")
  }

  @Test func pathsThatAreNoFolder() throws {
    let folder = try TemporaryFolder()
    try folder.write("GGUF", to: "x.gguf")
    try folder.write("x", to: "model.safetensors")
    #expect(try #require(throws: BaseError.self) { try Base.open(folder.file("none")) }.problems == [.missing])
    #expect(try #require(throws: BaseError.self) { try Base.open(folder.file("model.safetensors")) }.problems == [.notAFolder])
    #expect(
      try #require(throws: BaseError.self) { try Base.open(folder.file("x.gguf")) }.problems == [
        .unsupportedFormat(found: "is a GGUF file")
      ])
    #expect(try #require(throws: BaseError.self) { try Base.open("none") }.description == "none: no such folder.")
  }
}
