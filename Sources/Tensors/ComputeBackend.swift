/// The seam between the network and the machine: operations the size of a layer's steps.
///
/// One convention for results: a `Destination` says whether a product is stored or added, every other operation returns new tensors unless
/// its name says `add` or `rotate`. A tensor that somebody saved is never written again. Calls may return before the work is done;
/// `read...`, `sumOfSquares` and `synchronize` wait. A backend belongs to one thread.
///
/// Shapes in the comments: n rows of a batch, d hidden size, r rank. "Activations" are in `activationType`.
public protocol ComputeBackend: AnyObject {
  var precision: Precision { get }
  /// What queries, keys, values, gates and their gradients are kept in: bfloat16 or float32, as the precision says.
  var activationType: DType { get }

  // MARK: Memory

  /// Takes memory for tensors of so many bytes together, so that steps of a planned size ask the system for nothing more.
  func reserve(byteCount: Int)
  /// A tensor with undefined contents.
  func makeTensor(rows: Int, columns: Int, _ dtype: DType) -> Tensor
  /// A float32 tensor with these values, row-major.
  func makeTensor(_ values: [Float], rows: Int, columns: Int) -> Tensor
  /// A float32 tensor of zeros.
  func makeZeros(rows: Int, columns: Int) -> Tensor
  func fillWithZeros(_ tensor: Tensor)
  /// Replaces the contents of a float32 tensor.
  func write(_ values: [Float], to tensor: Tensor)
  /// Replaces elements of a float32 tensor of one row, from `offset` on.
  func write(_ values: [Float], to tensor: Tensor, at offset: Int)
  /// The weight that these segments cover, used in place; of the rows that are trained the parameter's values, as they are at each use.
  func makeWeight(outputs: Int, inputs: Int, segments: [WeightSegment], trained: TrainedRows?) -> FrozenWeight
  /// A vector of a base (a norm's scale), widened to float32 `[1, count]`.
  func makeVector(count: Int, segments: [WeightSegment]) -> Tensor
  /// Contents as float32, row-major.
  func read(_ tensor: Tensor) -> [Float]
  /// Elements of a float32 tensor of one row.
  func read(_ tensor: Tensor, _ elements: Range<Int>) -> [Float]
  func readIntegers(_ tensor: Tensor) -> [Int32]
  func synchronize()

  // MARK: Batches

  /// What the operations on rows need to know of a batch, made once per batch.
  func makeLayout(of batch: PackedBatch, residents: [ResidentSegment]) -> BatchLayout
  /// The same for some rows of a batch, for operations that treat every row by itself: these rows no longer see each other.
  func selectRows(_ rows: [Int32], of layout: BatchLayout) -> BatchLayout

  // MARK: Rows

  /// Rows of the embedding for the layout's tokens: float32 [n, d].
  func gather(_ layout: BatchLayout, from embedding: FrozenWeight) -> Tensor
  /// Rows of a float32 tensor.
  func gatherRows(_ rows: [Int32], of tensor: Tensor) -> Tensor
  func gatherRows(_ rows: [Int32], of operand: Operand) -> Operand
  /// A tensor of `count` rows, zero but for the distinct `rows`, which are those of x in order.
  func scatterRows(_ x: Tensor, to rows: [Int32], of count: Int) -> Tensor
  /// A copy that later changes of `tensor` do not reach.
  func copy(_ tensor: Tensor) -> Tensor
  /// Copies `rows` of an activation tensor to `position` of another: how a KV cache grows.
  func copyRows(_ rows: Range<Int>, of source: Tensor, to destination: Tensor, at position: Int)

  // MARK: Elementwise

  /// Rounds a float32 tensor into the input of a product.
  func makeOperand(from tensor: Tensor) -> Operand
  /// `output = normalized · scale`, `normalized = h / rms(h)`; the latter and `inverseRMS` [1, n] are what backward needs.
  func rmsNorm(_ h: Tensor, scale: Tensor, epsilon: Float) -> (output: Operand, normalized: Operand, inverseRMS: Tensor)
  /// The norm's output again, from what it saved.
  func scaleColumns(of normalized: Operand, by scale: Tensor) -> Operand
  /// Adds the gradient of the norm's input, given that of its output, to `dh`.
  func addRMSNormGradient(_ dy: Tensor, scale: Tensor, normalized: Operand, inverseRMS: Tensor, to dh: Tensor)
  /// `silu(gate) · up` for the halves of `gateUp` [n, 2 · width].
  func swiGLU(_ gateUp: Tensor) -> Operand
  /// Gradient [n, 2 · width] of gate and up, given that of the product.
  func swiGLUGradient(_ dy: Tensor, gateUp: Tensor) -> Operand

  // MARK: Products

  /// `y = x Wᵀ + Σ scale · B A x` over the branches. Returns what `pullBack` needs of the branches.
  func project(
    _ x: Operand, by weight: FrozenWeight, branches: [LoRABranch], layout: BatchLayout, into destinations: [Destination]
  ) -> BranchActivations
  /// The mirror of `project`: adds the gradients of trained branches to their sets, and writes the gradient of x, if it is wanted.
  /// - Parameter input: x; needed where a branch is trained.
  func pullBack(
    _ dy: Operand, through weight: FrozenWeight, branches: [LoRABranch], activations: BranchActivations, input: Operand?,
    layout: BatchLayout, into destination: Destination?)

  // MARK: Attention

  /// Rotates q and k in place to their positions, then attends over the layout's forest.
  /// - Parameter cache: keys (rotated) and values of the resident segments.
  /// - Returns: the output [n, query width], and the log-sum-exp of each row and head that backward needs.
  func attend(
    q: Tensor, k: Tensor, v: Tensor, shape: AttentionShape, layout: BatchLayout, rotary: RotaryTable, cache: (keys: Tensor, values: Tensor)?
  ) -> (output: Operand, logSumExp: Tensor)
  /// Gradient [n, query width + 2 · key-value width] of q, k and v before rotation. The layout has no resident segments.
  func attentionGradient(
    _ dOutput: Tensor, q: Tensor, k: Tensor, v: Tensor, output: Operand, logSumExp: Tensor, shape: AttentionShape, layout: BatchLayout,
    rotary: RotaryTable
  ) -> Operand

  // MARK: Vocabulary

  /// Gives trained rows the values that a weight has there.
  func load(_ rows: TrainedRows, from weight: FrozenWeight)
  /// Adds dh [n, d], the gradient of gathered rows, to the gradients of those that are trained; rows of one token in their order.
  func addGatherGradient(_ dh: Tensor, layout: BatchLayout, to rows: TrainedRows)

  // MARK: Head

  /// Log-probability of each target and the most likely token of each row, without ever holding the logits of a batch.
  /// - Parameters:
  ///   - x: [rows, d]
  ///   - targets: `row` is a row of x; in row order.
  ///   - weights: one per target, of any sign; if given, the gradient of `Σ weight · log-probability` with respect to x comes along.
  ///   - trained: rows of the head to whose gradients theirs is added, `dlogitsᵀ x`; needs weights.
  func scoreTargets(
    _ x: Operand, head: FrozenWeight, targets: [PackedBatch.Target], weights: [Float]?, trained: TrainedRows?
  ) -> TargetScores
  /// All logits of a few rows: float32 [rows, vocabulary].
  func logits(_ x: Operand, head: FrozenWeight) -> Tensor

  // MARK: Parameters

  /// Sum of squares in double precision; NaN and infinity stay visible. Waits.
  func sumOfSquares(of tensor: Tensor) -> Double
  /// One step of AdamW on everything in the set.
  func updateAdamW(_ set: ParameterSet, _ step: AdamWStep)
}

/// Where the result of a product goes. Rounding follows the tensor's element type: float32, or bfloat16 for activations.
public enum Destination {
  /// Overwrites the tensor; several destinations take consecutive columns of the product.
  case store(Tensor)
  /// Adds to a float32 tensor.
  case add(Tensor)

  public var tensor: Tensor {
    switch self {
    case .store(let tensor), .add(let tensor): tensor
    }
  }
}

/// A low-rank branch beside some outputs of a frozen weight: `y[outputs] += scale · B A x` (Hu et al., arXiv 2106.09685).
public struct LoRABranch {
  /// [r, inputs]
  public let a: Parameter
  /// [outputs.count, r]
  public let b: Parameter
  /// Adapter weight · alpha / rank, or alpha / √rank.
  public let scale: Float
  /// Columns of the product.
  public let outputs: Range<Int>
  /// Dropout of the branch's input, while training.
  public let dropout: Dropout?

  public struct Dropout: Sendable {
    public let probability: Float
    public let seed: UInt64
    /// Tells steps and modules apart.
    public let salt: UInt32

    public init(probability: Float, seed: UInt64, salt: UInt32) {
      self.probability = probability
      self.seed = seed
      self.salt = salt
    }
  }

  public init(a: Parameter, b: Parameter, scale: Float, outputs: Range<Int>, dropout: Dropout? = nil) {
    precondition(a.rows == b.columns && b.rows == outputs.count, "A and B must have one rank, and B a row per output")
    self.a = a
    self.b = b
    self.scale = scale
    self.outputs = outputs
    self.dropout = dropout
  }

  public var rank: Int { a.rows }
  public var isTrained: Bool { a.set.isTrained }
}

/// What `project` computed for its branches and `pullBack` needs again.
public final class BranchActivations {
  public let storage: (any BackendStorage)?
  public init(storage: (any BackendStorage)?) { self.storage = storage }
}

/// Rows of a KV cache that a batch's segments may continue. A parent comes before its children.
public struct ResidentSegment: Sendable, Equatable {
  public var parent: Int?
  /// Rows of the cache.
  public var rows: Range<Int>

  public init(parent: Int?, rows: Range<Int>) {
    self.parent = parent
    self.rows = rows
  }
}

/// A batch in the backend's own form.
public final class BatchLayout {
  public let batch: PackedBatch
  public let residents: [ResidentSegment]
  public let storage: any BackendStorage

  public init(batch: PackedBatch, residents: [ResidentSegment], storage: any BackendStorage) {
    self.batch = batch
    self.residents = residents
    self.storage = storage
  }

  public var rowCount: Int { batch.rowCount }
}

public struct AttentionShape: Sendable, Equatable {
  public let heads: Int
  /// Divides `heads`.
  public let keyValueHeads: Int
  public let headDimension: Int

  public init(heads: Int, keyValueHeads: Int, headDimension: Int) {
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
  }
}

/// Cosines and sines of positions from 0 on: flat float32 [1, positions · head dimension / 2] each.
public struct RotaryTable {
  public let cosines: Tensor
  public let sines: Tensor

  public init(cosines: Tensor, sines: Tensor) {
    self.cosines = cosines
    self.sines = sines
  }
}

public struct TargetScores {
  /// [1, targets] float32
  public let logProbabilities: Tensor
  /// [rows, 1] int32: the lowest of the most likely tokens.
  public let mostLikely: Tensor
  /// [rows, d] float32, when weights were given.
  public let gradient: Tensor?

  /// Rows whose logits are held at once: enough that packing the head's weight is paid back, in at most 160 MB.
  public static func rowsAtOnce(vocabulary: Int) -> Int { max(64, min(768, (160 << 20) / (4 * max(1, vocabulary)))) }

  public init(logProbabilities: Tensor, mostLikely: Tensor, gradient: Tensor?) {
    self.logProbabilities = logProbabilities
    self.mostLikely = mostLikely
    self.gradient = gradient
  }
}

/// One update of AdamW as `torch.optim.AdamW` computes it (Loshchilov & Hutter, arXiv 1711.05101).
public struct AdamWStep: Sendable, Equatable {
  /// Multiplies the gradient first: clipping.
  public var gradientScale: Double
  public var learningRate: Double
  public var weightDecay: Double
  public var beta1: Double
  public var beta2: Double
  public var epsilon: Double
  /// Counted from 1, for the correction of bias.
  public var step: Int

  public init(
    gradientScale: Double, learningRate: Double, weightDecay: Double, beta1: Double, beta2: Double, epsilon: Double, step: Int
  ) {
    self.gradientScale = gradientScale
    self.learningRate = learningRate
    self.weightDecay = weightDecay
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.step = step
  }
}

extension ComputeBackend {
  /// The weight that these segments cover, used in place.
  public func makeWeight(outputs: Int, inputs: Int, segments: [WeightSegment]) -> FrozenWeight {
    makeWeight(outputs: outputs, inputs: inputs, segments: segments, trained: nil)
  }

  /// Replaces the values of a parameter.
  public func write(_ values: [Float], to parameter: Parameter) {
    precondition(values.count == parameter.elements.count, "values must fill the parameter")
    write(values, to: parameter.set.values, at: parameter.offset)
  }
}
