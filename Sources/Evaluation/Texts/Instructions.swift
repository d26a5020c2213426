import Datasets

/// A person's own instructions with reference answers, asked as the model was trained to be asked.
enum Instructions {
  static func task(_ name: String, _ subject: String?, _ options: TaskOptions) throws -> EvaluationTask {
    try options.refuseSubject(name, subject)
    try options.refuseSeveralAnswers(name)
    try options.refuseShots(name, because: "each instruction stands alone in the model's template.")
    guard let path = options.data else {
      throw EvaluationError.task(
        name: name,
        reason: "needs a file of instructions with reference answers: --data FILE, with rows such as "
          + #"{"instruction": "...", "input": "...", "output": "..."}."#)
    }
    let file = try QuestionFile(path: path, hasOutputs: true)
    let samples = options.limited(file.rows).enumerated().map { index, row in
      Sample(
        id: index, request: options.generation(.instruction(row.instruction, input: row.input), stops: []),
        target: .texts([row.output ?? ""]))
    }
    return EvaluationTask(
      name: name, version: 1, fewShot: 0, samples: samples, scorer: ReferenceScorer(), notes: notes(file))
  }

  private static func notes(_ file: QuestionFile) -> [String] {
    var notes: [String] = []
    let emptyCount = file.rows.count { $0.output?.isEmpty ?? true }
    if emptyCount > 0 { notes.append("\(emptyCount == 1 ? "1 reference is" : "\(emptyCount) references are") empty") }
    if file.rows.contains(where: { TextOverlap.hasCharactersAsWords($0.output ?? "") }) { notes.append(TextOverlap.note) }
    return notes
  }
}

extension TextOverlap {
  static let note =
    "f1 and rougeL take each Chinese, Japanese or Korean character for a word; the programs they are from know only spaces and a-z"
}
