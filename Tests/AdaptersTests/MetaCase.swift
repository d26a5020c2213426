import Adapters
import Bases
import Checkpoints
import Foundation
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// A small random base of any shape, and merges of it into both layouts.
final class MetaCase {
  let folder: TemporaryFolder
  let configuration: LlamaConfiguration
  /// Every tensor's bytes in Hugging Face row order.
  var tensors: [String: [UInt8]] = [:]
  private let dtypes: [String]

  /// - Parameter dtypes: By their safetensors names, given to the tensors in turn.
  init(_ configuration: LlamaConfiguration, dtypes: [String] = ["BF16", "F32", "F16"]) throws {
    folder = try TemporaryFolder()
    self.configuration = configuration
    self.dtypes = dtypes
    var random = Philox(seed: 11, stream: 4)
    for (index, tensor) in configuration.expectedTensors.enumerated() {
      let dtype = dtypes[index % dtypes.count]
      tensors[tensor.name] = (0..<tensor.shape.reduce(1, *)).flatMap { _ in MergeCase.stored(Double(random.nextUniform() - 0.5), dtype) }
    }
  }

  /// As LLaMA 2 and Llama 3 have them: the vocabulary odd, the feed-forward layer no multiple of anything.
  static func shape(
    heads: Int = 8, keyValueHeads: Int = 8, layers: Int = 1, intermediate: Int = 50, vocabulary: Int = 37, theta: Double = 10_000,
    tied: Bool = false, scaling: RotaryScaling = .none
  ) -> LlamaConfiguration {
    LlamaConfiguration(
      vocabularySize: vocabulary, hiddenSize: 4 * heads, intermediateSize: intermediate, layerCount: layers, headCount: heads,
      keyValueHeadCount: keyValueHeads, headDimension: 4, normEpsilon: 1e-5, ropeTheta: theta, ropeScaling: scaling,
      maximumPositions: theta == 500_000 ? 8192 : 4096, tiesEmbeddings: tied)
  }

  /// Writes the Hugging Face folder `base` and opens it.
  func base(_ members: [String: JSONValue] = [:]) throws -> Base {
    let shape: [String: JSONValue] = [
      "model_type": .string("llama"), "vocab_size": .integer(configuration.vocabularySize),
      "hidden_size": .integer(configuration.hiddenSize), "intermediate_size": .integer(configuration.intermediateSize),
      "num_hidden_layers": .integer(configuration.layerCount), "num_attention_heads": .integer(configuration.headCount),
      "num_key_value_heads": .integer(configuration.keyValueHeadCount), "rms_norm_eps": .number(configuration.normEpsilon),
      "rope_theta": .number(configuration.ropeTheta), "tie_word_embeddings": .bool(configuration.tiesEmbeddings),
      "max_position_embeddings": .integer(configuration.maximumPositions), "head_dim": .integer(configuration.headDimension),
    ]
    try folder.write(JSONValue.object(shape.merging(members) { $1 }).text, to: "base/config.json")
    let stored = configuration.expectedTensors.enumerated().map { index, tensor in
      (tensor.name, dtypes[index % dtypes.count], tensor.shape, tensors[tensor.name] ?? [])
    }
    try folder.write(SafetensorsBytes.file(stored), to: "base/model.safetensors")
    return try Base.open(folder.file("base"))
  }

  /// Writes `base` as `output` and opens it.
  func convert(
    _ base: Base, to format: MergeOptions.Format, shards: Int? = nil, _ output: String, adapters: [PEFTAdapter] = [],
    tokenizers: [ModelFiles]? = nil
  ) throws -> Base {
    let merge = try merge(base, to: format, shards: shards, output, adapters: adapters, tokenizers: tokenizers)
    _ = try merge.run(on: PlainMerger(), version: "test") { _ in (nil, []) }
    return try Base.open(folder.file(output))
  }

  func merge(
    _ base: Base, to format: MergeOptions.Format, shards: Int? = nil, _ output: String, adapters: [PEFTAdapter] = [],
    tokenizers: [ModelFiles]? = nil
  ) throws -> Merge {
    var options = MergeOptions(output: folder.file(output))
    (options.format, options.shardCount) = (format, shards)
    return try Merge(
      base: base, files: ModelFiles(of: base), inputs: AdapterStack(inputs: adapters.map { .init(adapter: $0, weight: 1) }, notes: []),
      tokenizers: tokenizers ?? adapters.map { _ in ModelFiles([:]) }, options: options)
  }

  func shard(_ index: Int, of output: String) throws -> TorchFile {
    try TorchFile.open(folder.file("\(output)/consolidated.0\(index).pth"))
  }

  func problems(_ body: () throws -> Void) throws -> String {
    try #require(throws: MergeError.self) { try body() }.description.replacingOccurrences(of: folder.path + "/", with: "")
  }
}

/// Every byte of every tensor in Hugging Face naming and row order, with its shape and type.
func contents(_ base: Base) -> [String: [UInt8]] {
  base.weights.mapValues { weight in
    var bytes = Array("\(weight.dtype) \(weight.shape) ".utf8)
    weight.withBytes(at: 0..<weight.byteCount) { bytes += Array($0) }
    return bytes
  }
}
