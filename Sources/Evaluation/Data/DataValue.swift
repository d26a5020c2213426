import JSON

/// A value of a published file. Members keep their order, which says what the first choice is where choices are keys.
package indirect enum DataValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([DataValue])
  case object([DataMember])

  package var string: String? { if case .string(let value) = self { value } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var array: [DataValue]? { if case .array(let value) = self { value } else { nil } }
  package var members: [DataMember]? { if case .object(let value) = self { value } else { nil } }

  /// A whole number, `16.0` and the text `16` included: tables hold nothing but text.
  package var integer: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    case .string(let text): Int(text)
    default: nil
    }
  }

  package var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    case .string(let text): Double(text)
    default: nil
    }
  }

  /// A list of nothing but texts.
  package var strings: [String]? {
    guard let array else { return nil }
    let texts = array.compactMap(\.string)
    return texts.count == array.count ? texts : nil
  }

  /// A member of an object; nil for what is no object or has no such key.
  package subscript(key: String) -> DataValue? { members?.first { $0.key == key }?.value }

  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .number: "a number"
    case .string: "a text"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

package struct DataMember: Sendable, Equatable {
  package let key: String
  package let value: DataValue

  package init(key: String, value: DataValue) {
    self.key = key
    self.value = value
  }
}

extension JSONScanner {
  /// Any value; keys that occur twice are refused.
  mutating func dataValue() throws -> DataValue {
    switch try kind() {
    case .object:
      var members: [DataMember] = []
      try uniqueMembers { scanner, key in members.append(DataMember(key: key, value: try scanner.dataValue())) }
      return .object(members)
    case .array:
      var elements: [DataValue] = []
      try array { scanner in elements.append(try scanner.dataValue()) }
      return .array(elements)
    case .string: return .string(string(try string()))
    case .number:
      let (range, isInteger) = try number()
      if isInteger, let integer = integer(in: range) { return .integer(integer) }
      return .number(try double(in: range))
    case .boolean: return .bool(try boolean())
    case .null:
      try null()
      return .null
    }
  }
}
