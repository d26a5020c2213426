/// What an answer has in common with the best of its references.
struct ReferenceScorer: SampleScorer {
  enum Measure: String, CaseIterable, Sendable {
    case exactMatch = "exact_match"
    case f1
    case rougeL
  }

  let measures: [Measure]
  /// What `exact_match` and `f1` pass over; nil: nothing and what SQuAD passes over.
  let normalization: TextOverlap.Normalization?
  /// What is taken out of an answer before it is compared; nil: all of it.
  let extraction: AnswerPattern?

  init(
    _ measures: [Measure] = Measure.allCases, normalization: TextOverlap.Normalization? = nil, extraction: AnswerPattern? = nil
  ) {
    self.measures = measures
    self.normalization = normalization
    self.extraction = extraction
  }

  var metrics: [Metric] { measures.map { Metric($0.rawValue) } }

  func score(_ sample: Sample, _ response: SampleResponse) throws -> SampleScore {
    let text = response.answers[0]
    let answer = (try extraction?.first(in: text) ?? text).pythonStripped
    let references = sample.target.texts.map(\.pythonStripped)
    let isCorrect = references.contains { isSame(answer, $0) }
    var values: [String: MetricValue] = [:]
    for measure in measures {
      let value: Double =
        switch measure {
        case .exactMatch: isCorrect ? 1 : 0
        case .f1: references.map { TextOverlap.f1(answer, $0, normalization ?? .squad) }.max() ?? 0
        case .rougeL: references.map { TextOverlap.rougeL(answer, $0) }.max() ?? 0
        }
      values[measure.rawValue] = MetricValue(value)
    }
    return SampleScore(values: values, prediction: .text(answer), isCorrect: isCorrect)
  }

  private func isSame(_ answer: String, _ reference: String) -> Bool {
    guard let normalization else { return answer.utf8.elementsEqual(reference.utf8) }
    return TextOverlap.normal(answer, normalization).utf8.elementsEqual(TextOverlap.normal(reference, normalization).utf8)
  }
}
