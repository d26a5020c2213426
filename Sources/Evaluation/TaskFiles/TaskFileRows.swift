import Configuration

/// A row of a task file's data, with its question written out.
struct TaskFileRow: Hashable, Sendable {
  let prompt: String
  var input: String?
  var choices: [String] = []
  /// The right choice.
  var index = 0
  /// Answers that are accepted.
  var answers: [String] = []

  /// What a worked example says.
  var answer: String { choices.indices.contains(index) ? choices[index] : answers.first ?? "" }
}

extension TaskFile {
  /// Writes out the question of a row.
  ///
  /// - Throws: `EvaluationError.file` for a row that does not hold what the task file names.
  func row(_ row: DataRow) throws -> TaskFileRow {
    switch kind {
    case .text(let text, _): return TaskFileRow(prompt: try text.filled(from: row))
    case .choices(let list, let answer, _):
      let choices = try choices(list, of: row)
      return TaskFileRow(prompt: try prompt.filled(from: row), choices: choices, index: try index(answer, among: choices, of: row))
    case .generation(let generation, let answer):
      return TaskFileRow(
        prompt: try prompt.filled(from: row), input: try generation.input?.filled(from: row), answers: try answers(answer, of: row))
    }
  }

  private func choices(_ list: ChoiceList, of row: DataRow) throws -> [String] {
    switch list {
    case .templates(let templates): return try templates.map { try $0.filled(from: row) }
    case .field(let field):
      let value = try field.required(in: row)
      guard let elements = value.array else { throw row.bad("'\(field.name)' is \(value.kind). Expected a list of choices.") }
      let texts = elements.compactMap(\.shownText)
      guard texts.count == elements.count, texts.count > 1 else {
        throw row.bad("'\(field.name)' is a list of \(texts.count) texts among \(elements.count) entries. Expected two texts or more.")
      }
      return texts
    }
  }

  private func answers(_ answer: RowAnswer, of row: DataRow) throws -> [String] {
    switch answer {
    case .template(let template): return [try template.filled(from: row)]
    case .field(let field):
      let value = try field.required(in: row)
      let texts = value.array?.compactMap(\.shownText) ?? [value.shownText].compactMap(\.self)
      guard !texts.isEmpty, value.array.map({ $0.count == texts.count }) ?? true else {
        throw row.bad("'\(field.name)' is \(value.kind). Expected a text, or a list of texts that are accepted.")
      }
      return texts
    }
  }

  /// The right choice by its text, its letter or its number from 0.
  private func index(_ answer: RowAnswer, among choices: [String], of row: DataRow) throws -> Int {
    let text =
      switch answer {
      case .template(let template): try template.filled(from: row)
      case .field(let field): try field.text(in: row)
      }
    let scalars = Array(text.unicodeScalars)
    let letter = scalars.count == 1 ? Int(scalars[0].value) - Int(("A" as Unicode.Scalar).value) : -1
    let meanings = [choices.firstIndex { $0.utf8.elementsEqual(text.utf8) }, letter, Int(text)].compactMap(\.self)
    let found = Set(meanings.filter(choices.indices.contains))
    guard let index = found.first else {
      throw row.bad(
        "the answer \(DataRow.shown(.string(text))) is none of the \(choices.count) choices. "
          + "Expected the text of a choice, its letter (A is the first) or its number (0 is the first).")
    }
    guard found.count == 1 else {
      throw row.bad(
        "the answer '\(text)' is the text of one choice, and the letter or number of another. Name the field that holds one meaning only.")
    }
    return index
  }

  // MARK: - Before any row is asked

  /// Holds every field that the task file names against the first row.
  ///
  /// - Throws: `ConfigurationError` with all fields that it does not have.
  func check(against row: DataRow) throws {
    var named = prompt.fields.map { ("prompt", $0) }
    func add(_ key: String, _ answer: RowAnswer) {
      switch answer {
      case .field(let field): named.append((key, field))
      case .template(let template): named += template.fields.map { (key, $0) }
      }
    }
    switch kind {
    case .text(let text, _): named += text.fields.map { ("text", $0) }
    case .choices(let list, let answer, _):
      switch list {
      case .field(let field): named.append(("choices", field))
      case .templates(let templates): named += templates.flatMap(\.fields).map { ("choices", $0) }
      }
      add("answer", answer)
    case .generation(let generation, let answer):
      named += (generation.input?.fields ?? []).map { ("input", $0) }
      add("answer", answer)
    }
    let problems = named.filter { $0.1.value(in: row) == nil }.map { key, field in
      Problem(
        "\(key) names '\(field.name)', which \(row.place) of \(row.path) does not have; it has \(DataRow.listed(row.names))."
          + Suggestion.sentence(for: field.name, among: row.names),
        at: locations[key])
    }
    if !problems.isEmpty { throw ConfigurationError(problems) }
  }
}
