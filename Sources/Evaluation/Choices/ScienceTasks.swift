extension ChoiceTask {
  static let arcEasy = arc("arc_easy", "questions of school science that a search answers", "ARC-Easy") { $0.contains("easy") }
  static let arcChallenge = arc("arc_challenge", "questions of school science that a search does not answer", "ARC-Challenge") {
    $0.contains("challenge")
  }

  /// The AI2 Reasoning Challenge (Clark et al., arXiv 1803.05457).
  private static func arc(
    _ name: String, _ summary: String, _ title: String, isNamedIn: @escaping @Sendable (String) -> Bool
  ) -> ChoiceTask {
    ChoiceTask(
      name, summary, scored: [.test, .validation, .dev],
      expected: "a question with its choices and 'answerKey' (\(title)-Test.jsonl), or 'instruction' with Answer1: ..., and 'answer'",
      accepts: { table, isNamed in
        guard let first = table.first else { return false }
        guard isScienceQuestion(first) && first["question_stem"] == nil || isInstruction(first) else { return false }
        return ScienceSet(table).map { isNamedIn($0.rawValue) } ?? isNamed
      },
      questions: { table in
        try table.rows().map { row in
          if isInstruction(row) { return try instructedQuestion(row) }
          guard let parts = try scienceQuestion(row) else { return nil }
          return try ChoiceQuestion(row, prompt: "Question: \(parts.question)\nAnswer:", choices: parts.choices, answer: parts.answer)
        }
      })
  }

  /// Can a suit of armor conduct electricity? A new dataset for open book question answering (Mihaylov et al., arXiv 1809.02789).
  static let openBookQA = ChoiceTask(
    "openbookqa", "questions of school science whose facts are in an open book", scored: [.test, .validation, .dev],
    expected: "a question with its choices and 'answerKey' (OpenBookQA's test.jsonl)",
    accepts: { table, isNamed in
      guard let first = table.first, isScienceQuestion(first) else { return false }
      return first["question_stem"] != nil || (ScienceSet(table).map { $0 == .openBook } ?? isNamed)
    },
    questions: { table in
      try table.rows().map { row in
        guard let parts = try scienceQuestion(row) else { return nil }
        return try ChoiceQuestion(row, prompt: parts.question, choices: parts.choices, answer: parts.answer)
      }
    })

  // MARK: - Rows

  /// AI2's own form, and that of the hub's exports.
  private static func isScienceQuestion(_ row: DataRow) -> Bool {
    if row["question"]?["stem"] != nil, row["question"]?["choices"] != nil { return true }
    return (row["question"]?.string ?? row["question_stem"]?.string) != nil && row["choices"]?["text"] != nil
  }

  private static func scienceQuestion(_ row: DataRow) throws -> (question: String, choices: [String], answer: Int)? {
    let question: String
    let texts: [String?], labels: [String?]
    if let asked = row["question"], asked.members != nil {
      question = asked["stem"]?.string ?? ""
      texts = asked["choices"]?.array?.map { $0["text"]?.string } ?? []
      labels = asked["choices"]?.array?.map { $0["label"]?.string } ?? []
    } else {
      question = try row.text(row["question_stem"] == nil ? "question" : "question_stem")
      texts = row["choices"]?["text"]?.array?.map(\.string) ?? []
      labels = row["choices"]?["label"]?.array?.map(\.string) ?? []
    }
    let choices = texts.compactMap(\.self), names = labels.compactMap(\.self)
    guard !question.isEmpty, !choices.isEmpty, choices.count == texts.count, names.count == choices.count, names.count == labels.count
    else {
      throw row.bad("the question or its choices are incomplete. Expected a text, and for each choice 'text' and 'label'.")
    }
    guard let key = row["answerKey"], key != .null, key != .string("") else { return nil }
    guard let letter = key.string?.pythonStripped, let answer = names.firstIndex(of: letter) else {
      throw row.bad("'answerKey' is \(DataRow.shown(key)). Expected one of \(DataRow.listed(names)).")
    }
    return (question, choices, answer)
  }

  private static func isInstruction(_ row: DataRow) -> Bool {
    row["answer"] != nil && row["instruction"]?.string?.contains("\n\nAnswer1: ") == true
  }

  /// `... the question: QUESTION\n\nAnswer1: ... Answer2: ...\n\nAnswer format: answer1/answer2`
  private static func instructedQuestion(_ row: DataRow) throws -> ChoiceQuestion {
    let instruction = try row.text("instruction")
    guard let colon = instruction.range(of: "question: "), let format = instruction.range(of: "\n\nAnswer format: ", isLast: true),
      let list = instruction.range(of: "\n\nAnswer1: "), colon.upperBound <= list.lowerBound, list.upperBound <= format.lowerBound
    else { throw row.bad("expected '... question: ..., an empty line, 'Answer1: ...', an empty line, 'Answer format: answer1/answer2'.") }
    var choices: [String] = []
    var rest = instruction[list.upperBound..<format.lowerBound]
    while let next = rest.range(of: " Answer\(choices.count + 2): ") {
      choices.append(String(rest[..<next.lowerBound]))
      rest = rest[next.upperBound...]
    }
    choices.append(String(rest))
    let names = choices.indices.map { "answer\($0 + 1)" }
    guard let answer = names.firstIndex(of: try row.text("answer")) else {
      throw row.bad("'answer' is \(DataRow.shown(try row.required("answer"))). Expected one of \(DataRow.listed(names)).")
    }
    let question = instruction[colon.upperBound..<list.lowerBound]
    return try ChoiceQuestion(row, prompt: "Question: \(question)\nAnswer:", choices: choices, answer: answer)
  }
}

/// Which of three sets of the same form a file is of, by the names of files and folders, or by its rows' ids.
private enum ScienceSet: String {
  case easy, challenge, openBook

  init?(_ table: DataTable) {
    let names = table.location.lowercased()
    if names.contains("easy") {
      self = .easy
    } else if names.contains("challenge") {
      self = .challenge
    } else if names.contains("openbook") || names.contains("obqa") {
      self = .openBook
    } else if let parts = table.first?["id"]?.string?.split(separator: "-"), parts.count == 2, parts.allSatisfy({ Int($0) != nil }) {
      // OpenBookQA's ids are as `7-980`.
      self = .openBook
    } else {
      return nil
    }
  }
}

extension StringProtocol {
  /// Of exactly these code points.
  func range(of text: String, isLast: Bool = false) -> Range<String.Index>? {
    let wanted = Array(text.utf8)
    let here = utf8
    var place = here.startIndex
    var found: Range<String.Index>?
    while place < here.endIndex {
      if here[place...].starts(with: wanted) {
        found = place..<here.index(place, offsetBy: wanted.count)
        if !isLast { return found }
      }
      place = here.index(after: place)
    }
    return found
  }
}
