/// Questions whose answer is a short text: NQ-Open and TriviaQA.
struct OpenQuestions {
  let version: Int
  let description: String
  /// Before and after the question.
  let question: (before: String, after: String)
  /// Between a worked example and what follows it.
  let delimiter: String
  let match: ExactMatch

  static let naturalQuestions = OpenQuestions(
    version: 4, description: "Answer these questions:\n\n", question: ("Q: ", "?\nA:"), delimiter: "\n",
    match: ExactMatch(ignoring: [.articles], ignoresCase: true, ignoresPunctuation: true))

  /// Published questions have a question mark already, and get another one there too.
  static let trivia = OpenQuestions(
    version: 3, description: "", question: ("Question: ", "?\nAnswer:"), delimiter: "\n\n",
    match: ExactMatch(ignoresCase: true, ignoresPunctuation: true))

  private static let stops = ["\n", ".", ","]

  func task<Row: OpenQuestionRow>(_ name: String, _ subject: String?, _ options: TaskOptions, rows _: Row.Type) throws -> EvaluationTask {
    try options.refuseSubject(name, subject)
    try options.refuseSeveralAnswers(name)
    let files = try PublishedTexts<Row>(name, options, splits: [.validation, .dev, .test])
    let shotCount = options.fewShot ?? 0
    var sampler = try files.sampler(name, shotCount, options)
    let samples = try options.limited(files.scored).enumerated().map { index, row in
      let shots = try sampler.shots(shotCount, without: row).map { text($0) + " " + $0.answers[0] + delimiter }
      return Sample(
        id: index,
        request: options.generation(.raw(description + shots.joined() + text(row)), stops: OpenQuestions.stops),
        target: .texts(row.answers))
    }
    return EvaluationTask(
      name: name, version: version, fewShot: shotCount, samples: samples, scorer: OpenAnswerScorer(match: match))
  }

  private func text(_ row: some OpenQuestionRow) -> String { question.before + row.question + question.after }
}

/// A question with the answers that are accepted, at least one.
protocol OpenQuestionRow: TextTaskRow {
  var question: String { get }
  var answers: [String] { get }
}

/// A row of NQ-Open: `{"question": "...", "answer": ["...", ...]}`.
struct NaturalQuestion: OpenQuestionRow {
  static let expected = "'question' and 'answer', a list of texts (NQ-open.dev.jsonl)"

  let question: String
  let answers: [String]

  static func recognizes(_ row: DataRow) -> Bool { row["question"]?.string != nil && row["answer"]?.strings != nil }

  init(_ row: DataRow) throws {
    question = try row.text("question")
    answers = try row.texts("answer")
    guard !answers.isEmpty else { throw row.bad("'answer' is an empty list. Expected at least one answer.") }
  }
}

/// A row of TriviaQA, as published (`Question`, `Answer.Aliases`) or as on the Hugging Face hub (`question`, `answer.aliases`).
struct TriviaQuestion: OpenQuestionRow {
  static let expected = "'Question' and 'Answer' with 'Aliases' (wikipedia-dev.json), or the hub's 'question' and 'answer'"

  let id: String?
  let question: String
  let answers: [String]

  static func recognizes(_ row: DataRow) -> Bool {
    row["Question"] != nil && row["QuestionId"] != nil || row["question"] != nil && row["answer"]?["aliases"] != nil
  }

  init(_ row: DataRow) throws {
    let isPublished = row["Question"] != nil
    question = try row.text(isPublished ? "Question" : "question")
    id = row[isPublished ? "QuestionId" : "question_id"]?.string
    let key = isPublished ? "Answer" : "answer"
    guard let answer = row[key] else {
      throw row.bad("there is no '\(key)': the answers of the test questions are not published. Score the dev file.")
    }
    let list = isPublished ? "Aliases" : "aliases"
    guard let aliases = answer[list]?.strings, !aliases.isEmpty else {
      throw row.bad("'\(key)' has no '\(list)'. Expected a list of at least one text.")
    }
    answers = aliases
  }
}

/// Whether the stripped answer is one of those accepted.
struct OpenAnswerScorer: SampleScorer {
  let metrics = [Metric("exact_match")]
  let match: ExactMatch

  func score(_ sample: Sample, _ response: SampleResponse) throws -> SampleScore {
    let answer = response.answers[0].pythonStripped
    let isCorrect = match.matches(answer, anyOf: sample.target.texts)
    return SampleScore(values: ["exact_match": MetricValue(isCorrect ? 1 : 0)], prediction: .text(answer), isCorrect: isCorrect)
  }
}

extension SampleResponse {
  /// - Precondition: text was asked for.
  var answers: [String] {
    guard case .answers(let answers, _) = self, !answers.isEmpty else { preconditionFailure("a task of texts asks for answers") }
    return answers
  }
}

extension SampleTarget {
  /// - Precondition: the task's targets are texts.
  var texts: [String] {
    guard case .texts(let texts) = self, !texts.isEmpty else { preconditionFailure("a task of texts has references") }
    return texts
  }
}
