import Foundation

/// A small JSON document as a tree: configurations and template files, not data.
package indirect enum JSONValue: Sendable, Equatable {
  case object([JSONMember])
  case array([JSONValue])
  case string(String)
  case number(Double)
  case boolean(Bool)
  case null

  /// - Throws: `JSONError` for anything but exactly one value, and for a key that occurs twice.
  package init(parsing bytes: [UInt8]) throws {
    self = try bytes.withUnsafeBufferPointer { buffer in
      var scanner = JSONScanner(buffer)
      let value = try JSONValue(&scanner)
      scanner.skipWhitespace()
      guard scanner.isAtEnd else { throw scanner.error("expected the end of the file, found \(scanner.found)") }
      return value
    }
  }

  private init(_ scanner: inout JSONScanner) throws {
    switch try scanner.kind() {
    case .object:
      var members: [JSONMember] = []
      var seen: Set<String> = []
      try scanner.object { scanner, key in
        let name = scanner.string(key)
        guard seen.insert(name).inserted else { throw scanner.error("key '\(name)' occurs twice", at: key.offset - 1) }
        members.append(JSONMember(key: name, value: try JSONValue(&scanner), offset: key.offset - 1))
      }
      self = .object(members)
    case .array:
      var elements: [JSONValue] = []
      try scanner.array { scanner in elements.append(try JSONValue(&scanner)) }
      self = .array(elements)
    case .string: self = .string(scanner.string(try scanner.string()))
    case .number:
      let (range, _) = try scanner.number()
      let text = String(decoding: scanner.bytes[range], as: UTF8.self)
      guard let number = Double(text) else { throw scanner.error("unreadable number", at: range.lowerBound) }
      self = .number(number)
    case .boolean: self = .boolean(try scanner.boolean())
    case .null:
      try scanner.null()
      self = .null
    }
  }

  package var kind: JSONScanner.Kind {
    switch self {
    case .object: .object
    case .array: .array
    case .string: .string
    case .number: .number
    case .boolean: .boolean
    case .null: .null
    }
  }

  /// A member of an object; nil for what is no object or has no such key.
  package subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }
}

package struct JSONMember: Sendable, Equatable {
  package let key: String
  package let value: JSONValue
  /// Of the key's opening quote, from 0.
  package let offset: Int
}
