import Checkpoints
import JSON
import Llama
import Tensors

/// A base model as it lies on the disk or in the program: its shape and where each weight is. Weights are mapped, never copied.
public struct Base: Sendable {
  /// The folder, or the name of an embedded base.
  public let path: String
  public let configuration: LlamaConfiguration
  /// By Hugging Face name: exactly `configuration.expectedTensors`, in their shapes, each F32, F16 or BF16.
  public let weights: [String: StoredWeight]
  /// How the weights are stored.
  public let layout: Layout
  /// The files that hold the weights, in the order of their names.
  public let shards: [Shard]
  /// `tokenizer.model` of the folder, if it has one; for Meta's files also one beside them or in the folder above.
  public let tokenizerPath: String?

  /// The forms of a base on the disk.
  public enum Layout: String, Sendable {
    /// Hugging Face: config.json and safetensors files.
    case safetensors
    /// Hugging Face: config.json and `.bin` files of PyTorch.
    case pytorch
    /// Meta: params.json and `consolidated.*.pth`.
    case meta
  }

  /// A file that holds weights.
  public struct Shard: Sendable {
    public let path: String
    /// The whole file, mapped. Segments of weights are ranges of it.
    public let bytes: MappedBytes
    /// Names of what a file of PyTorch holds beside tensors; none of it is used.
    public let otherValues: [String]

    public var byteCount: Int { bytes.count }
  }

  /// The shard in which a segment lies, at the bytes `segment.bytes.range`.
  public func shard(of segment: WeightSegment) -> Shard? { shards.first { $0.bytes.owner === segment.bytes.owner } }

  /// Bytes of all weights.
  public var byteCount: Int { weights.values.reduce(0) { $0 + $1.byteCount } }

  /// Number of parameters of each element type.
  public var parameterCounts: [DType: Int] {
    weights.values.reduce(into: [:]) { $0[$1.dtype, default: 0] += $1.shape.reduce(1, *) }
  }

  /// The element type of most parameters.
  public var dtype: DType {
    parameterCounts.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }?.key ?? .float32
  }

  /// SHA-256 that is the same for every layout and sharding of the same weights, as 64 hexadecimal digits; it reads 64 KiB of each tensor.
  ///
  /// For every tensor in the order of the UTF-8 bytes of its Hugging Face name, the line `name dtype [dimension, dimension]\n` (for
  /// example `model.norm.weight BF16 [4096]`), then bytes of its elements, little-endian, row-major and in Hugging Face row order: of
  /// n ≤ 65,536 bytes all; of more, 4,096 bytes from byte `⌊i · (n - 4096) / 15⌋` on for i = 0...15. An `lm_head.weight` with the dtype,
  /// shape and these bytes of `model.embed_tokens.weight` does not count.
  public func fingerprint() -> String { Fingerprint.compute(weights.values) }
}

// MARK: - Opening

extension Base {
  /// Opens a base folder, whose weights stay mapped: safetensors with config.json, else `.bin` files with config.json, else
  /// `consolidated.*.pth` with params.json, else the same in the folder `original`.
  ///
  /// - Throws: `BaseError` with everything that is wrong with it.
  public static func open(_ path: String) throws -> Base {
    let path = withoutTrailingSlash(path)
    let folder = try BaseFolder(path)
    switch try folder.layout() {
    case .huggingFace(let format, let shards):
      let generationName = "generation_config.json"
      let configuration = try readConfiguration(
        path, { try MappedFile.open(folder.file("config.json")) },
        generation: folder.contains(generationName) ? { try MappedFile.open(folder.file(generationName)) } : nil)
      var collection = WeightCollection()
      collection.add(shards, of: folder, format: format)
      return try Base(
        path: path, configuration: configuration, collection: collection, layout: format == .safetensors ? .safetensors : .pytorch,
        tokenizerPath: folder.tokenizer(beside: "config.json"))
    case .meta(let parameters, let shards): return try openMeta(folder, parameters: parameters, shards: shards)
    }
  }

  /// Opens a base whose files lie in memory, such as one embedded in the program.
  ///
  /// - Parameters:
  ///   - name: What errors and reports call it.
  ///   - configuration: The bytes of a `config.json`; `generationConfiguration` those of a `generation_config.json`.
  ///   - shards: Safetensors files, with names for messages.
  /// - Throws: `BaseError` with everything that is wrong with it.
  public static func open(
    name: String, configuration: MappedBytes, generationConfiguration: MappedBytes? = nil, shards: [(name: String, bytes: MappedBytes)]
  ) throws -> Base {
    let configuration = try readConfiguration(name, { configuration }, generation: generationConfiguration.map { bytes in { bytes } })
    var collection = WeightCollection()
    for shard in shards {
      collection.addShard(named: shard.name, path: "\(name)/\(shard.name)", format: .safetensors) { shard.bytes }
    }
    return try Base(path: name, configuration: configuration, collection: collection, layout: .safetensors, tokenizerPath: nil)
  }

  private init(
    path: String, configuration: LlamaConfiguration, collection: WeightCollection, layout: Layout, tokenizerPath: String?
  ) throws {
    var collection = collection
    collection.check(against: configuration)
    guard collection.problems.isEmpty else { throw BaseError(path: path, problems: collection.problems) }
    self.init(
      path: path, configuration: configuration, weights: collection.weights, layout: layout, shards: collection.shards,
      tokenizerPath: tokenizerPath)
  }

  private static func readConfiguration(
    _ path: String, _ configuration: () throws -> MappedBytes, generation: (() throws -> MappedBytes)?
  ) throws -> LlamaConfiguration {
    var problems: [BaseError.Problem] = []
    func document(_ name: String, _ open: () throws -> MappedBytes) -> JSONValue? {
      do {
        return try JSONValue(parsing: open(), path: "\(path)/\(name)")
      } catch {
        problems.append(BaseError.Problem(error, file: name))
        return nil
      }
    }
    let main = document("config.json", configuration)
    let generation = generation.flatMap { document("generation_config.json", $0) }
    guard let main, problems.isEmpty else { throw BaseError(path: path, problems: problems) }
    let read = HuggingFaceConfiguration(main, generation: generation).read()
    guard let configuration = read.configuration else { throw BaseError(path: path, problems: read.problems) }
    return configuration
  }
}
