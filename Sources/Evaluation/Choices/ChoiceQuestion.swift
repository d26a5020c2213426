/// A question with its answers, before worked examples are put in front.
struct ChoiceQuestion: Sendable {
  struct Choice: Sendable {
    /// What stands before the answer: the same for all choices, but where a sentence is judged by its end.
    let prompt: String
    let text: String
  }

  let row: DataRow
  let choices: [Choice]
  let answer: Int

  /// - Throws: `EvaluationError.file` for an answer that is none of the choices.
  init(_ row: DataRow, choices: [Choice], answer: Int) throws {
    guard choices.indices.contains(answer) else {
      throw row.bad("the answer is number \(answer), but there are \(choices.count) choices (counted from 0).")
    }
    self.row = row
    self.choices = choices
    self.answer = answer
  }

  /// - Throws: `EvaluationError.file` for an answer that is none of the choices.
  init(_ row: DataRow, prompt: String, choices: [String], answer: Int) throws {
    try self.init(row, choices: choices.map { Choice(prompt: prompt, text: $0) }, answer: answer)
  }

  /// As a worked example.
  var solved: String { choices[answer].prompt + " " + choices[answer].text + "\n\n" }

  /// - Parameter introduction: description and worked examples.
  func sample(id: Int, subject: String?, introduction: String) -> Sample {
    let continuations = choices.map { Continuation(context: introduction + $0.prompt, text: " " + $0.text) }
    return Sample(id: id, subject: subject, request: .continuations(continuations), target: .choice(answer))
  }
}

/// The same question, wherever it stands.
extension ChoiceQuestion: Equatable {
  static func == (first: ChoiceQuestion, second: ChoiceQuestion) -> Bool {
    first.answer == second.answer && first.choices.count == second.choices.count
      && zip(first.choices, second.choices).allSatisfy { $0.prompt.isSameText(as: $1.prompt) && $0.text.isSameText(as: $1.text) }
  }
}
