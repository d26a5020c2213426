import Llama
import Tensors

/// How much memory training takes, part by part, in bytes, known before step 1.
public struct MemoryPlan: Sendable, Equatable {
  /// Rows in flight that pay back packing the weights; more would only take memory.
  public static let mostRows = 2048

  /// Rows in flight that the plan is for.
  public let rows: Int
  public let recomputes: Bool
  /// Base weights: mapped pages of files, shared with the system's cache.
  public let base: Int
  /// Values, gradients and AdamW's moments of the trained adapter.
  public let adapter: Int
  /// What forward keeps for backward.
  public let activations: Int
  /// What one layer or the head needs beyond that while it runs.
  public let workspace: Int

  /// Everything that is not mapped from files.
  public var privateBytes: Int { adapter + activations + workspace }
  public var total: Int { base + privateBytes }

  public init(
    _ configuration: LlamaConfiguration, baseBytes: Int, trainedParameters: Int, activationBytes: Int, rows: Int, recomputes: Bool
  ) {
    let hidden = configuration.hiddenSize
    let attention = 2 * configuration.queryWidth + 2 * configuration.keyValueWidth
    let layer = (2 * hidden + attention + 2 * configuration.intermediateSize) * activationBytes + 4 * configuration.headCount
    let input = hidden * 4
    let transient = 4 * input + (4 * configuration.intermediateSize + 2 * attention + 2 * hidden) * activationBytes
    self.rows = rows
    self.recomputes = recomputes
    base = baseBytes
    adapter = trainedParameters * 4 * MemoryLayout<Float>.size
    activations = rows * (recomputes ? configuration.layerCount * input + layer : configuration.layerCount * layer)
    workspace = rows * transient + min(rows, 512) * configuration.vocabularySize * (4 + activationBytes) + (64 << 20)
  }

  /// The largest number of rows, at most `most`, whose plan stays within `limit` bytes; with recomputation where that alone makes it fit.
  /// - Throws: `TrainingError.doesNotFit` when `least` rows do not fit even so.
  public static func choose(
    _ configuration: LlamaConfiguration, baseBytes: Int, trainedParameters: Int, activationBytes: Int, limit: Int, most: Int, least: Int,
    recompute: TrainingOptions.Recompute
  ) throws(TrainingError) -> MemoryPlan {
    func plan(_ rows: Int, _ recomputes: Bool) -> MemoryPlan {
      MemoryPlan(
        configuration, baseBytes: baseBytes, trainedParameters: trainedParameters, activationBytes: activationBytes, rows: rows,
        recomputes: recomputes)
    }
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
