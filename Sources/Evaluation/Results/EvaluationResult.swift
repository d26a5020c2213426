import JSON

/// A name and a value for the record: a setting, a seed, a fingerprint.
public struct EvaluationFact: Sendable {
  /// As a key in files: `instruction_set`.
  public let name: String
  public let value: JSONValue

  public init(_ name: String, _ value: JSONValue) {
    self.name = name
    self.value = value
  }
}

/// A model's answers to all tasks, from which a result is made.
public struct ModelAnswers: Sendable {
  /// In tables and files.
  public let name: String
  /// Paths as they were given; an adapter with its weight.
  public let base: String
  public let adapters: [String]
  public let facts: [EvaluationFact]
  /// By task and sample.
  public let records: [[SampleRecord]]

  public init(name: String, base: String, adapters: [String], facts: [EvaluationFact] = [], records: [[SampleRecord]]) {
    self.name = name
    self.base = base
    self.adapters = adapters
    self.facts = facts
    self.records = records
  }
}

/// What a model reached in all tasks.
public struct ModelResult: Sendable {
  public let name: String
  public let base: String
  public let adapters: [String]
  public let facts: [EvaluationFact]
  public let tasks: [TaskResult]
}

/// What all models reached, and what separates them.
public struct EvaluationResult: Sendable {
  public let models: [ModelResult]
  /// Every other model beside the first one.
  public let comparisons: [ModelComparison]
  public let facts: [EvaluationFact]
  /// Tests whose p values Holm's method adjusts.
  public let testCount: Int

  /// - Parameters:
  ///   - tasks: with the samples that were asked.
  ///   - models: with a record for each sample of each task; the others are compared with the first.
  public init(tasks: [EvaluationTask], models: [ModelAnswers], facts: [EvaluationFact] = []) {
    precondition(
      models.allSatisfy { $0.records.map(\.count) == tasks.map(\.samples.count) }, "every model answers every sample of every task")
    self.models = models.map { model in
      ModelResult(
        name: model.name, base: model.base, adapters: model.adapters, facts: model.facts,
        tasks: zip(tasks, model.records).map { TaskResult($0, $1) })
    }
    self.facts = facts
    var comparisons = models.indices.dropFirst().map { index in
      ModelComparison(
        model: index, against: 0,
        metrics: tasks.indices.flatMap { EvaluationResult.compare(tasks[$0], models[index].records[$0], models[0].records[$0]) })
    }
    let places = comparisons.indices.flatMap { index in comparisons[index].metrics.indices.map { (index, $0) } }
    let tested = places.compactMap { index, metric in comparisons[index].metrics[metric].p.map { (index, metric, $0) } }
    if tested.count > 1 {
      for (place, adjusted) in zip(tested, PairedTest.holm(tested.map(\.2))) {
        comparisons[place.0].metrics[place.1].adjustedP = adjusted
      }
    }
    self.comparisons = comparisons
    testCount = tested.count
  }

  private static func compare(_ task: EvaluationTask, _ first: [SampleRecord], _ second: [SampleRecord]) -> [MetricComparison] {
    let strata = Strata(first.map { task.poolsSubjects ? $0.sample.subject : nil })
    return task.scorer.metrics.compactMap { metric in
      let pairs = zip(first, second).map { first, second -> (MetricValue, MetricValue)? in
        guard let a = first.score.values[metric.name], let b = second.score.values[metric.name] else { return nil }
        return (a, b)
      }
      return MetricComparison(task: task.name, metric, strata: strata.grouped(pairs))
    }
  }
}
