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
    let dropout = adapter.dropout > 0 ? DropoutKey(seed: options.seed, step: step) : nil
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

  /// Mean loss over the supervised tokens of some batches, in nats; `nil` without any.
  public func validate(_ batches: [PackedBatch]) -> Double? {
    var sum = 0.0
    var count = 0
    for batch in batches where !batch.targets.isEmpty {
      sum -= model.backend.read(model.score(batch).logProbabilities).reduce(0) { $0 + Double($1) }
      count += batch.targets.count
    }
    return count > 0 ? sum / Double(count) : nil
  }
}

/// A run that was asked to stop, and can go on.
public struct TrainingInterrupted: Error, Sendable, Equatable {
  public let step: Int
  public let stepCount: Int
  /// What was saved.
  public let checkpoint: String
}

/// What stops a run.
public enum TrainingError: Error, CustomStringConvertible, Equatable {
  case notFinite(step: Int, loss: Double, gradientNorm: Double, rows: [String])
  case validationNotFinite(step: Int, loss: Double)
  case outputExists(String)
  case outputHoldsOther(String, String)
  case outputInUse(String)
  case metricsLost(String, expected: Int, found: Int, checkpoint: String)
  case cannotWrite(String, String)
  case nothingToLearn(rows: Int, paths: [String])
  case doesNotFit(needed: Int, limit: Int, rows: Int)

  public var description: String {
    switch self {
    case .notFinite(let step, let loss, let norm, let rows):
      """
      step \(step): the loss is \(loss) and the gradient's norm \(norm). Training stopped; nothing of this step was kept. \
      Rows: \(rows.joined(separator: ", ")). Lower training.learning_rate, or look at these rows with 'puna preview'.
      """
    case .validationNotFinite(let step, let loss):
      "step \(step): the validation loss is \(loss). Look at the validation rows with 'puna preview', and at the base's weights for NaN."
    case .outputExists(let path):
      "\(path) exists already. Pass --resume to go on with it, --overwrite to replace it, or choose another output."
    case .outputHoldsOther(let path, let entry):
      "\(path) holds '\(entry)', which no run wrote. Choose another output, or move that away first."
    case .outputInUse(let path): "\(path): another process is training into this folder. Wait for it, or choose another output."
    case .metricsLost(let path, let expected, let found, let checkpoint):
      "\(path) has \(found) bytes; \(checkpoint) was saved after \(expected). Was it changed? Without it the run cannot be resumed."
    case .cannotWrite(let path, let reason):
      "\(path): cannot be written: \(reason). Training stopped; what was saved before is whole."
    case .nothingToLearn(let rows, let paths):
      """
      None of the \(rows) rows of an epoch has a token to learn (\(paths.joined(separator: ", "))): their responses are empty, masked, or cut \
      away by data.max_length. Look at them with 'puna preview'.
      """
    case .doesNotFit(let needed, let limit, let rows):
      """
      Training needs about \(megabytes(needed)) MB with \(rows) rows in flight; compute.memory allows \(megabytes(limit)) MB. \
      Lower training.micro_batch_tokens or data.max_length, or set training.recompute to always.
      """
    }
  }

  private func megabytes(_ bytes: Int) -> Int { bytes / 1_000_000 }
}
