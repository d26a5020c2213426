import Adapters
import Bases
import Checkpoints
import Foundation
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// A folder with a small random base, and adapters for it that tests put together.
final class MergeCase {
  let folder: TemporaryFolder
  var configuration: LlamaConfiguration
  var dtype = "BF16"
  /// Members of `config.json` beyond the shape.
  var members: [String: JSONValue] = [
    "torch_dtype": .string("bfloat16"), "architectures": .array([.string("LlamaForCausalLM")]), "use_cache": .bool(true),
    "a_future_key": .object(["kept": .integer(1)]),
  ]
  /// What goes into the base's tensors by name; the others are random.
  var values: [String: [Double]] = [:]

  init(tied: Bool = false) throws {
    folder = try TemporaryFolder()
    configuration = TinyAdapter.shape
    configuration.tiesEmbeddings = tied
  }

  var output: String { folder.file("out") }

  static func stored(_ value: Double, _ dtype: String) -> [UInt8] {
    switch dtype {
    case "BF16": withUnsafeBytes(of: PlainMerger.bfloat16(value).littleEndian) { Array($0) }
    case "F16": withUnsafeBytes(of: Float16(value).bitPattern.littleEndian) { Array($0) }
    default: withUnsafeBytes(of: Float(value).bitPattern.littleEndian) { Array($0) }
    }
  }

  /// Writes the base and opens it.
  func base() throws -> Base {
    var random = Philox(seed: 8, stream: 1)
    let tensors = configuration.expectedTensors.map { tensor -> TinyAdapter.StoredTensor in
      let count = tensor.shape.reduce(1, *)
      let values = self.values[tensor.name] ?? (0..<count).map { _ in Double(random.nextUniform() - 0.5) }
      return (tensor.name, dtype, tensor.shape, values.flatMap { MergeCase.stored($0, dtype) })
    }
    let shape: [String: JSONValue] = [
      "model_type": .string("llama"), "vocab_size": .integer(10), "hidden_size": .integer(8), "intermediate_size": .integer(12),
      "num_hidden_layers": .integer(2), "num_attention_heads": .integer(2), "num_key_value_heads": .integer(1),
      "rms_norm_eps": .number(1e-5),
      "tie_word_embeddings": .bool(configuration.tiesEmbeddings),
    ]
    try folder.write(JSONValue.object(shape.merging(members) { $1 }).text, to: "base/config.json")
    try folder.write(SafetensorsBytes.file(tensors), to: "base/model.safetensors")
    return try Base.open(folder.file("base"))
  }

  /// An adapter of these projections in both layers with random A and B.
  func adapter(
    _ name: String = "a", _ projections: [Projection] = [.q, .v], rank: Int = 2, scale: Double = 1.5, size: Float = 1, seed: UInt64 = 1,
    magnitude: Bool = false, saved: [String: StoredWeight] = [:]
  ) -> PEFTAdapter {
    var random = Philox(seed: seed, stream: 2)
    func values(_ count: Int) -> [Float] { (0..<count).map { _ in size * (random.nextUniform() - 0.5) } }
    let modules = (0..<configuration.layerCount).flatMap { layer in
      projections.map { projection in
        let (outputs, inputs) = projection.shape(in: configuration)
        return PEFTAdapter.Module(
          layer: layer, projection: projection, rank: rank, alpha: scale * Double(rank), scale: scale, a: values(rank * inputs),
          b: values(outputs * rank), magnitude: magnitude ? values(outputs).map { 1 + $0 } : nil)
      }
    }
    return PEFTAdapter(
      path: folder.file(name), configuration: PEFTConfiguration(targetModules: .names(projections.map(\.rawValue))), modules: modules,
      savedWeights: saved)
  }

  func merge(
    _ adapters: [(PEFTAdapter, Double)], files: ModelFiles? = nil, tokenizers: [ModelFiles]? = nil,
    _ change: (inout MergeOptions) -> Void = { _ in }
  ) throws -> Merge {
    var options = MergeOptions(output: output)
    change(&options)
    return try Merge(
      base: base(), files: files ?? ModelFiles(folder: folder.file("base")),
      inputs: AdapterStack(inputs: adapters.map { AdapterStack.Input(adapter: $0.0, weight: $0.1) }, notes: []),
      tokenizers: tokenizers ?? adapters.map { _ in ModelFiles([:]) }, options: options)
  }

  /// Merges without logits and opens what came out.
  @discardableResult
  func run(
    _ adapters: [(PEFTAdapter, Double)], files: ModelFiles? = nil, tokenizers: [ModelFiles]? = nil,
    _ change: (inout MergeOptions) -> Void = { _ in }
  ) throws -> Base {
    let merge = try merge(adapters, files: files, tokenizers: tokenizers, change)
    _ = try merge.run(on: PlainMerger(), version: "test") { _ in (nil, []) }
    return try Base.open(merge.options.output)
  }

  /// Names beside the base that are not the output's.
  var leftovers: [String] { folder.names.filter { $0.hasSuffix(".merging") } }

  func text(_ name: String) throws -> String { try String(contentsOfFile: "\(output)/\(name)", encoding: .utf8) }

  func problems(_ body: () throws -> Void) throws -> String {
    try #require(throws: MergeError.self) { try body() }.description.replacingOccurrences(of: folder.path + "/", with: "")
  }
}

extension Base {
  func values(_ name: String) throws -> [Double] {
    let weight = try #require(weights[name])
    var bytes: [UInt8] = []
    weight.withBytes(at: 0..<weight.byteCount) { bytes += Array($0) }
    return bytes.withUnsafeBytes { bytes in
      (0..<weight.shape.reduce(1, *)).map { PlainMerger.element(bytes, $0, weight.dtype) }
    }
  }
}

extension StoredWeight {
  /// Random values in float32.
  static func random(_ name: String, _ shape: [Int], seed: UInt64) -> StoredWeight {
    var random = Philox(seed: seed, stream: 3)
    return StoredWeight(name: name, shape: shape, values: (0..<shape.reduce(1, *)).map { _ in random.nextUniform() - 0.5 })
  }
}
