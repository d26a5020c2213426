import Bases
import Checkpoints
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// A base of a few hundred numbers, to be written whole or with one thing broken.
struct TinyBase {
  typealias StoredTensor = (name: String, dtype: String, shape: [Int], bytes: [UInt8])

  static let shape = LlamaConfiguration(
    vocabularySize: 10, hiddenSize: 8, intermediateSize: 12, layerCount: 2, headCount: 2, keyValueHeadCount: 1, headDimension: 4,
    normEpsilon: 1e-5)

  /// Members of `config.json`.
  var configuration: [String: JSONValue] = [
    "model_type": .string("llama"), "vocab_size": .integer(10), "hidden_size": .integer(8), "intermediate_size": .integer(12),
    "num_hidden_layers": .integer(2), "num_attention_heads": .integer(2), "num_key_value_heads": .integer(1),
    "rms_norm_eps": .number(1e-5), "hidden_act": .string("silu"), "torch_dtype": .string("bfloat16"),
  ]
  var generation: [String: JSONValue]?
  /// Of mixed element types.
  var tensors: [StoredTensor]

  init(seed: UInt64 = 1) {
    var random = Philox(seed: seed, stream: 0)
    tensors = TinyBase.shape.expectedTensors.enumerated().map { index, tensor in
      let dtype = ["BF16", "F16", "F32"][index % 3]
      let byteCount = tensor.shape.reduce(dtype == "F32" ? 4 : 2, *)
      return (tensor.name, dtype, tensor.shape, (0..<byteCount).map { _ in UInt8(truncatingIfNeeded: random.next32()) })
    }
  }

  subscript(name: String) -> StoredTensor {
    get { tensors[position(name)] }
    set { tensors[position(name)] = newValue }
  }

  private func position(_ name: String) -> Int {
    guard let position = tensors.firstIndex(where: { $0.name == name }) else { preconditionFailure("no tensor '\(name)'") }
    return position
  }

  mutating func remove(_ name: String) { tensors.remove(at: position(name)) }

  /// Writes the folder; with more than one shard, tensors are dealt out in turn.
  func write(to folder: TemporaryFolder, shardCount: Int = 1) throws {
    try folder.write(JSONValue.object(configuration).text, to: "config.json")
    if let generation { try folder.write(JSONValue.object(generation).text, to: "generation_config.json") }
    guard shardCount > 1 else {
      try folder.write(SafetensorsBytes.file(tensors), to: "model.safetensors")
      return
    }
    var map: [String: JSONValue] = [:]
    for shard in 0..<shardCount {
      let own = tensors.enumerated().filter { $0.offset % shardCount == shard }.map(\.element)
      try folder.write(SafetensorsBytes.file(own), to: TinyBase.shardName(shard, of: shardCount))
      for tensor in own { map[tensor.name] = .string(TinyBase.shardName(shard, of: shardCount)) }
    }
    try folder.write(JSONValue.object(["weight_map": .object(map)]).text, to: "model.safetensors.index.json")
  }

  static func shardName(_ shard: Int, of count: Int) -> String { "model-0000\(shard + 1)-of-0000\(count).safetensors" }

  /// Writes the base and opens it; the folder goes, the mappings stay.
  func open(shardCount: Int = 1) throws -> Base {
    let folder = try TemporaryFolder()
    try write(to: folder, shardCount: shardCount)
    return try Base.open(folder.path)
  }

  /// Problems of opening it.
  func problems(shardCount: Int = 1) throws -> [BaseError.Problem] {
    try #require(throws: BaseError.self) { try open(shardCount: shardCount) }.problems
  }
}
