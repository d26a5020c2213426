import Checkpoints
import Foundation
import JSON
import Llama
import Tensors

/// A LoRA adapter in a PEFT folder: `adapter_config.json` and `adapter_model.safetensors`
/// (PEFT: `docs/source/developer_guides/checkpoint.md`). A and B are read completely into float32; whole weights stay mapped.
public struct PEFTAdapter: Sendable {
  /// What an adapter is read for.
  public enum Use: Sendable {
    /// To run or train beside its base: pairs of A and B on the projections of layers.
    case network
    /// To be folded into its base: DoRA, the embedding, the head and whole weights too.
    case merging
  }

  /// The pair of matrices of one projection: its output gains `scale · B A x`.
  public struct Module: Sendable, Equatable {
    public let layer: Int
    public let projection: Projection
    public let rank: Int
    public let alpha: Double
    /// alpha / rank, or alpha / √rank.
    public let scale: Double
    /// `[rank, inputs]`, row-major.
    public var a: [Float]
    /// `[outputs, rank]`, row-major.
    public var b: [Float]
    /// DoRA's length of each row of the adapted weight, `[outputs]`; nil for plain LoRA.
    public var magnitude: [Float]?

    public init(
      layer: Int, projection: Projection, rank: Int, alpha: Double, scale: Double, a: [Float], b: [Float], magnitude: [Float]? = nil
    ) {
      precondition(a.count % rank == 0 && b.count % rank == 0, "A is [rank, inputs], B is [outputs, rank]")
      self.layer = layer
      self.projection = projection
      self.rank = rank
      self.alpha = alpha
      self.scale = scale
      self.a = a
      self.b = b
      self.magnitude = magnitude
    }

    var inputs: Int { a.count / rank }
    var outputs: Int { b.count / rank }

    /// `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`
    static func tensorName(_ layer: Int, _ projection: Projection, _ matrix: String) -> String {
      "base_model.model.\(PEFTConfiguration.Target.path(layer, projection)).lora_\(matrix).weight"
    }
  }

  /// What an adapter does to one weight of the base: `W + scale · B A`, or under DoRA
  /// `diag(magnitude / ‖rows of (W + scale · B A)‖) (W + scale · B A)` (Liu et al., arXiv 2402.09353).
  public struct Delta: Sendable, Equatable {
    /// The weight in Hugging Face naming.
    public let weightName: String
    public let rank: Int
    public let scale: Double
    /// `[rank, columns]`, row-major.
    public let a: [Float]
    /// `[rows, rank]`, row-major.
    public let b: [Float]
    /// DoRA's length of each row, `[rows]`; nil for plain LoRA.
    public let magnitude: [Float]?

    public init(weightName: String, rank: Int, scale: Double, a: [Float], b: [Float], magnitude: [Float]? = nil) {
      precondition(a.count % rank == 0 && b.count % rank == 0, "A is [rank, columns], B is [rows, rank]")
      self.weightName = weightName
      self.rank = rank
      self.scale = scale
      self.a = a
      self.b = b
      self.magnitude = magnitude
    }

    /// Shape of the weight.
    public var rows: Int { b.count / rank }
    public var columns: Int { a.count / rank }

    /// Whether it leaves every weight as it is. Under DoRA that depends on the weight: false.
    public var isZero: Bool { magnitude == nil && (scale == 0 || b.allSatisfy { $0 == 0 } || a.allSatisfy { $0 == 0 }) }
  }

  /// The folder.
  public let path: String
  public let configuration: PEFTConfiguration
  /// By layer, then in the order of `Projection.allCases`: exactly the modules that the configuration describes.
  public let modules: [Module]
  /// Deltas of the embedding and the head, in this form whatever PEFT's is. Empty in an adapter that was read for the network.
  public let vocabularyDeltas: [Delta]
  /// Weights that replace the base's (`modules_to_save`), by Hugging Face name, before deltas are added; mapped. The embedding and the
  /// head may have more rows than the base's. Empty in an adapter that was read for the network.
  public let savedWeights: [String: StoredWeight]
  /// What a person should know about the adapter although it can be used.
  public let notes: [String]

  public init(
    path: String = "", configuration: PEFTConfiguration, modules: [Module], vocabularyDeltas: [Delta] = [],
    savedWeights: [String: StoredWeight] = [:], notes: [String] = []
  ) {
    self.path = path
    self.configuration = configuration
    self.modules = modules
    self.vocabularyDeltas = vocabularyDeltas
    self.savedWeights = savedWeights
    self.notes = notes
  }

  /// Everything that is added to weights: of `modules`, then of embedding and head.
  public var deltas: [Delta] {
    modules.map {
      Delta(
        weightName: $0.projection.weightName(layer: $0.layer), rank: $0.rank, scale: $0.scale, a: $0.a, b: $0.b, magnitude: $0.magnitude)
    } + vocabularyDeltas
  }

  public var usesDoRA: Bool { configuration.usesDoRA }

  /// Whether it changes nothing: all B are zero, as in an adapter that was never trained.
  public var isZero: Bool { savedWeights.isEmpty && deltas.allSatisfy(\.isZero) }

  static let configurationName = "adapter_config.json"
  static let weightsName = "adapter_model.safetensors"
}

// MARK: - Reading

extension PEFTAdapter {
  /// Reads the adapter at `path` for a base of shape `base`. Whether it was trained on that base is not looked at:
  /// see `open(_:for:use:allowOtherBase:)`.
  ///
  /// - Throws: `AdapterError` with everything that is wrong with it.
  public static func read(_ path: String, shape base: LlamaConfiguration, use: Use = .network) throws -> PEFTAdapter {
    let path = withoutTrailingSlash(path)
    let files = try AdapterFiles(path)
    let configuration: PEFTConfiguration
    let targets: [PEFTConfiguration.Target]
    do throws(ConfigurationProblems) {
      configuration = try PEFTConfiguration(files.configuration)
      targets = try configuration.targets(in: base)
    } catch {
      throw AdapterError(path: path, problems: error.problems)
    }

    var reader = AdapterTensors(files.weights)
    var modules: [Module] = []
    for target in targets {
      let (outputs, inputs) = target.projection.shape(in: base)
      let a = reader.take(Module.tensorName(target.layer, target.projection, "A"), shape: [target.rank, inputs])
      let b = reader.take(Module.tensorName(target.layer, target.projection, "B"), shape: [outputs, target.rank])
      guard let a, let b else { continue }
      let scale = PEFTConfiguration.scale(rank: target.rank, alpha: target.alpha, usesRSLoRA: configuration.usesRSLoRA)
      modules.append(
        Module(layer: target.layer, projection: target.projection, rank: target.rank, alpha: target.alpha, scale: scale, a: a, b: b))
    }
    let problems = reader.finish()
    guard problems.isEmpty else { throw AdapterError(path: path, problems: problems) }
    return PEFTAdapter(path: path, configuration: configuration, modules: modules)
  }
}

/// The two files of an adapter folder, opened.
private struct AdapterFiles {
  let configuration: JSONValue
  let weights: SafetensorsFile

  init(_ path: String) throws {
    func failure(_ problem: AdapterError.Problem) -> AdapterError { AdapterError(path: path, problems: [problem]) }
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else { throw failure(.missing) }
    guard exists(PEFTAdapter.configurationName) else { throw failure(.noConfiguration) }
    guard exists(PEFTAdapter.weightsName) else {
      throw failure(exists("adapter_model.bin") ? .unsupportedFormat(file: "adapter_model.bin") : .noWeights)
    }
    do {
      configuration = try JSONValue(file: "\(path)/\(PEFTAdapter.configurationName)")
      weights = try SafetensorsFile.open("\(path)/\(PEFTAdapter.weightsName)")
    } catch {
      throw failure(AdapterError.Problem(error, file: path))
    }
  }
}

/// The tensors of an adapter file, handed out once each.
private struct AdapterTensors {
  private var remaining: [String: SafetensorsFile.Entry] = [:]
  private var missing: [String] = []
  private var unexpected: [String] = []
  private var problems: [AdapterError.Problem] = []

  init(_ file: SafetensorsFile) {
    for tensor in file.tensors {
      let name = AdapterTensors.canonicalName(tensor.name)
      if remaining[name] == nil { remaining[name] = tensor } else { unexpected.append(tensor.name) }
    }
  }

  /// Older files carry the adapter's name: `.lora_A.default.weight`.
  private static func canonicalName(_ name: String) -> String {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 3, parts.last == "weight", ["lora_A", "lora_B"].contains(parts[parts.count - 3]) else { return name }
    parts.remove(at: parts.count - 2)
    return parts.joined(separator: ".")
  }

  /// The elements in float32; nil after a problem.
  mutating func take(_ name: String, shape: [Int]) -> [Float]? {
    guard let tensor = remaining.removeValue(forKey: name) else {
      missing.append(name)
      return nil
    }
    guard tensor.shape == shape else {
      problems.append(.wrongShape(tensor: tensor.name, found: tensor.shape, expected: shape))
      return nil
    }
    guard let values = tensor.floats() else {
      problems.append(.wrongDType(tensor: tensor.name, dtype: tensor.dtype))
      return nil
    }
    if let element = values.firstIndex(where: { !$0.isFinite }) {
      problems.append(.notFinite(tensor: tensor.name, element: element))
      return nil
    }
    return values
  }

  mutating func finish() -> [AdapterError.Problem] {
    unexpected += remaining.values.map(\.name)
    if !missing.isEmpty { problems.append(.missingTensors(missing)) }
    if !unexpected.isEmpty { problems.append(.unexpectedTensors(unexpected.sorted())) }
    return problems
  }
}
