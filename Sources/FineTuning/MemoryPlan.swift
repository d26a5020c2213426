import Llama
import Tensors

/// How much memory training takes, part by part, in bytes, known before step 1.
public struct MemoryPlan: Sendable, Equatable {
  /// Rows in flight that pay back packing the weights; more would only take memory.
  public static let mostRows = 1088

  /// What training takes memory for, besides rows.
  public struct Model: Sendable, Equatable {
    public var configuration: LlamaConfiguration
    /// Bytes of the mapped base.
    public var base: Int
    /// Of low-rank matrices.
    public var trainedParameters: Int
    /// Of rows of embedding and head.
    public var trainedRowParameters = 0
    /// Bytes of new rows of embedding and head that are not trained.
    public var frozenRows = 0
    /// Bytes of an element of an activation.
    public var activationBytes: Int
    /// Columns of `A x` that a block keeps, over all adapters and projections: each branch's rank, rounded up to a cache line.
    public var branchColumns: Int
    /// Branches of a block that keep a copy of their input, because dropout changed it.
    public var droppingBranches: Int
    /// Bytes that the process holds besides: the program, the tokenizer, rows and their tokens.
    public var program: Int

    public init(
      _ configuration: LlamaConfiguration, base: Int, trainedParameters: Int, activationBytes: Int, branchColumns: Int = 0,
      droppingBranches: Int = 0, program: Int = 0
    ) {
      self.configuration = configuration
      self.base = base
      self.trainedParameters = trainedParameters
      self.activationBytes = activationBytes
      self.branchColumns = branchColumns
      self.droppingBranches = droppingBranches
      self.program = program
    }
  }

  /// Rows in flight that the plan is for.
  public let rows: Int
  public let recomputes: Bool
  /// Base weights: mapped pages of files, shared with the system's cache.
  public let base: Int
  /// Values, gradients and AdamW's moments of everything that is trained, and the two copies of low-rank matrices that saving makes.
  public let adapter: Int
  /// What forward keeps for backward.
  public let activations: Int
  /// What one layer or the head needs beyond that while it runs.
  public let workspace: Int
  /// The program, the tokenizer, the data.
  public let program: Int

  /// Everything that is not mapped from files.
  public var privateBytes: Int { adapter + activations + workspace + program }
  public var total: Int { base + privateBytes }

  public init(_ model: Model, rows: Int, recomputes: Bool) {
    let configuration = model.configuration
    let element = model.activationBytes
    // Rows never lie a multiple of 4 KiB apart.
    func row(_ columns: Int, _ size: Int) -> Int {
      let bytes = (columns + 31) / 32 * 32 * size
      return bytes % 4096 == 0 ? bytes + 32 * size : bytes
    }
    let state = row(configuration.hiddenSize, 4)
    let input = row(configuration.hiddenSize, element)
    let query = row(configuration.queryWidth, element)
    let keyValue = row(configuration.keyValueWidth, element)
    let activated = row(configuration.intermediateSize, element)
    let gateUp = row(2 * configuration.intermediateSize, element)
    let branches = model.branchColumns * element
    let layer =
      2 * input + 2 * query + 2 * keyValue + gateUp + branches + model.droppingBranches * max(input, activated)
      + 4 * (2 + configuration.headCount)
    let feedForward = 2 * state + 2 * input + activated + gateUp + branches
    let attention = 3 * state + 2 * input + 3 * query + row(configuration.queryWidth + 2 * configuration.keyValueWidth, element) + branches
    let logits = min(rows, TargetScores.rowsAtOnce(vocabulary: configuration.vocabularySize)) * row(configuration.vocabularySize, 4)
    // A block of the gradient by logits, turned over.
    let turned =
      model.trainedRowParameters > 0
      ? 1024 * row(min(rows, TargetScores.rowsAtOnce(vocabulary: configuration.vocabularySize)), element) : 0
    let head = rows * (3 * state + 2 * input) + logits + turned
    self.rows = rows
    self.recomputes = recomputes
    base = model.base
    adapter = (model.trainedParameters * 6 + model.trainedRowParameters * 4) * MemoryLayout<Float>.size + model.frozenRows
    // The last block keeps its attention's output for the supervised rows too.
    activations = rows * ((recomputes ? configuration.layerCount * state + layer : configuration.layerCount * layer) + query)
    // Last: what is kept of each row beside its state (targets, positions, statistics), and the workers' packed panels and tiles.
    workspace = max(head, rows * max(feedForward, attention)) + rows * 256 + (24 << 20)
    program = model.program
  }

  /// The largest number of rows, at most `most`, whose plan stays within `limit` bytes; with recomputation where that alone makes it fit.
  /// - Throws: `TrainingError.doesNotFit` when `least` rows do not fit even so.
  public static func choose(
    _ model: Model, limit: Int, most: Int, least: Int, recompute: TrainingOptions.Recompute
  ) throws(TrainingError) -> MemoryPlan {
    func plan(_ rows: Int, _ recomputes: Bool) -> MemoryPlan { MemoryPlan(model, rows: rows, recomputes: recomputes) }
    let choices: [Bool]
    switch recompute {
    case .auto: choices = [false, true]
    case .always: choices = [true]
    case .never: choices = [false]
    }
    for recomputes in choices {
      // Below 512 rows packing the weights costs more than recomputing.
      let enough = recomputes == choices.last ? least : max(least, min(most, 512))
      guard plan(enough, recomputes).total <= limit else { continue }
      var (fits, tooMany) = (enough, max(enough, most) + 1)
      while tooMany - fits > 1 {
        let middle = (fits + tooMany) / 2
        if plan(middle, recomputes).total <= limit { fits = middle } else { tooMany = middle }
      }
      return plan(fits, recomputes)
    }
    let last = choices.last ?? false
    throw .doesNotFit(needed: plan(least, last).total, limit: limit, rows: least)
  }
}
