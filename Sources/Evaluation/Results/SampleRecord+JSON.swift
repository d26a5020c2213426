import JSON

extension SampleRecord {
  /// The record as a line of a file of samples (`--samples`), without a line end.
  ///
  /// `prompt` followed by one of `choices` is a text that was scored; a text that was scored as a whole is the one choice after an empty
  /// prompt. Where text was generated `answer` takes their place, and `answers` holds all where several were asked for. Keys are in a
  /// fixed order, numbers read back as they were.
  ///
  /// - Parameter render: how the model's template writes an instruction.
  public func line(model: String, task: String, render: (PromptText) -> String) -> String {
    let wording = SampleWording(sample.request, render: render)
    var members: [(key: String, value: OrderedJSON)] = [("model", .string(model)), ("task", .string(task))]
    if let subject = sample.subject { members.append(("subject", .string(subject))) }
    members.append(("id", .integer(sample.id)))
    members.append(("prompt", .string(wording.prompt)))
    switch response {
    case .continuations(let scores):
      members.append(("choices", .array(wording.choices.map { .string($0) })))
      members.append(("loglikelihoods", .array(scores.map { .number($0.logLikelihood) })))
    case .text(let score):
      members.append(("choices", .array(wording.choices.map { .string($0) })))
      members.append(("loglikelihoods", .array([.number(score.logLikelihood)])))
    case .answers(let answers):
      members.append(("answer", answers.first.map { .string($0) } ?? .value(.null)))
      if answers.count > 1 { members.append(("answers", .array(answers.map { .string($0) }))) }
    }
    members.append(("prediction", score.prediction?.json ?? .value(.null)))
    members.append(("target", sample.target.json))
    members.append(("correct", .value(score.isCorrect.map { .bool($0) } ?? .null)))
    return OrderedJSON.object(members).line
  }
}

extension SampleScore.Prediction {
  fileprivate var json: OrderedJSON {
    switch self {
    case .choice(let index): .integer(index)
    case .text(let text): .string(text)
    }
  }
}

extension SampleTarget {
  fileprivate var json: OrderedJSON {
    switch self {
    case .none: .value(.null)
    case .choice(let index): .integer(index)
    case .choices(let areRight): .array(areRight.map { .value(.bool($0)) })
    case .texts(let texts): texts.count == 1 ? .string(texts[0]) : .array(texts.map { .string($0) })
    case .program(_, let after): .string(after)
    }
  }
}
