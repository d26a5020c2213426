import Llama
import Tensors

/// One optimizer step's rows, packed.
public struct PackedStep: Sendable {
  /// Micro-batches: what is in flight together. Their number changes memory and speed, never the result beyond rounding.
  public let batches: [PackedBatch]
  /// Tokens of all sequences, before sharing.
  public let tokenCount: Int
  /// Where the rows come from, for messages about them.
  public let rowNames: [String]

  public init(batches: [PackedBatch], tokenCount: Int, rowNames: [String]) {
    self.batches = batches
    self.tokenCount = tokenCount
    self.rowNames = rowNames
  }

  /// Rows computed, after sharing.
  public var computedCount: Int { batches.reduce(0) { $0 + $1.rowCount } }
  public var supervisedCount: Int { batches.reduce(0) { $0 + $1.targets.count } }
}

/// Gradient, clipping and update of one trained adapter: the arithmetic of training, without files.
///
/// The loss of a step is the sum over its supervised tokens divided by their number in the whole step, over all micro-batches.
public final class Trainer {
  public struct StepResult: Sendable, Equatable {
    /// Mean over the step's supervised tokens, in nats.
    public let loss: Double
    /// Global norm before clipping.
    public let gradientNorm: Double
    public let learningRate: Double
  }

  public let model: LlamaModel
  public let adapter: LoRAAdapter
  private let options: TrainingOptions
  private let schedule: LearningRateSchedule
  private let recomputes: Bool
  /// Updates made, which AdamW's correction of bias counts: steps without a target make none.
  public private(set) var updateCount: Int

  /// - Parameter updateCount: of earlier steps, where a run goes on.
  public init(
    model: LlamaModel, adapter: LoRAAdapter, options: TrainingOptions, schedule: LearningRateSchedule, recomputes: Bool,
    updateCount: Int = 0
  ) {
    self.updateCount = updateCount
    self.model = model
    self.adapter = adapter
    self.options = options
    self.schedule = schedule
    self.recomputes = recomputes
  }

  /// Makes one optimizer step.
  /// - Parameter step: from 0.
  /// - Returns: `nil` when no row of the step has a target: nothing is changed then.
  /// - Throws: `TrainingError.notFinite`, with nothing updated.
  public func run(_ packed: PackedStep, step: Int) throws(TrainingError) -> StepResult? {
    let supervised = packed.supervisedCount
    guard supervised > 0, let gradients = adapter.parameters.gradients else { return nil }
    let backend = model.backend
    backend.fillWithZeros(gradients)
    let dropout = dropout(step: step)
    var sum = 0.0
    for batch in packed.batches where !batch.targets.isEmpty {
      let weights = [Float](repeating: 1 / Float(supervised), count: batch.targets.count)
      let scores = model.accumulateGradients(batch, weights: weights, dropout: dropout, recomputes: recomputes)
      sum -= backend.read(scores.logProbabilities).reduce(0) { $0 + Double($1) }
    }
    let loss = sum / Double(supervised)
    let norm = backend.sumOfSquares(of: gradients).squareRoot()
    guard loss.isFinite, norm.isFinite else {
      throw TrainingError.notFinite(step: step + 1, loss: loss, gradientNorm: norm, rows: packed.rowNames)
    }
    // As torch.nn.utils.clip_grad_norm_ does.
    let scale = options.clipGradientNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
    let rate = schedule.rate(at: step)
    updateCount += 1
    backend.updateAdamW(
      adapter.parameters,
      AdamWStep(
        gradientScale: scale, learningRate: rate, weightDecay: options.weightDecay, beta1: options.betas.first,
        beta2: options.betas.second, epsilon: options.epsilon, step: updateCount))
    return StepResult(loss: loss, gradientNorm: norm, learningRate: rate)
  }

  /// What a step's masks are drawn from; `nil` without dropout.
  func dropout(step: Int) -> DropoutKey? { adapter.dropout > 0 ? DropoutKey(seed: options.seed, step: step) : nil }

  /// Mean loss over the supervised tokens of some batches, in nats; `nil` without any, or when it was not to go on.
  public func validate(_ batches: [PackedBatch], isInterrupted: () -> Bool = { false }) -> Double? {
    var sum = 0.0
    var count = 0
    for batch in batches where !batch.targets.isEmpty {
      if isInterrupted() { return nil }
      sum -= model.backend.read(model.score(batch).logProbabilities).reduce(0) { $0 + Double($1) }
      count += batch.targets.count
    }
    return count > 0 ? sum / Double(count) : nil
  }
}
