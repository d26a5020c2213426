import Configuration

/// A text with `{field}`s of a row in it: `Question: {question}`, `{choices.0}`, `{answer.text}`; `{{` and `}}` are braces.
struct RowTemplate: Sendable, Equatable {
  enum Part: Sendable, Equatable {
    case text(String)
    case field(RowField)
  }

  struct Invalid: Error {
    let reason: String
  }

  let parts: [Part]

  var fields: [RowField] { parts.compactMap { if case .field(let field) = $0 { field } else { nil } } }

  /// - Throws: `Invalid` for a brace without its other half.
  init(_ text: String) throws(Invalid) {
    var parts: [Part] = []
    var literal = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "{" where rest.first == "{", "}" where rest.first == "}":
        rest.removeFirst()
        literal.append(scalar)
      case "{":
        guard let end = rest.firstIndex(where: { "{}\n".unicodeScalars.contains($0) }), rest[end] == "}", end > rest.startIndex else {
          throw Invalid(reason: "has a '{' without a field's name and '}' behind it; write '{{' for a brace")
        }
        if !literal.isEmpty { parts.append(.text(String(literal))) }
        literal.removeAll()
        parts.append(.field(RowField(String(rest[..<end]))))
        rest = rest[rest.index(after: end)...]
      case "}": throw Invalid(reason: "has a '}' without a '{' before it; write '}}' for a brace")
      default: literal.append(scalar)
      }
    }
    if !literal.isEmpty { parts.append(.text(String(literal))) }
    self.parts = parts
  }

  /// Replaces the fields in one pass: what a row says is never read as a template.
  ///
  /// - Throws: `EvaluationError.file` for a field that the row does not have, or that is no text, number or truth value.
  func filled(from row: DataRow) throws -> String {
    try parts.map { part in
      switch part {
      case .text(let text): text
      case .field(let field): try field.text(in: row)
      }
    }.joined()
  }
}

/// A field of a row by its name; `.` leads into lists, by number from 0, and into objects.
struct RowField: Sendable, Equatable {
  let name: String

  init(_ name: String) { self.name = name }

  /// Nil where the row has none.
  func value(in row: DataRow) -> DataValue? {
    // A name may have dots of its own.
    if let value = row[name] { return value }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    return parts.dropFirst().reduce(row[parts[0]]) { value, part in
      guard let list = value?.array else { return value?[part] }
      return Int(part).flatMap { list.indices.contains($0) ? list[$0] : nil }
    }
  }

  /// - Throws: `EvaluationError.file`.
  func text(in row: DataRow) throws -> String {
    let value = try required(in: row)
    guard let text = value.shownText else { throw row.bad("'\(name)' is \(value.kind). Expected a text.") }
    return text
  }

  /// - Throws: `EvaluationError.file`.
  func required(in row: DataRow) throws -> DataValue {
    guard let value = value(in: row) else { throw row.bad(absence(in: row)) }
    return value
  }

  /// What is wrong where `value` is nil, as a sentence.
  func absence(in row: DataRow) -> String {
    "there is no '\(name)'. The row has \(DataRow.listed(row.names)).\(Suggestion.sentence(for: name, among: row.names))"
  }
}

extension DataValue {
  /// What a template writes for it; nil for null, lists and objects.
  var shownText: String? {
    switch self {
    case .string(let text): text
    case .integer(let number): "\(number)"
    case .number(let number): "\(number)"
    case .bool(let flag): "\(flag)"
    case .null, .array, .object: nil
    }
  }
}
