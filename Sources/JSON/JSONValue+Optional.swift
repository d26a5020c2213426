/// What is not known is null.
extension JSONValue {
  package static func optional(_ value: Int?) -> JSONValue { value.map { .integer($0) } ?? .null }

  package static func optional(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }

  /// Null also for what JSON cannot write.
  package static func finite(_ value: Double?) -> JSONValue {
    guard let value, value.isFinite else { return .null }
    return .number(value)
  }
}
