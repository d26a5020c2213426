/// GSM8K (Cobbe et al., arXiv 2110.14168): word problems with worked solutions that end in `#### 18`.
enum GradeSchoolMath {
  struct Row: TextTaskRow {
    static let expected = "'question' and 'answer', a solution that ends in '#### 18' (test.jsonl)"

    let question: String
    let answer: String

    static func recognizes(_ row: DataRow) -> Bool { row["question"]?.string != nil && row["answer"]?.string?.contains("#### ") ?? false }

    init(_ row: DataRow) throws {
      question = try row.text("question")
      answer = try row.text("answer")
      guard answer.contains("#### ") else {
        throw row.bad("'answer' has no '#### ' before its result. Expected a worked solution of GSM8K.")
      }
    }
  }

  static func task(_ name: String, _ subject: String?, _ options: TaskOptions) throws -> EvaluationTask {
    try options.refuseSubject(name, subject)
    try options.checkAnswers(name)
    let files = try PublishedTexts<Row>(name, options, splits: [.test])
    let shotCount = options.fewShot ?? 5
    var sampler = try files.sampler(name, shotCount, options)
    let samples = try options.limited(files.scored).enumerated().map { index, row in
      let shots = try sampler.shots(shotCount).map { prompt($0) + " " + $0.answer + "\n\n" }
      return Sample(
        id: index,
        request: options.generation(.raw(shots.joined() + prompt(row)), stops: ["Question:", "</s>", "<|im_end|>"]),
        target: .texts([row.answer]))
    }
    return EvaluationTask(
      name: name, version: 3, fewShot: shotCount, samples: samples, scorer: NumberAnswerScorer(answerCount: options.answers))
  }

  private static func prompt(_ row: Row) -> String { "Question: \(row.question)\nAnswer:" }
}

/// Whether the number at the end of a solution is the right one: taken strictly after `#### `, or as the last number anywhere; of several
/// solutions, the first one's number and the one that most of them come to (Wang et al., arXiv 2203.11171).
struct NumberAnswerScorer: SampleScorer {
  private static let match = ExactMatch(
    ignoring: [.scalar(","), .scalar("$"), .through("#### "), .finalPeriod], ignoresCase: true, ignoresPunctuation: false)

  /// How many solutions vote; none where there is but one.
  private let votes: [Int]
  let metrics: [Metric]

  init(answerCount: Int) {
    votes = answerCount == 1 ? [] : (answerCount > 8 ? [8] : []) + [answerCount]
    metrics =
      [Metric("exact_match_strict"), Metric("exact_match_flexible")]
      + votes.flatMap { [Metric("maj@\($0)_strict"), Metric("maj@\($0)_flexible")] }
  }

  func score(_ sample: Sample, _ response: SampleResponse) throws -> SampleScore {
    var values: [String: MetricValue] = [:]
    func judge(_ metric: String, _ number: String) -> Bool {
      let isRight = NumberAnswerScorer.match.matches(number, anyOf: sample.target.texts)
      values[metric] = MetricValue(isRight ? 1 : 0)
      return isRight
    }
    let strict = response.answers.map(NumberAnswer.strict)
    let flexible = response.answers.map(NumberAnswer.flexible)
    let isCorrect = judge("exact_match_strict", strict[0])
    _ = judge("exact_match_flexible", flexible[0])
    for count in votes {
      if let number = NumberAnswer.majority(Array(strict.prefix(count))) { _ = judge("maj@\(count)_strict", number) }
      if let number = NumberAnswer.majority(Array(flexible.prefix(count))) { _ = judge("maj@\(count)_flexible", number) }
    }
    return SampleScore(values: values, prediction: .text(strict[0]), isCorrect: isCorrect)
  }
}
