/// The raw contents of a JSON string between its quotes, checked when it was scanned.
public struct JSONText: Sendable, Equatable {
  public let offset: Int
  public let byteCount: Int
  public let hasEscapes: Bool
}

/// A strict JSON reader (RFC 8259) that walks over bytes: the caller says what it expects and gets it without a tree in between. UTF-8 and
/// escapes are checked, nesting is limited; a byte order mark is passed over, since editors on Windows write one.
///
/// It is used inside `withUnsafeBufferPointer` and must not outlive it.
public struct JSONScanner {
  public enum Kind: String, Sendable {
    case object = "an object"
    case array = "an array"
    case string = "a string"
    case number = "a number"
    case boolean = "a boolean"
    case null = "null"
  }

  public static let maximumDepth = 100

  public let bytes: UnsafeBufferPointer<UInt8>
  /// Where reading stands, in `bytes`.
  public internal(set) var offset: Int
  private let start: Int
  private let depthLimit: Int
  private var depth = 0

  /// - Parameter start: where in `bytes` the text begins.
  public init(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int = 0, maximumDepth: Int = JSONScanner.maximumDepth) {
    self.bytes = bytes
    self.start = start
    depthLimit = maximumDepth
    let hasByteOrderMark = bytes.count >= start + 3 && bytes[start] == 0xEF && bytes[start + 1] == 0xBB && bytes[start + 2] == 0xBF
    offset = hasByteOrderMark ? start + 3 : start
  }

  public var isAtEnd: Bool { offset >= bytes.count }

  /// What the byte at hand is, for messages.
  public var found: String { JSONError.name(of: current) }

  var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  public mutating func skipWhitespace() {
    while offset < bytes.count, bytes[offset] == 0x20 || bytes[offset] == 0x0A || bytes[offset] == 0x0D || bytes[offset] == 0x09 {
      offset += 1
    }
  }

  /// Passes `byte` if it comes next, after white space.
  public mutating func passes(_ byte: Unicode.Scalar) -> Bool {
    skipWhitespace()
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: byte) else { return false }
    offset += 1
    return true
  }

  /// The kind of the value that begins here.
  public mutating func kind() throws(JSONError) -> Kind {
    skipWhitespace()
    switch current {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
    case UInt8(ascii: "n"): return .null
    default: throw unexpected(.value)
    }
  }

  /// Nothing but white space may follow.
  public mutating func end() throws(JSONError) {
    skipWhitespace()
    guard isAtEnd else { throw unexpected(.end) }
  }

  // MARK: - Structures

  /// Reads an object; `member` is called after each key and must read its value. Whether a key occurs twice is the caller's to find out.
  public mutating func object(_ member: (inout JSONScanner, JSONText) throws -> Void) throws {
    try descend("{", .object)
    defer { depth -= 1 }
    if passes("}") { return }
    var isFirst = true
    while true {
      skipWhitespace()
      guard current == UInt8(ascii: "\"") else { throw unexpected(isFirst ? .firstKey : .key) }
      isFirst = false
      let key = try string()
      guard passes(":") else { throw unexpected(.colon) }
      try member(&self, key)
      if passes(",") { continue }
      guard passes("}") else { throw unexpected(.commaOrBrace) }
      return
    }
  }

  /// As `object`, with keys as strings; one that occurs twice is an error, even if its accents are composed in another way.
  public mutating func uniqueMembers(_ member: (inout JSONScanner, String) throws -> Void) throws {
    var keys = KeySet()
    try object { scanner, text in
      let key = scanner.string(text)
      guard keys.insert(key) else { throw scanner.error(.duplicateKey(key), at: text.offset - 1) }
      try member(&scanner, key)
    }
  }

  /// Reads an array; `element` is called before each element and must read it.
  public mutating func array(_ element: (inout JSONScanner) throws -> Void) throws {
    try descend("[", .array)
    defer { depth -= 1 }
    if passes("]") { return }
    while true {
      try element(&self)
      if passes(",") { continue }
      guard passes("]") else { throw unexpected(.commaOrBracket) }
      return
    }
  }

  private mutating func descend(_ bracket: Unicode.Scalar, _ expected: JSONError.Expectation) throws(JSONError) {
    guard passes(bracket) else { throw unexpected(expected) }
    guard depth < depthLimit else { throw error(.tooDeep(limit: depthLimit)) }
    depth += 1
  }

  /// Passes over any value, checking it.
  public mutating func skipValue() throws {
    switch try kind() {
    case .object: try object { scanner, _ in try scanner.skipValue() }
    case .array: try array { scanner in try scanner.skipValue() }
    case .string: _ = try string()
    case .number: _ = try number()
    case .boolean: _ = try boolean()
    case .null: try null()
    }
  }

  public mutating func boolean() throws(JSONError) -> Bool {
    skipWhitespace()
    if passesWord("true") { return true }
    if passesWord("false") { return false }
    throw unexpected(.boolean)
  }

  public mutating func null() throws(JSONError) {
    skipWhitespace()
    guard passesWord("null") else { throw unexpected(.null) }
  }

  private mutating func passesWord(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard offset + length <= bytes.count else { return false }
    for index in 0..<length where bytes[offset + index] != word.utf8Start[index] { return false }
    offset += length
    return true
  }
}

// MARK: - Errors

extension JSONScanner {
  /// An error of the caller's, `message` without a full stop, at `place` or where reading stands.
  public func error(_ message: String, at place: Int? = nil) -> JSONError { error(.refused(message), at: place) }

  // Kept out of the loops that it would slow down.
  @inline(never) func error(_ problem: JSONError.Problem, at place: Int? = nil) -> JSONError {
    let place = place ?? offset
    let (line, column) = position(of: place)
    return JSONError(offset: place, line: line, column: column, problem: problem)
  }

  /// Line and column of a byte, from 1; columns in characters.
  private func position(of place: Int) -> (line: Int, column: Int) {
    var line = 1
    var lineStart = start
    let end = min(place, bytes.count)
    for index in start..<max(start, end) where bytes[index] == UInt8(ascii: "\n") {
      line += 1
      lineStart = index + 1
    }
    // Continuation bytes are not characters of their own.
    let column = 1 + (lineStart..<max(lineStart, end)).count { bytes[$0] & 0xC0 != 0x80 }
    return (line, column)
  }

  @inline(never) func unexpected(_ expected: JSONError.Expectation) -> JSONError {
    // Numbers take all digits that they can: one that is left follows a leading zero.
    if let next = current, JSONScanner.isDigit(next), offset > start, JSONScanner.isDigit(bytes[offset - 1]) {
      return error(.leadingZero(next: next, expected: expected), at: offset - 1)
    }
    return error(.unexpected(found: current, expected: expected))
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
