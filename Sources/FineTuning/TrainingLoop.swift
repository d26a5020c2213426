import Datasets
import Llama
import Tensors

/// The steps of a run one after another, with what happens between them: validation, samples, checkpoints, and what is worth a warning.
struct TrainingLoop {
  private let job: FineTuner.Job
  private let tell: (TrainingEvent) -> Void
  private let runner: StepRunner
  private let validation: [PackedBatch]
  private let movement: MovementCheck
  /// Steps that were made.
  private var step: Int
  private var best: TrainingState.Best?
  private var stopper: EarlyStopper?
  private var spikes: LossSpikes

  private var trainer: Trainer { runner.trainer }
  private var model: LlamaModel { trainer.model }
  private var folder: RunFolder { job.folder }

  /// Makes the model, and takes a run up where its checkpoint is.
  init(_ job: FineTuner.Job, _ tell: @escaping (TrainingEvent) -> Void) throws {
    self.job = job
    self.tell = tell
    let (model, adapter) = try job.makeModel()
    model.backend.reserve(byteCount: job.plan.activations + job.plan.workspace)
    movement = MovementCheck(adapter, on: model.backend)
    try job.checkpoint?.restore(adapter.parameters, on: model.backend)
    let state = job.checkpoint?.state
    runner = StepRunner(model, adapter, job.options, job.plan, job.examples, updateCount: state?.updates ?? 0)
    validation = runner.pack(job.validation)
    step = state?.step ?? 0
    best = state?.best
    stopper = job.options.earlyStopping.map { EarlyStopper($0, state: state?.stopping) }
    spikes = LossSpikes(state?.recentLosses)
  }

  /// - Throws: `TrainingError`, `TrainingInterrupted`, or what reading rows and writing files throw.
  mutating func run() throws {
    do {
      try runSteps()
    } catch let TrainingError.cannotWrite(path, reason) {
      throw cannotSave("\(path): cannot be written: \(reason).")
    }
  }

  private mutating func runSteps() throws {
    let stepCount = runner.stepCount
    tell(
      .started(
        TrainingFacts(
          firstStep: step, stepCount: stepCount, stepsPerEpoch: job.examples.stepsPerEpoch,
          trainedParameters: trainer.adapter.parameters.count, baseParameters: model.configuration.parameterCount, plan: job.plan)))
    var isStopped = false
    if job.checkpoint == nil {
      try begin()
    } else {
      // What the run was told already is in its metrics.
      for warning in job.warnings { tell(.warning(warning)) }
      for warning in job.resumptionWarnings { try say(warning) }
      if let before = folder.firstSamples { tell(.samples(before)) }
      if let stop = stopper?.stop(at: step) {
        isStopped = true
        tell(.stopped(stop))
      }
      if job.checkpoint?.state.isValidationDue == true {
        isStopped = try validate()
        _ = try save()
      }
    }
    while step < stepCount, !isStopped {
      try makeStep()
      step += 1
      if isLast || step % job.options.evaluateEvery == 0 { isStopped = try validate() }
      let isInterrupted = !isLast && !isStopped && job.isInterrupted()
      if isLast || isStopped || isInterrupted || step % job.options.saveEvery == 0 {
        let path = try save()
        if isInterrupted { throw TrainingInterrupted(step: step, stepCount: stepCount, checkpoint: path) }
        if !isLast, !isStopped { tell(.saved(path: path, step: step)) }
      }
    }
    try saveAdapter(to: folder.path)
    tell(.saved(path: folder.path, step: step))
    if !job.isInterrupted() { try answerSamples() }
  }

  private var isLast: Bool { step == runner.stepCount }

  /// What comes before the first step.
  private mutating func begin() throws {
    for warning in job.warnings { try say(warning) }
    try answerSamples()
    _ = try validate()
  }

  private mutating func makeStep() throws {
    let outcome: StepRunner.Outcome
    do {
      outcome = try runner.run(step)
    } catch let error as TrainingError {
      // The run ends; that it is recorded matters less than why.
      if let line = error.json { try? folder.appendMetric(line) }
      throw error
    }
    switch outcome {
    case .made(let report, let rowNames):
      try folder.appendMetric(report.json)
      tell(.step(report))
      if let usual = spikes.take(report.loss) {
        try say(.spike(step: report.step, loss: report.loss, usual: usual, rows: rowNames))
      }
      // The last step of a short run looks too.
      if trainer.updateCount == MovementCheck.updates || (step + 1 == runner.stepCount && trainer.updateCount < MovementCheck.updates),
        let warning = movement.warning(trainer.adapter, on: model.backend, step: report.step)
      {
        try say(warning)
      }
    case .skipped(let rowNames):
      let rows = rowNames.map(\.json).joined(separator: ",")
      try folder.appendMetric("{\"event\":\"skipped\",\"step\":\(step + 1),\"rows\":[\(rows)]}")
      tell(.skipped(step: step + 1, rows: rowNames))
      if trainer.updateCount == 0, step + 1 == min(job.examples.stepsPerEpoch, runner.stepCount) {
        throw TrainingError.nothingToLearn(rows: job.examples.rowsPerEpoch, paths: job.examples.paths)
      }
    }
  }

  private func say(_ warning: TrainingWarning) throws {
    try folder.appendMetric(warning.json)
    tell(.warning(warning))
  }

  // MARK: - Validation and samples

  /// Validates, and keeps the adapter in `best/` when it is better than before; answers samples where each validation has some.
  /// - Returns: whether early stopping ends the run here.
  /// - Throws: `TrainingInterrupted`: a validation may take long, and is made when the run goes on.
  private mutating func validate() throws -> Bool {
    var stop: EarlyStop?
    let clock = ContinuousClock.now
    var isCut = false
    let loss = trainer.validate(validation) {
      isCut = job.isInterrupted()
      return isCut
    }
    if isCut {
      throw TrainingInterrupted(
        step: step, stepCount: runner.stepCount, checkpoint: step == 0 ? nil : try save(isValidationDue: true))
    }
    if let loss {
      let report = ValidationReport(
        step: step, loss: loss, tokens: job.validation.reduce(0) { $0 + $1.ids.count }, seconds: clock.secondsSince)
      try folder.appendMetric(report.json)
      tell(.validation(report))
      guard loss.isFinite else {
        throw TrainingError.validationNotFinite(step: step, loss: loss, activations: ActivationReport(model, validation))
      }
      if best.map({ loss < $0.loss }) ?? true {
        if step > 0 { try saveAdapter(to: folder.bestPath) }
        best = TrainingState.Best(step: step, loss: loss)
      }
      stop = stopper?.take(loss: loss, step: step)
    }
    // The last ones are answered when the adapter is safe.
    if job.answersEveryValidation, step > 0, !isLast, stop == nil { try answerSamples() }
    if let stop, !isLast {
      try folder.appendMetric(stop.json)
      tell(.stopped(stop))
    }
    return stop != nil && !isLast
  }

  private func answerSamples() throws {
    guard let answer = job.answerSamples else { return }
    let clock = ContinuousClock.now
    let report = try answer(model, step)
    try folder.appendMetric(report.json(seconds: clock.secondsSince))
    tell(.samples(report))
  }

  // MARK: - Saving

  /// Saves a checkpoint and removes those that are no longer kept.
  private func save(isValidationDue: Bool = false) throws -> String {
    let path = folder.checkpointPath(step: step)
    try saving {
      // What the checkpoint counts on must be on disk before it.
      var state = TrainingState(
        step: step, updates: trainer.updateCount, best: best, metricsByteCount: try folder.flushMetrics(), rows: job.plan.rows,
        recomputes: job.plan.recomputes)
      state.isValidationDue = isValidationDue ? true : nil
      state.stopping = stopper?.state
      state.recentLosses = spikes.state
      try Checkpoint.write(state, trainer.adapter, on: model.backend, to: path) { try job.save(trainer.adapter, model.backend, $0) }
    }
    try folder.removeOldCheckpoints(keep: job.options.keepCheckpoints)
    return path
  }

  private func saveAdapter(to path: String) throws {
    try saving { try job.save(trainer.adapter, model.backend, path) }
  }

  /// Adds to what is wrong what is safe.
  private func saving(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as TrainingError {
      throw error
    } catch {
      throw cannotSave("\(error)")
    }
  }

  private func cannotSave(_ reason: String) -> TrainingError {
    .cannotSave(step: step, reason: reason, newest: RunFolder.newestCheckpoint(of: folder.path).checkpoint?.path)
  }
}
