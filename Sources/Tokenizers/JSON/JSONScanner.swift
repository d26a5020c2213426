import Foundation

/// The raw contents of a JSON string between its quotes, checked when it was scanned.
package struct JSONText: Sendable, Equatable {
  package let offset: Int
  package let byteCount: Int
  package let hasEscapes: Bool
}

/// A strict JSON reader (RFC 8259) that walks over bytes without building a tree: a data file of 22 MB is read in a fraction of the
/// time that a general parser takes. UTF-8 is checked, nesting is limited, unpaired surrogates are refused.
///
/// It is used inside `withUnsafeBufferPointer` and must not outlive it.
package struct JSONScanner {
  package enum Kind: String {
    case object = "an object"
    case array = "an array"
    case string = "a string"
    case number = "a number"
    case boolean = "a boolean"
    case null = "null"
  }

  static let maximumDepth = 100

  package let bytes: UnsafeBufferPointer<UInt8>
  /// Where reading stands, from 0.
  package var offset: Int
  private var depth = 0

  package init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    // A byte order mark is not JSON, but editors on Windows write one.
    offset = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF ? 3 : 0
  }

  package var isAtEnd: Bool { offset >= bytes.count }

  package func error(_ message: String, at place: Int? = nil) -> JSONError { JSONError(offset: place ?? offset, message: message) }

  package mutating func skipWhitespace() {
    while offset < bytes.count, bytes[offset] == 0x20 || bytes[offset] == 0x0A || bytes[offset] == 0x0D || bytes[offset] == 0x09 {
      offset += 1
    }
  }

  /// What the byte at hand is, for messages.
  package var found: String {
    guard offset < bytes.count else { return "the end of the file" }
    switch bytes[offset] {
    case 0x0A, 0x0D: return "the end of the line"
    case 0x21...0x7E: return "'\(Character(Unicode.Scalar(bytes[offset])))'"
    case let byte: return "byte 0x" + String(byte, radix: 16, uppercase: true)
    }
  }

  /// The kind of the value that begins here.
  package mutating func kind() throws(JSONError) -> Kind {
    skipWhitespace()
    guard offset < bytes.count else { throw error("expected a value, found the end of the file") }
    switch bytes[offset] {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
    case UInt8(ascii: "n"): return .null
    default: throw error("expected a value, found \(found)")
    }
  }

  /// Passes `byte` if it comes next, after white space.
  package mutating func passes(_ byte: Unicode.Scalar) -> Bool {
    skipWhitespace()
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: byte) else { return false }
    offset += 1
    return true
  }

  // MARK: - Structures

  /// Reads an object; `member` is called after each key and must read its value.
  package mutating func object(_ member: (inout JSONScanner, JSONText) throws -> Void) throws {
    guard passes("{") else { throw error("expected '{', found \(found)") }
    try descend()
    defer { depth -= 1 }
    if passes("}") { return }
    while true {
      skipWhitespace()
      guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else {
        throw error("expected a key in double quotes, found \(found)")
      }
      let key = try string()
      guard passes(":") else { throw error("expected ':' after a key, found \(found)") }
      try member(&self, key)
      if passes(",") { continue }
      guard passes("}") else { throw error("expected ',' or '}' after a value, found \(found)") }
      return
    }
  }

  /// Reads an array; `element` is called before each element and must read it.
  package mutating func array(_ element: (inout JSONScanner) throws -> Void) throws {
    guard passes("[") else { throw error("expected '[', found \(found)") }
    try descend()
    defer { depth -= 1 }
    if passes("]") { return }
    while true {
      try element(&self)
      if passes(",") { continue }
      guard passes("]") else { throw error("expected ',' or ']' after a value, found \(found)") }
      return
    }
  }

  private mutating func descend() throws(JSONError) {
    guard depth < JSONScanner.maximumDepth else { throw error("nested more than \(JSONScanner.maximumDepth) levels deep") }
    depth += 1
  }

  /// Passes over any value, checking it.
  package mutating func skipValue() throws {
    switch try kind() {
    case .object: try object { scanner, _ in try scanner.skipValue() }
    case .array: try array { scanner in try scanner.skipValue() }
    case .string: _ = try string()
    case .number: _ = try number()
    case .boolean: _ = try boolean()
    case .null: try null()
    }
  }

  // MARK: - Scalars

  package mutating func boolean() throws(JSONError) -> Bool {
    skipWhitespace()
    if passesWord("true") { return true }
    if passesWord("false") { return false }
    throw error("expected true or false, found \(found)")
  }

  package mutating func null() throws(JSONError) {
    skipWhitespace()
    guard passesWord("null") else { throw error("expected null, found \(found)") }
  }

  private mutating func passesWord(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard offset + length <= bytes.count else { return false }
    for index in 0..<length where bytes[offset + index] != word.utf8Start[index] { return false }
    offset += length
    return true
  }

  /// A number's text, checked against the grammar; `isInteger` when it has neither fraction nor exponent.
  package mutating func number() throws(JSONError) -> (range: Range<Int>, isInteger: Bool) {
    skipWhitespace()
    let start = offset
    var isInteger = true
    if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") { offset += 1 }
    let digits = passDigits()
    guard digits > 0 else { throw error("expected a digit, found \(found)") }
    guard digits == 1 || bytes[offset - digits] != UInt8(ascii: "0") else {
      throw error("a number must not begin with 0", at: offset - digits)
    }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
      offset += 1
      isInteger = false
      guard passDigits() > 0 else { throw error("expected a digit after '.', found \(found)") }
    }
    if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
      offset += 1
      isInteger = false
      if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") { offset += 1 }
      guard passDigits() > 0 else { throw error("expected a digit in the exponent, found \(found)") }
    }
    return (start..<offset, isInteger)
  }

  /// A whole number, or nil when the number has a fraction, an exponent or does not fit.
  package mutating func integer() throws(JSONError) -> Int? {
    let (range, isInteger) = try number()
    guard isInteger else { return nil }
    let isNegative = bytes[range.lowerBound] == UInt8(ascii: "-")
    var value = 0
    for index in range.lowerBound + (isNegative ? 1 : 0)..<range.upperBound {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let digit = Int(bytes[index] - UInt8(ascii: "0"))
      let (sum, carry) = product.subtractingReportingOverflow(digit)
      guard !overflow, !carry else { return nil }
      value = sum
    }
    if isNegative { return value }
    return value == Int.min ? nil : -value
  }

  private mutating func passDigits() -> Int {
    let start = offset
    while offset < bytes.count, bytes[offset] >= UInt8(ascii: "0"), bytes[offset] <= UInt8(ascii: "9") { offset += 1 }
    return offset - start
  }
}
