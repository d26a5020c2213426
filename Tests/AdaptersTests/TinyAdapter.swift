import Adapters
import Bases
import Checkpoints
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// The shape of a base of two layers, and adapters for it, whole or with one thing broken.
struct TinyAdapter {
  typealias StoredTensor = (name: String, dtype: String, shape: [Int], bytes: [UInt8])

  static let shape = LlamaConfiguration(
    vocabularySize: 10, hiddenSize: 8, intermediateSize: 12, layerCount: 2, headCount: 2, keyValueHeadCount: 1, headDimension: 4,
    normEpsilon: 1e-5)

  /// Members of `adapter_config.json`.
  var configuration: [String: JSONValue] = [
    "peft_type": .string("LORA"), "r": .integer(2), "lora_alpha": .integer(8),
    "target_modules": .array([.string("v_proj"), .string("q_proj")]),
  ]
  var tensors: [StoredTensor] = []

  /// Adapters of q and v in both layers, rank 2, in float32.
  init() {
    for layer in 0..<2 {
      for projection in [Projection.q, .v] { add(layer, projection, rank: 2) }
    }
  }

  static func name(_ layer: Int, _ projection: Projection, _ matrix: String) -> String {
    "base_model.model.model.layers.\(layer).\(projection.path).lora_\(matrix).weight"
  }

  /// Values that no two tensors share.
  mutating func add(_ layer: Int, _ projection: Projection, rank: Int) {
    let (outputs, inputs) = projection.shape(in: TinyAdapter.shape)
    for (matrix, shape) in [("A", [rank, inputs]), ("B", [outputs, rank])] {
      let start = Float(tensors.count)
      let values = (0..<shape[0] * shape[1]).map { start + Float($0) / 1024 }
      tensors.append((TinyAdapter.name(layer, projection, matrix), "F32", shape, values.flatMap { TinyAdapter.bytes($0) }))
    }
  }

  static func bytes(_ value: Float) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }

  mutating func set(_ members: String) throws {
    let changes = try #require(try JSONValue(parsing: MappedBytes(members), path: "changes").object)
    configuration.merge(changes) { $1 }
  }

  mutating func add(_ name: String, _ shape: [Int], _ values: [Float]) {
    tensors.append(("base_model.model.\(name)", "F32", shape, values.flatMap { TinyAdapter.bytes($0) }))
  }

  /// A whole weight, filled with one value.
  mutating func addWhole(_ name: String, _ shape: [Int], _ value: Float) {
    add(name, shape, [Float](repeating: value, count: shape.reduce(1, *)))
  }

  func write(to folder: TemporaryFolder, named name: String? = nil, file: String = "adapter_model.safetensors") throws {
    let start = name.map { "\($0)/" } ?? ""
    try folder.write(JSONValue.object(configuration).text, to: "\(start)adapter_config.json")
    try folder.write(file.hasSuffix(".bin") ? TorchBytes.archive(tensors) : SafetensorsBytes.file(tensors), to: start + file)
  }

  func read(for use: PEFTAdapter.Use = .network, file: String = "adapter_model.safetensors") throws -> PEFTAdapter {
    let folder = try TemporaryFolder()
    try write(to: folder, file: file)
    return try PEFTAdapter.read(folder.path, shape: TinyAdapter.shape, use: use)
  }

  func problems(for use: PEFTAdapter.Use = .network, file: String = "adapter_model.safetensors") throws -> [String] {
    try #require(throws: AdapterError.self) { try read(for: use, file: file) }.problems.map { $0.text(in: "a") }
  }

  /// A base of this shape in memory, filled with one byte.
  static func base(name: String = "models/tiny", byte: UInt8 = 0) throws -> Base {
    let tensors: [StoredTensor] = shape.expectedTensors.map { tensor in
      (tensor.name, "F32", tensor.shape, [UInt8](repeating: byte, count: tensor.shape.reduce(4, *)))
    }
    let configuration = #"""
      {"model_type": "llama", "vocab_size": 10, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2,
      "num_attention_heads": 2, "num_key_value_heads": 1, "rms_norm_eps": 1e-5}
      """#
    return try Base.open(
      name: name, configuration: MappedBytes(configuration), shards: [("model.safetensors", MappedBytes(SafetensorsBytes.file(tensors)))])
  }
}
