import Foundation
import Tensors

/// A JSON document as a tree: configurations and indices, all of them small.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number written without fraction and exponent.
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Parses the whole of `bytes`.
  ///
  /// - Throws: `CheckpointError` that names `path`, line and byte; duplicate keys and nesting beyond 64 are refused.
  public init(parsing bytes: MappedBytes, path: String) throws {
    do {
      self = try bytes.withUnsafeBytes { bytes in
        var scanner = JSONScanner(bytes)
        let value = try scanner.value()
        try scanner.end()
        return value
      }
    } catch let error as JSONError {
      throw CheckpointError(path: path, reason: .json(error))
    }
  }

  /// Reads and parses a file.
  ///
  /// - Throws: `CheckpointError` as `MappedFile.open` and `init(parsing:path:)`.
  public init(file path: String) throws {
    try self.init(parsing: MappedFile.open(path), path: path)
  }

  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  public var object: [String: JSONValue]? { if case .object(let value) = self { value } else { nil } }
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
}

extension JSONScanner {
  /// Any value; the depth is bounded by the scanner.
  fileprivate mutating func value() throws -> JSONValue {
    switch peek() {
    case UInt8(ascii: "{"):
      var members: [String: JSONValue] = [:]
      try object { scanner, key in members[key] = try scanner.value() }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSONValue] = []
      try array { scanner in elements.append(try scanner.value()) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
      let (value, integer) = try number()
      return integer.map { .integer($0) } ?? .number(value)
    default: return try literal().map { .bool($0) } ?? .null
    }
  }
}

// MARK: - Writing

extension JSONValue {
  /// The document as Python's `json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)` writes it, with a line end.
  public var text: String {
    var text = ""
    append(to: &text, indentation: "\n")
    return text + "\n"
  }

  /// The document in one line, keys sorted.
  public var line: String {
    var text = ""
    append(to: &text, indentation: nil)
    return text
  }

  private func append(to text: inout String, indentation: String?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += "\(value)"
    case .number(let value):
      precondition(value.isFinite, "JSON has no infinity and no NaN")
      text += "\(value)"
    case .string(let value): JSONValue.append(value, to: &text)
    case .array(let elements):
      JSONValue.append(elements, between: ("[", "]"), to: &text, indentation) { $0.append(to: &$1, indentation: $2) }
    case .object(let members):
      let sorted = members.sorted { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
      JSONValue.append(sorted, between: ("{", "}"), to: &text, indentation) { member, text, indentation in
        JSONValue.append(member.key, to: &text)
        text += indentation == nil ? ":" : ": "
        member.value.append(to: &text, indentation: indentation)
      }
    }
  }

  private static func append<Element>(
    _ elements: [Element], between brackets: (String, String), to text: inout String, _ indentation: String?,
    each: (Element, inout String, String?) -> Void
  ) {
    text += brackets.0
    let inner = indentation.map { $0 + "  " }
    for (index, element) in elements.enumerated() {
      if index > 0 { text += "," }
      text += inner ?? ""
      each(element, &text, inner)
    }
    if !elements.isEmpty { text += indentation ?? "" }
    text += brackets.1
  }

  private static func append(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
