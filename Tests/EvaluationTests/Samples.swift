import Evaluation
import Foundation

/// Tasks and answers for tests, from their scores alone.
enum Samples {
  struct Scorer: SampleScorer {
    let metrics: [Metric]
    func score(_ sample: Sample, _ response: SampleResponse) -> SampleScore { SampleScore(values: [:]) }
  }

  static let question = SampleRequest.continuations([
    Continuation(context: "Q: 1+1?\nA:", text: " 2"), Continuation(context: "Q: 1+1?\nA:", text: " 3"),
  ])

  static func task(
    _ name: String, metrics: [Metric] = [Metric("acc")], subjects: [String?], request: SampleRequest = question,
    target: SampleTarget = .choice(0), categories: [String: String] = [:], fewShot: Int = 0, poolsSubjects: Bool = true,
    notes: [String] = []
  ) -> EvaluationTask {
    EvaluationTask(
      name: name, version: 1, fewShot: fewShot,
      samples: subjects.enumerated().map { Sample(id: $0, subject: $1, request: request, target: target) },
      scorer: Scorer(metrics: metrics), categories: categories, poolsSubjects: poolsSubjects, notes: notes)
  }

  /// Records with these values of one metric; `nil` does not count.
  static func records(
    _ task: EvaluationTask, metric: String = "acc", _ values: [MetricValue?], response: SampleResponse = .answers([])
  ) -> [SampleRecord] {
    zip(task.samples, values).map { sample, value in
      let score = SampleScore(values: value.map { [metric: $0] } ?? [:], isCorrect: value.map { $0.value == 1 })
      return SampleRecord(sample: sample, response: response, score: score)
    }
  }

  static func records(_ task: EvaluationTask, _ values: [Double]) -> [SampleRecord] {
    records(task, values.map { MetricValue($0) })
  }

  static func model(_ name: String, _ records: [[SampleRecord]], facts: [EvaluationFact] = []) -> ModelAnswers {
    ModelAnswers(name: name, base: "models/\(name)", adapters: [], facts: facts, records: records)
  }

  /// Sixty pairs, of which scipy knows the statistics.
  static let waves: [(Double, Double)] = (0..<60).map { index in
    let place = Double(index)
    return (sin(place * 1.7) * 0.5 + 0.5 + 0.1 * cos(place * 0.9), sin(place * 1.7 + 0.35) * 0.5 + 0.47)
  }
}
