/// A JSON document as a tree: configurations, indices and templates, all of them small.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number written without fraction and exponent that fits.
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Parses the whole of `bytes`.
  ///
  /// - Throws: `JSONError` for anything but exactly one value, and for a key that occurs twice.
  public init(parsing bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = JSONScanner.maximumDepth) throws {
    var scanner = JSONScanner(bytes, maximumDepth: maximumDepth)
    self = try scanner.value()
    try scanner.end()
  }

  /// Parses the whole of `bytes`.
  ///
  /// - Throws: `JSONError` for anything but exactly one value, and for a key that occurs twice.
  public init(parsing bytes: [UInt8]) throws {
    self = try bytes.withUnsafeBufferPointer { try JSONValue(parsing: $0) }
  }

  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  public var object: [String: JSONValue]? { if case .object(let value) = self { value } else { nil } }
  /// Null, false, or nothing inside: what says as much as an absent key.
  public var isEmptyOrFalse: Bool {
    switch self {
    case .null, .bool(false): true
    case .string(let text): text.isEmpty
    case .array(let elements): elements.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }

  public var isNull: Bool { self == .null }

  /// A whole number, `16.0` included.
  public var integer: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// A member of an object; nil for what is no object or has no such key.
  public subscript(key: String) -> JSONValue? { object?[key] }

  public var kind: JSONScanner.Kind {
    switch self {
    case .null: .null
    case .bool: .boolean
    case .integer, .number: .number
    case .string: .string
    case .array: .array
    case .object: .object
    }
  }
}

extension JSONScanner {
  /// Any value; keys that occur twice are refused.
  fileprivate mutating func value() throws -> JSONValue {
    switch try kind() {
    case .object:
      var members: [String: JSONValue] = [:]
      try uniqueMembers { scanner, key in members[key] = try scanner.value() }
      return .object(members)
    case .array:
      var elements: [JSONValue] = []
      try array { scanner in elements.append(try scanner.value()) }
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
