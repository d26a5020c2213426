import Foundation
import Inspection
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// Folders of a few hundred numbers, to be written whole or with one thing broken.
struct Sample {
  typealias StoredTensor = (name: String, dtype: String, shape: [Int], bytes: [UInt8])

  let folder: TemporaryFolder
  var tensors: [StoredTensor] = []
  var configuration: [String: JSONValue] = [:]

  static let shape = LlamaConfiguration(
    vocabularySize: 10, hiddenSize: 8, intermediateSize: 12, layerCount: 2, headCount: 2, keyValueHeadCount: 1, headDimension: 4,
    normEpsilon: 1e-5)

  /// A base in bfloat16; no value is zero.
  static func base() throws -> Sample {
    var sample = Sample(folder: try TemporaryFolder())
    sample.configuration = [
      "model_type": .string("llama"), "vocab_size": .integer(10), "hidden_size": .integer(8), "intermediate_size": .integer(12),
      "num_hidden_layers": .integer(2), "num_attention_heads": .integer(2), "num_key_value_heads": .integer(1),
      "rms_norm_eps": .number(1e-5),
    ]
    sample.tensors = shape.expectedTensors.map { tensor in
      let count = tensor.shape.reduce(1, *)
      return (tensor.name, "BF16", tensor.shape, (0..<count).flatMap { [UInt8(truncatingIfNeeded: $0), 0x3F] })
    }
    return sample
  }

  /// An adapter of q and v in both layers, rank 2, in float32.
  static func adapter() throws -> Sample {
    var sample = Sample(folder: try TemporaryFolder())
    sample.configuration = [
      "peft_type": .string("LORA"), "r": .integer(2), "lora_alpha": .integer(8),
      "target_modules": .array([.string("q_proj"), .string("v_proj")]),
    ]
    for layer in 0..<2 {
      for projection in [Projection.q, .v] {
        let (outputs, inputs) = projection.shape(in: shape)
        for (matrix, shape) in [("A", [2, inputs]), ("B", [outputs, 2])] {
          let name = "base_model.model.model.layers.\(layer).\(projection.path).lora_\(matrix).weight"
          sample.tensors.append((name, "F32", shape, (0..<shape[0] * shape[1]).flatMap { _ in [0, 0, 0x80, 0x3F] as [UInt8] }))
        }
      }
    }
    return sample
  }

  subscript(name: String) -> StoredTensor {
    get { tensors[position(name)] }
    set { tensors[position(name)] = newValue }
  }

  private func position(_ name: String) -> Int {
    guard let position = tensors.firstIndex(where: { $0.name == name }) else { preconditionFailure("no tensor '\(name)'") }
    return position
  }

  /// Writes a base: its first `count` tensors in the first shard, the others in the second; or all in one file.
  func writeBase(splitAfter count: Int? = nil) throws {
    try folder.write(JSONValue.object(configuration).text, to: "config.json")
    guard let count else {
      try folder.write(SafetensorsBytes.file(tensors), to: "model.safetensors")
      return
    }
    let shards = [Array(tensors[..<count]), Array(tensors[count...])]
    var map: [String: JSONValue] = [:]
    for (index, shard) in shards.enumerated() {
      let name = "model-0000\(index + 1)-of-00002.safetensors"
      try folder.write(SafetensorsBytes.file(shard), to: name)
      for tensor in shard { map[tensor.name] = .string(name) }
    }
    let size = tensors.reduce(0) { $0 + $1.bytes.count }
    let index: [String: JSONValue] = ["metadata": .object(["total_size": .integer(size)]), "weight_map": .object(map)]
    try folder.write(JSONValue.object(index).text, to: "model.safetensors.index.json")
  }

  func writeAdapter() throws {
    try folder.write(JSONValue.object(configuration).text, to: "adapter_config.json")
    try folder.write(SafetensorsBytes.file(tensors), to: "adapter_model.safetensors")
  }

  func inspect(verifies: Bool = false) throws -> Inspection {
    var inspection = try Inspector().inspect(folder.path)
    if verifies { inspection.verify() }
    return inspection
  }
}

extension Inspection {
  /// The report without the folder's path.
  func text(in folder: TemporaryFolder) -> String { text().replacingOccurrences(of: folder.path, with: "DIR") }
}
