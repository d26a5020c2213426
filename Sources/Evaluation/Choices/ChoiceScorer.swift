/// Whether the right choice is the likeliest (`acc`), also per code point (`acc_norm`), as lm-evaluation-harness counts.
package struct ChoiceScorer: SampleScorer {
  package let metrics: [Metric]

  private let delimiterLength: Int

  /// - Parameter delimiter: what separates choices from the question and is no part of them.
  package init(isNormalized: Bool, delimiter: String = " ") {
    metrics = [Metric("acc")] + (isNormalized ? [Metric("acc_norm")] : [])
    delimiterLength = delimiter.codePointCount
  }

  package func score(_ sample: Sample, _ response: SampleResponse) throws -> SampleScore {
    guard case .continuations(let continuations) = sample.request, case .continuations(let scores) = response,
      case .choice(let answer) = sample.target, continuations.count == scores.count, !scores.isEmpty
    else { preconditionFailure("a choice is judged by the likelihoods of its continuations") }
    let prediction = firstOfLargest(scores.map(\.logLikelihood))
    var values = ["acc": MetricValue(prediction == answer ? 1 : 0)]
    if metrics.count > 1 {
      let perCodePoint = zip(scores, continuations).map { $0.logLikelihood / Double($1.text.codePointCount - delimiterLength) }
      values["acc_norm"] = MetricValue(firstOfLargest(perCodePoint) == answer ? 1 : 0)
    }
    return SampleScore(values: values, prediction: .choice(prediction), isCorrect: prediction == answer)
  }
}

/// As numpy's `argmax`.
func firstOfLargest(_ values: [Double]) -> Int {
  var best = 0
  for index in values.indices where values[index] > values[best] { best = index }
  return best
}
