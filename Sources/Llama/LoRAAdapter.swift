import Tensors

/// Low-rank matrices beside some projections of a model (Hu et al., arXiv 2106.09685): `x ↦ W x + weight · scale · B A x`; with them, rows
/// of embedding and head that are trained as they are.
public final class LoRAAdapter {
  /// The matrices beside one projection.
  public struct Module: Sendable {
    public let layer: Int
    public let projection: Projection
    public let rank: Int
    /// alpha / rank, or alpha / √rank under rsLoRA.
    public let scale: Double
    /// [rank, inputs], row-major.
    public let a: [Float]
    /// [outputs, rank], row-major.
    public let b: [Float]

    public init(layer: Int, projection: Projection, rank: Int, scale: Double, a: [Float], b: [Float]) {
      self.layer = layer
      self.projection = projection
      self.rank = rank
      self.scale = scale
      self.a = a
      self.b = b
    }

    /// PEFT's initialisation: A uniform in ±1/√inputs (Kaiming with a = √5), B zero, so that a new adapter changes nothing.
    ///
    /// Each module draws from a stream of its own: adding a module never changes another's numbers.
    public static func initialized(
      layer: Int, projection: Projection, rank: Int, scale: Double, seed: UInt64, configuration: LlamaConfiguration
    ) -> Module {
      let (outputs, inputs) = projection.shape(in: configuration)
      let place = UInt64(layer * Projection.allCases.count + projection.index)
      var random = Philox(seed: seed, stream: RandomStream.initialization + place)
      let bound = 1 / Float(inputs).squareRoot()
      let a = (0..<rank * inputs).map { _ in (2 * random.nextUniform() - 1) * bound }
      return Module(
        layer: layer, projection: projection, rank: rank, scale: scale, a: a, b: [Float](repeating: 0, count: outputs * rank))
    }
  }

  struct Placement {
    let layer: Int
    let projection: Projection
    let scale: Double
  }

  /// Parameters 2i and 2i + 1 are A and B of module i; after those of all modules come the trained rows of embedding and head.
  public let parameters: ParameterSet
  let placements: [Placement]
  /// Rows of embedding and head that are trained with the modules.
  public let vocabulary: TrainedVocabulary
  /// Multiplies the adapter's delta.
  public let weight: Double
  /// Probability that a feature of a branch's input is dropped while training.
  public let dropout: Double

  /// - Precondition: the matrices have the shapes that `configuration` implies; each projection occurs at most once.
  public convenience init(
    _ modules: [Module], weight: Double = 1, isTrained: Bool = false, dropout: Double = 0, configuration: LlamaConfiguration,
    on backend: any ComputeBackend
  ) {
    self.init(modules, weight, isTrained, dropout, .none, configuration, on: backend)
  }

  /// A trained adapter that trains rows of embedding and head too, which begin as they are in `weights`.
  ///
  /// - Precondition: as above; the vocabulary's rows are there, and a head that is the embedding has none of its own.
  /// - Throws: `LlamaError.missingWeight`
  public convenience init(
    training modules: [Module], vocabulary: TrainedVocabulary, of weights: BaseWeights, dropout: Double = 0, on backend: any ComputeBackend
  ) throws {
    precondition(vocabulary.head == nil || !weights.configuration.tiesEmbeddings, "a tied head is trained as the embedding")
    self.init(modules, 1, true, dropout, vocabulary, weights.configuration, on: backend)
    for matrix in TrainedVocabulary.Matrix.allCases {
      if let rows = trainedRows(of: matrix) { backend.load(rows, from: try weights.matrix(matrix.weightName, on: backend)) }
    }
  }

  private init(
    _ modules: [Module], _ weight: Double, _ isTrained: Bool, _ dropout: Double, _ vocabulary: TrainedVocabulary,
    _ configuration: LlamaConfiguration, on backend: any ComputeBackend
  ) {
    var declarations: [ParameterSet.Declaration] = []
    for module in modules {
      let (outputs, inputs) = module.projection.shape(in: configuration)
      precondition(module.a.count == module.rank * inputs && module.b.count == outputs * module.rank, "A or B of another shape")
      let path = "base_model.model.model.layers.\(module.layer).\(module.projection.path)"
      declarations.append(ParameterSet.Declaration(name: "\(path).lora_A.weight", rows: module.rank, columns: inputs))
      declarations.append(ParameterSet.Declaration(name: "\(path).lora_B.weight", rows: outputs, columns: module.rank))
    }
    for matrix in TrainedVocabulary.Matrix.allCases {
      guard let rows = vocabulary[matrix] else { continue }
      declarations.append(
        ParameterSet.Declaration(name: "base_model.model.\(matrix.weightName)", rows: rows.count, columns: configuration.hiddenSize))
    }
    parameters = ParameterSet(declarations, isTrained: isTrained, on: backend)
    for (index, module) in modules.enumerated() {
      backend.write(module.a, to: parameters[2 * index])
      backend.write(module.b, to: parameters[2 * index + 1])
    }
    placements = modules.map { Placement(layer: $0.layer, projection: $0.projection, scale: $0.scale) }
    self.vocabulary = vocabulary
    self.weight = weight
    self.dropout = dropout
  }

  /// A and B of each module.
  public var modules: [(a: Parameter, b: Parameter)] { placements.indices.map { (parameters[2 * $0], parameters[2 * $0 + 1]) } }

  /// Rows of a matrix that are trained; nil where it stays as it is.
  public func trainedRows(of matrix: TrainedVocabulary.Matrix) -> TrainedRows? {
    guard let rows = vocabulary[matrix] else { return nil }
    let index = 2 * placements.count + (matrix == .head && vocabulary.embedding != nil ? 1 : 0)
    return TrainedRows(parameters[index], first: rows.lowerBound)
  }

  /// The modules as they are now: reads the parameters back.
  public func modules(from backend: any ComputeBackend) -> [Module] {
    zip(placements, modules).map { placement, matrices in
      let (a, b) = matrices
      return Module(
        layer: placement.layer, projection: placement.projection, rank: a.rows, scale: placement.scale,
        a: backend.read(parameters.values, a.elements), b: backend.read(parameters.values, b.elements))
    }
  }
}

extension Projection {
  var index: Int {
    switch self {
    case .q: 0
    case .k: 1
    case .v: 2
    case .o: 3
    case .gate: 4
    case .up: 5
    case .down: 6
    }
  }
}

/// A frozen weight, fused from the projections that share an input, with the branches of every adapter beside it.
struct AdaptedWeight {
  let weight: FrozenWeight
  private let branches: [LoRABranch]
  private let dropouts: [(probability: Double, place: Int)]

  init(_ projections: [Projection], layer: Int, weights: BaseWeights, adapters: [LoRAAdapter], on backend: any ComputeBackend) throws {
    let configuration = weights.configuration
    var segments: [WeightSegment] = []
    var begins: [Projection: Int] = [:]
    var outputs = 0
    for projection in projections {
      let stored = try weights.weight(projection.weightName(layer: layer))
      segments += stored.segments.map { $0.shifted(rowsBy: outputs) }
      begins[projection] = outputs
      outputs += stored.shape[0]
    }
    weight = backend.makeWeight(outputs: outputs, inputs: projections[0].shape(in: configuration).inputs, segments: segments)
    var branches: [LoRABranch] = []
    var dropouts: [(Double, Int)] = []
    for adapter in adapters {
      for (index, placement) in adapter.placements.enumerated() where placement.layer == layer {
        guard let begin = begins[placement.projection] else { continue }
        let b = adapter.parameters[2 * index + 1]
        branches.append(
          LoRABranch(
            a: adapter.parameters[2 * index], b: b, scale: Float(adapter.weight * placement.scale), outputs: begin..<begin + b.rows))
        dropouts.append((adapter.dropout, layer * Projection.allCases.count + placement.projection.index))
      }
    }
    self.branches = branches
    self.dropouts = dropouts
  }

  var hasTrainedBranch: Bool { branches.contains { $0.isTrained } }

  /// The branches for one pass; with dropout where an adapter asks for it and `key` is given.
  func branches(dropout key: DropoutKey?) -> [LoRABranch] {
    guard let key else { return branches }
    return zip(branches, dropouts).map { branch, dropout in
      guard dropout.probability > 0, branch.isTrained else { return branch }
      let salt = UInt32(truncatingIfNeeded: UInt64(key.step) &* 0x9E37_79B1 &+ UInt64(dropout.place))
      return LoRABranch(
        a: branch.a, b: branch.b, scale: branch.scale, outputs: branch.outputs,
        dropout: LoRABranch.Dropout(probability: Float(dropout.probability), seed: key.seed, salt: salt))
    }
  }
}

/// What dropout masks are drawn from besides the text: equal keys give equal masks, so recomputed blocks see the same.
public struct DropoutKey: Sendable, Equatable {
  public let seed: UInt64
  public let step: Int

  public init(seed: UInt64, step: Int) {
    self.seed = seed
    self.step = step
  }
}
