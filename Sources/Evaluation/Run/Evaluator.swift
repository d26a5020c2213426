/// Asks a model a task's samples, and judges what it says.
public struct Evaluator {
  private let model: EvaluatedModel
  private let runner: RequestRunner

  /// - Parameter seed: of answers that are drawn.
  public init(_ model: EvaluatedModel, seed: UInt64) {
    self.model = model
    runner = RequestRunner(model, seed: seed)
  }

  /// What was asked of this model so far, and what it took.
  public var counts: RequestRunner.Counts { runner.counts }

  /// - Parameters:
  ///   - journal: gives the responses that are known, and gets the others as they come.
  ///   - onProgress: gets how many samples are judged, and the share of the work that is done; what it throws ends the evaluation.
  /// - Returns: a record for each sample, in the task's order.
  /// - Throws: `EvaluationError`, and what judging and computing throw.
  public func run(
    _ task: EvaluationTask, journal: EvaluationJournal?, onProgress: (_ samples: Int, _ share: Double) throws -> Void
  ) throws -> [SampleRecord] {
    var records = [SampleRecord?](repeating: nil, count: task.samples.count)
    var count = 0
    func take(_ response: SampleResponse, at index: Int) throws {
      let sample = task.samples[index]
      records[index] = SampleRecord(sample: sample, response: response, score: try task.scorer.score(sample, response))
      count += 1
    }
    for (index, response) in (journal?.responses ?? [:]).sorted(by: { $0.key < $1.key }) where records.indices.contains(index) {
      try take(response, at: index)
    }
    let open = records.indices.filter { records[$0] == nil }
    do {
      try runner.respond(to: open.map { task.samples[$0].request }, onProgress: { try onProgress(count, $0) }) { place, response in
        try journal?.append(response, at: open[place])
        try take(response, at: open[place])
      }
    } catch let error as RequestError {
      let sample = task.samples[open[error.request]]
      throw EvaluationError.sample(
        task: task.name, subject: sample.subject, id: sample.id, model: model.name, reason: error.problem.description)
    }
    return records.compactMap { $0 }
  }
}
