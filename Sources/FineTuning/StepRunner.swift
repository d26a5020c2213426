import Datasets
import Llama
import Tensors

/// Makes the steps of a run, by number: its rows, packed, through the trainer.
struct StepRunner {
  enum Outcome {
    case made(StepReport, rowNames: [String])
    /// No row had a target: nothing was changed.
    case skipped(rowNames: [String])
  }

  let trainer: Trainer
  let stepCount: Int
  private let examples: TrainingSet
  private let packer: BatchPacker

  /// - Parameter updateCount: of earlier steps, where a run goes on.
  init(
    _ model: LlamaModel, _ adapter: LoRAAdapter, _ options: TrainingOptions, _ plan: MemoryPlan, _ examples: TrainingSet,
    updateCount: Int = 0
  ) {
    self.examples = examples
    stepCount = options.stepCount(stepsPerEpoch: examples.stepsPerEpoch)
    packer = BatchPacker(rowLimit: plan.rows, omitsUnusedRows: true)
    trainer = Trainer(
      model: model, adapter: adapter, options: options, schedule: LearningRateSchedule(options, stepCount: stepCount),
      recomputes: plan.recomputes, updateCount: updateCount)
  }

  func pack(_ sequences: [MaskedSequence]) -> [PackedBatch] { packer.pack(sequences).map(\.batch) }

  /// - Parameter step: from 0.
  /// - Throws: `TrainingError.notFinite` saying where, and what reading rows throws.
  func run(_ step: Int) throws -> Outcome {
    let clock = ContinuousClock.now
    let sequences = try examples.examples(step: step)
    let parts = packer.pack(sequences)
    let packed = PackedStep(
      batches: parts.map(\.batch), tokenCount: sequences.reduce(0) { $0 + $1.ids.count }, rowNames: examples.names(of: sequences))
    let made: Trainer.StepResult?
    do {
      made = try trainer.run(packed, step: step)
    } catch {
      throw explained(error, parts, sequences, step: step)
    }
    guard let result = made else { return .skipped(rowNames: packed.rowNames) }
    let report = StepReport(
      step: step + 1, stepCount: stepCount, epoch: Double(step + 1) / Double(examples.stepsPerEpoch),
      examples: examples.rowCount(ofStep: step), loss: result.loss, learningRate: result.learningRate, gradientNorm: result.gradientNorm,
      tokens: packed.tokenCount, tokensComputed: packed.computedCount, supervisedTokens: packed.supervisedCount,
      seconds: clock.secondsSince)
    return .made(report, rowNames: packed.rowNames)
  }

  /// Runs the step forward once more, to name the rows whose loss is not finite and where in the network that begins.
  private func explained(_ error: TrainingError, _ parts: [PackedSequences], _ sequences: [MaskedSequence], step: Int) -> TrainingError {
    guard case .notFinite(let number, let loss, let norm, var rows, _) = error else { return error }
    let broken = parts.flatMap { part in
      part.batch.targets.isEmpty
        ? []
        : zip(trainer.model.backend.read(trainer.model.score(part.batch).logProbabilities), part.targetPlaces)
          .filter { !$0.0.isFinite }.map { sequences[$0.1.sequence] }
    }
    // A gradient may break alone: then it is any of them.
    if !broken.isEmpty { rows = examples.names(of: broken) }
    let activations = ActivationReport(trainer.model, parts.map(\.batch), dropout: trainer.dropout(step: step))
    return .notFinite(step: number, loss: loss, gradientNorm: norm, rows: rows, activations: activations)
  }
}

extension ContinuousClock.Instant {
  /// Seconds from this instant to now, to the microsecond.
  var secondsSince: Double {
    let (seconds, attoseconds) = (ContinuousClock.now - self).components
    return Double(seconds * 1_000_000 + attoseconds / 1_000_000_000_000) / 1e6
  }
}
