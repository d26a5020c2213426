import Llama
import Tensors

/// A LoRA adapter in a PEFT folder: `adapter_config.json` and `adapter_model.safetensors`
/// (PEFT: `docs/source/developer_guides/checkpoint.md`). A and B are read completely into float32; whole weights stay mapped.
public struct PEFTAdapter: Sendable {
  /// What an adapter is read for.
  public enum Use: Sendable {
    /// To run or train beside its base: pairs of A and B on the projections of layers, and whole weights.
    case network
    /// To be folded into its base: DoRA and low-rank deltas of embedding and head too.
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

    /// Adds nothing and gets no gradient: each matrix's is a product with the other.
    var isDead: Bool { magnitude == nil && a.allSatisfy { $0 == 0 } && b.allSatisfy { $0 == 0 } }
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
  /// head may have more rows than the base's.
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

  /// The same adapter with further notes.
  func noting(_ more: [String]) -> PEFTAdapter {
    PEFTAdapter(
      path: path, configuration: configuration, modules: modules, vocabularyDeltas: vocabularyDeltas, savedWeights: savedWeights,
      notes: notes + more)
  }

  static let configurationName = "adapter_config.json"
  static let weightsName = "adapter_model.safetensors"
  /// What a checkpoint has in its place that keeps trained rows alone.
  public static let trainedRowsName = "trained.safetensors"
  /// Before PEFT 0.7, and still on request.
  static let oldWeightsName = "adapter_model.bin"
}
