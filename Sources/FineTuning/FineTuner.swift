import Adapters
import Checkpoints
import Datasets
import Foundation
import Llama
import Tensors

/// Trains one adapter: steps, validation, checkpoints and metrics of a run, on one thread that owns the model.
public struct FineTuner: Sendable {
  /// Everything a run needs, decided before it begins.
  public struct Job: Sendable {
    public var options: TrainingOptions
    /// Rows in flight, and whether blocks are recomputed.
    public var plan: MemoryPlan
    public var examples: TrainingSet
    /// Held-out rows; empty for none.
    public var validation: [MaskedSequence]
    public var folder: RunFolder
    /// Makes the model and the adapter in it that is trained; called on the training thread.
    public var makeModel: @Sendable () throws -> (model: LlamaModel, adapter: LoRAAdapter)
    /// Writes the adapter's folder.
    public var save: @Sendable (_ modules: [LoRAAdapter.Module], _ folder: String) throws -> Void
    /// Answers a few held-out instructions, before the first step and after the last.
    public var answerSamples: (@Sendable (_ model: LlamaModel, _ step: Int) throws -> SampleReport)?
    /// Where the run goes on; `nil` at its beginning.
    public var checkpoint: Checkpoint?
    /// Asked after each step; true saves a checkpoint and ends the run with `TrainingInterrupted`.
    public var isInterrupted: @Sendable () -> Bool = { false }

    public init(
      options: TrainingOptions, plan: MemoryPlan, examples: TrainingSet, validation: [MaskedSequence], folder: RunFolder,
      makeModel: @escaping @Sendable () throws -> (model: LlamaModel, adapter: LoRAAdapter),
      save: @escaping @Sendable (_ modules: [LoRAAdapter.Module], _ folder: String) throws -> Void,
      answerSamples: (@Sendable (_ model: LlamaModel, _ step: Int) throws -> SampleReport)? = nil
    ) {
      self.options = options
      self.plan = plan
      self.examples = examples
      self.validation = validation
      self.folder = folder
      self.makeModel = makeModel
      self.save = save
      self.answerSamples = answerSamples
    }
  }

  private let job: Job

  public init(_ job: Job) { self.job = job }

  /// Runs the job on a thread of its own and tells how it goes. The stream ends with the run, or with the error that stopped it.
  public func start() -> AsyncThrowingStream<TrainingEvent, any Error> {
    AsyncThrowingStream { continuation in
      let thread = Thread {
        do {
          try run { continuation.yield($0) }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      thread.name = "training"
      // Defaults differ from system to system.
      thread.stackSize = 8 << 20
      thread.start()
    }
  }

  /// Runs the job on this thread.
  /// - Throws: `TrainingError`, `TrainingInterrupted`, or what reading rows and writing files throw.
  public func run(_ tell: (TrainingEvent) -> Void) throws {
    let options = job.options
    let stepsPerEpoch = job.examples.stepsPerEpoch
    let stepCount = options.stepCount(stepsPerEpoch: stepsPerEpoch)
    let (model, adapter) = try job.makeModel()
    model.backend.reserve(byteCount: job.plan.activations + job.plan.workspace)
    let resumed = job.checkpoint?.state
    try job.checkpoint?.restore(adapter.parameters, on: model.backend)
    let trainer = Trainer(
      model: model, adapter: adapter, options: options, schedule: LearningRateSchedule(options, stepCount: stepCount),
      recomputes: job.plan.recomputes, updateCount: resumed?.updates ?? 0)
    let packer = BatchPacker(rowLimit: job.plan.rows, omitsUnusedRows: true)
    let validation = packer.pack(job.validation).map(\.batch)
    let first = resumed?.step ?? 0
    tell(
      .started(
        TrainingFacts(
          firstStep: first, stepCount: stepCount, stepsPerEpoch: stepsPerEpoch, trainedParameters: adapter.parameters.count,
          baseParameters: model.configuration.parameterCount, plan: job.plan)))
    var best = resumed?.best
    if resumed == nil {
      if let answerSamples = job.answerSamples { tell(.samples(try answerSamples(model, 0))) }
      best = try validate(trainer, validation, step: 0, best: nil, tell)
    }
    for step in first..<max(first, stepCount) {
      let clock = ContinuousClock.now
      let sequences = try job.examples.examples(epoch: step / stepsPerEpoch, step: step % stepsPerEpoch)
      let packed = PackedStep(
        batches: packer.pack(sequences).map(\.batch), tokenCount: sequences.reduce(0) { $0 + $1.ids.count },
        rowNames: job.examples.names(of: sequences))
      if let result = try trainer.run(packed, step: step) {
        let report = StepReport(
          step: step + 1, stepCount: stepCount, epoch: Double(step + 1) / Double(stepsPerEpoch),
          examples: job.examples.rowCount(ofStep: step),
          loss: result.loss, learningRate: result.learningRate, gradientNorm: result.gradientNorm, tokens: packed.tokenCount,
          tokensComputed: packed.computedCount, supervisedTokens: packed.supervisedCount, seconds: clock.secondsSince)
        try job.folder.appendMetric(report.json)
        tell(.step(report))
      } else {
        tell(.skipped(step: step + 1, rows: packed.rowNames))
        if trainer.updateCount == 0, step + 1 == min(stepsPerEpoch, stepCount) {
          throw TrainingError.nothingToLearn(rows: job.examples.rowsPerEpoch, paths: job.examples.paths)
        }
      }
      let isLast = step + 1 == stepCount
      if isLast || (step + 1) % options.evaluateEvery == 0 {
        best = try validate(trainer, validation, step: step + 1, best: best, tell)
      }
      let isInterrupted = !isLast && job.isInterrupted()
      if isLast || isInterrupted || (step + 1) % options.saveEvery == 0 {
        let path = try save(trainer, step: step + 1, best: best)
        if isInterrupted { throw TrainingInterrupted(step: step + 1, stepCount: stepCount, checkpoint: path) }
        if !isLast { tell(.saved(path: path, step: step + 1)) }
      }
    }
    try job.save(adapter.modules(from: model.backend), job.folder.path)
    tell(.saved(path: job.folder.path, step: max(first, stepCount)))
    if let answerSamples = job.answerSamples, !job.isInterrupted() { tell(.samples(try answerSamples(model, stepCount))) }
  }

  /// Saves a checkpoint and removes those that are no longer kept.
  private func save(_ trainer: Trainer, step: Int, best: TrainingState.Best?) throws -> String {
    let path = job.folder.checkpointPath(step: step)
    // What the checkpoint counts on must be on disk before it.
    let state = TrainingState(
      step: step, updates: trainer.updateCount, best: best, metricsByteCount: try job.folder.flushMetrics(), rows: job.plan.rows,
      recomputes: job.plan.recomputes)
    try Checkpoint.write(state, trainer.adapter.parameters, on: trainer.model.backend, to: path) { folder in
      try job.save(trainer.adapter.modules(from: trainer.model.backend), folder)
    }
    try job.folder.removeOldCheckpoints(keep: job.options.keepCheckpoints)
    return path
  }

  /// Validates, and keeps the adapter in `best/` when it is better than before.
  /// - Returns: the best so far.
  private func validate(
    _ trainer: Trainer, _ batches: [PackedBatch], step: Int, best: TrainingState.Best?, _ tell: (TrainingEvent) -> Void
  ) throws -> TrainingState.Best? {
    let clock = ContinuousClock.now
    guard let loss = trainer.validate(batches) else { return best }
    let report = ValidationReport(
      step: step, loss: loss, tokens: job.validation.reduce(0) { $0 + $1.ids.count }, seconds: clock.secondsSince)
    try job.folder.appendMetric(report.json)
    tell(.validation(report))
    guard loss.isFinite else { throw TrainingError.validationNotFinite(step: step, loss: loss) }
    if let best, best.loss <= loss { return best }
    if step > 0 { try job.save(trainer.adapter.modules(from: trainer.model.backend), job.folder.bestPath) }
    return TrainingState.Best(step: step, loss: loss)
  }
}

extension ContinuousClock.Instant {
  /// Seconds from this instant to now, to the microsecond.
  fileprivate var secondsSince: Double {
    let (seconds, attoseconds) = (ContinuousClock.now - self).components
    return Double(seconds * 1_000_000 + attoseconds / 1_000_000_000_000) / 1e6
  }
}
