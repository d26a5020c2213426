/// A row of a published file, and where it is.
package struct DataRow: Sendable, Equatable {
  package let path: String
  /// `line 12` or `row 3`, from 1.
  package let place: String
  package let members: [DataMember]

  package init(path: String, place: String, members: [DataMember]) {
    self.path = path
    self.place = place
    self.members = members
  }

  package var names: [String] { members.map(\.key) }

  /// Nil where there is no such field; `.null` is a value.
  package subscript(key: String) -> DataValue? { members.first { $0.key == key }?.value }

  package func has(_ keys: [String]) -> Bool { keys.allSatisfy { self[$0] != nil } }

  /// - Throws: `EvaluationError.file` where the field is missing or no text.
  package func text(_ key: String) throws -> String {
    let value = try required(key)
    guard let text = value.string else { throw bad("'\(key)' is \(value.kind). Expected a text.") }
    return text
  }

  /// - Throws: `EvaluationError.file` where the field is missing or no whole number.
  package func integer(_ key: String) throws -> Int {
    let value = try required(key)
    guard let integer = value.integer else { throw bad("'\(key)' is \(DataRow.shown(value)). Expected a whole number.") }
    return integer
  }

  /// - Throws: `EvaluationError.file` where the field is missing or no list of texts.
  package func texts(_ key: String) throws -> [String] {
    let value = try required(key)
    guard let texts = value.strings else { throw bad("'\(key)' is \(value.kind). Expected a list of texts.") }
    return texts
  }

  /// - Throws: `EvaluationError.file` where the field is missing.
  package func required(_ key: String) throws -> DataValue {
    guard let value = self[key] else { throw bad("there is no '\(key)'. The row has \(DataRow.listed(names)).") }
    return value
  }

  /// An error at this row.
  package func bad(_ reason: String) -> EvaluationError { .file(path: path, place: place, reason: reason) }

  /// At most eight names, quoted.
  package static func listed(_ names: [String]) -> String {
    if names.isEmpty { return "no fields" }
    return names.prefix(8).map { "'\($0)'" }.joined(separator: ", ") + (names.count > 8 ? ", ..." : "")
  }

  /// A value in a message.
  package static func shown(_ value: DataValue) -> String {
    switch value {
    case .string(let text): text.count > 40 ? "'\(text.prefix(40))...'" : "'\(text)'"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .bool(let value): "\(value)"
    default: value.kind
    }
  }
}
