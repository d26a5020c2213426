/// Where and why a text is not JSON.
public struct JSONError: Error, Sendable, Equatable {
  /// Byte of the file, from 0.
  public let offset: Int
  /// Line of the file, from 1.
  public let line: Int
  public let message: String
}

/// Reads JSON (RFC 8259) one value at a time, strictly: no duplicate keys, no comments, no NaN, nothing after the end.
///
/// The caller says what it expects and gets it without a tree in between, so that a hostile file costs no more memory than its size.
struct JSONScanner {
  /// Nesting beyond this is refused; no format read here needs more than a handful.
  static let maximumDepth = 64

  private let bytes: UnsafeRawBufferPointer
  /// Added to offsets in errors, where the text is only a part of its file.
  private let base: Int
  private var position = 0
  private var depth = 0

  /// - Note: `bytes` must stay valid while the scanner is in use.
  init(_ bytes: UnsafeRawBufferPointer, base: Int = 0) {
    self.bytes = bytes
    self.base = base
  }

  /// The next byte that is not white space, without consuming it.
  mutating func peek() -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return bytes[position]
      }
    }
    return nil
  }

  func failure(_ message: String, at offset: Int? = nil) -> JSONError {
    let offset = min(offset ?? position, bytes.count)
    let line = 1 + bytes[..<offset].reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) }
    return JSONError(offset: base + offset, line: line, message: message)
  }

  private mutating func unexpected(_ wanted: String) -> JSONError {
    guard let next = peek() else { return failure("the text ends where \(wanted) is expected.") }
    let found = next > 0x20 && next < 0x7F ? "'\(Character(UnicodeScalar(next)))'" : "byte \(next)"
    return failure("expected \(wanted), found \(found).")
  }

  private mutating func expect(_ byte: UInt8, _ wanted: String) throws {
    guard peek() == byte else { throw unexpected(wanted) }
    position += 1
  }

  // MARK: - Values

  /// Reads an object, calling `body` at the beginning of each value, which it must read.
  mutating func object(_ body: (inout JSONScanner, String) throws -> Void) throws {
    try enter(UInt8(ascii: "{"), "an object")
    var keys = KeySet()
    var isFirst = true
    while true {
      if peek() == UInt8(ascii: "}"), isFirst { break }
      let start = position
      let key = try string(or: isFirst ? "a key or '}'" : "a key")
      guard keys.insert(key) else { throw failure("the key '\(key.prefix(200))' appears twice.", at: start) }
      try expect(UInt8(ascii: ":"), "':'")
      try body(&self, key)
      isFirst = false
      guard peek() == UInt8(ascii: ",") else { break }
      position += 1
    }
    try expect(UInt8(ascii: "}"), "',' or '}'")
    depth -= 1
  }

  /// Reads an array, calling `body` at the beginning of each element, which it must read.
  mutating func array(_ body: (inout JSONScanner) throws -> Void) throws {
    try enter(UInt8(ascii: "["), "an array")
    var isFirst = true
    while true {
      if peek() == UInt8(ascii: "]"), isFirst { break }
      try body(&self)
      isFirst = false
      guard peek() == UInt8(ascii: ",") else { break }
      position += 1
    }
    try expect(UInt8(ascii: "]"), "',' or ']'")
    depth -= 1
  }

  private mutating func enter(_ bracket: UInt8, _ wanted: String) throws {
    try expect(bracket, wanted)
    depth += 1
    guard depth <= JSONScanner.maximumDepth else { throw failure("nested more than \(JSONScanner.maximumDepth) deep.", at: position - 1) }
  }

  /// A whole number from 0 that fits `Int`.
  mutating func naturalNumber() throws -> Int {
    _ = peek()
    let start = position
    guard let value = try number().integer, value >= 0 else { throw failure("expected a whole number from 0.", at: start) }
    return value
  }

  /// A number and, if it was written without fraction and exponent and fits, its exact value.
  mutating func number() throws -> (value: Double, integer: Int?) {
    guard let first = peek(), first == UInt8(ascii: "-") || isDigit(first) else { throw unexpected("a number") }
    let start = position
    if first == UInt8(ascii: "-") { position += 1 }
    if current == UInt8(ascii: "0") { position += 1 } else { try digits() }
    let isInteger = current != UInt8(ascii: ".") && current != UInt8(ascii: "e") && current != UInt8(ascii: "E")
    // Headers are full of small whole numbers; they need no text in between.
    if isInteger, position - start <= 18 {
      let magnitude = bytes[start..<position].reduce(0) { isDigit($1) ? 10 * $0 + Int($1 - 0x30) : $0 }
      let integer = first == UInt8(ascii: "-") ? -magnitude : magnitude
      return (Double(integer), integer)
    }
    if current == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    guard let value = Double(text), value.isFinite else { throw failure("the number is too large.", at: start) }
    return (value, isInteger ? Int(text) : nil)
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private mutating func digits() throws {
    let start = position
    while let byte = current, isDigit(byte) { position += 1 }
    guard position > start else { throw failure("expected a digit.") }
  }

  /// Reads `true`, `false` or `null` (nil).
  mutating func literal() throws -> Bool? {
    guard peek() != nil else { throw unexpected("a value") }
    for (word, value) in [("true", true), ("false", false), ("null", nil)] as [(StaticString, Bool?)] {
      let range = position..<position + word.utf8CodeUnitCount
      guard range.upperBound <= bytes.count else { continue }
      if bytes[range].elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)) {
        position = range.upperBound
        return value
      }
    }
    throw unexpected("a value")
  }

  /// Nothing but white space may follow.
  mutating func end() throws {
    guard peek() == nil else { throw unexpected("the end") }
  }
}

// MARK: - Strings

extension JSONScanner {
  mutating func string(or wanted: String = "a string") throws -> String {
    try expect(UInt8(ascii: "\""), wanted)
    let start = position
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        let text = String(validating: bytes[start..<position], as: UTF8.self)
        position += 1
        guard let text else { throw failure("a string is not valid UTF-8.", at: start) }
        return text
      case UInt8(ascii: "\\"): return try escapedString(from: start)
      case 0..<0x20: throw failure("a control character inside a string.")
      default: position += 1
      }
    }
    throw failure("a string has no end.", at: start - 1)
  }

  /// The rest of a string of which `start..<position` is read and free of escapes.
  private mutating func escapedString(from start: Int) throws -> String {
    var text = Array(bytes[start..<position])
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let text = String(validating: text, as: UTF8.self) else { throw failure("a string is not valid UTF-8.", at: start) }
        return text
      case UInt8(ascii: "\\"):
        position += 1
        try escape(into: &text)
      case 0..<0x20: throw failure("a control character inside a string.")
      default:
        text.append(byte)
        position += 1
      }
    }
    throw failure("a string has no end.", at: start - 1)
  }

  private mutating func escape(into text: inout [UInt8]) throws {
    guard let kind = current else { throw failure("a string has no end.") }
    position += 1
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(kind)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      let start = position - 2
      var code = try hexadecimal()
      if code >> 10 == 0xD800 >> 10, current == UInt8(ascii: "\\") {
        position += 1
        guard current == UInt8(ascii: "u") else { throw failure("half a surrogate pair.", at: start) }
        position += 1
        let low = try hexadecimal()
        guard low >> 10 == 0xDC00 >> 10 else { throw failure("half a surrogate pair.", at: start) }
        code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
      }
      guard let scalar = UnicodeScalar(code) else { throw failure("half a surrogate pair.", at: start) }
      text.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
    default: throw failure("an unknown escape inside a string.", at: position - 2)
    }
  }

  private mutating func hexadecimal() throws -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = current.flatMap({ Character(UnicodeScalar($0)).hexDigitValue }) else {
        throw failure("expected four hexadecimal digits.")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}

/// The keys of an object: a list while there are few, since most objects are small.
private struct KeySet {
  private var few: [String] = []
  private var many: Set<String> = []

  /// False if the key is there already.
  mutating func insert(_ key: String) -> Bool {
    if !many.isEmpty { return many.insert(key).inserted }
    guard !few.contains(key) else { return false }
    few.append(key)
    if few.count == 12 { many = Set(few) }
    return true
  }
}
