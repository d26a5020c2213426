import Foundation
import JSON
import Testing

struct ScannerTests {
  private func error(_ text: String) -> JSONError? { error(Array(text.utf8)) }

  private func error(_ bytes: [UInt8]) -> JSONError? {
    do {
      _ = try JSONValue(parsing: bytes)
      return nil
    } catch {
      return error as? JSONError
    }
  }

  private func scan<Result>(_ text: String, _ body: (inout JSONScanner) throws -> Result) rethrows -> Result {
    try Array(text.utf8).withUnsafeBufferPointer { bytes in
      var scanner = JSONScanner(bytes)
      return try body(&scanner)
    }
  }

  @Test(arguments: [
    ("", 0, "expected a value, found the end of the file"),
    ("{", 1, "expected a key in double quotes, found the end of the file"),
    ("[1,]", 3, "expected a value, found ']'"),
    ("[1 2]", 3, "expected ',' or ']' after a value, found '2'"),
    ("{\"a\" 1}", 5, "expected ':' after a key, found '1'"),
    ("{\"a\":1,}", 7, "expected a key in double quotes, found '}'"),
    ("{\"a\":1 \"b\":2}", 7, "expected ',' or '}' after a value, found '\"'"),
    ("{\"a\":1,\"a\":2}", 7, "key 'a' occurs twice"),
    ("{\"a\":1,\"\\u0061\":2}", 7, "key 'a' occurs twice"),
    ("{\"\\u00e9\":1,\"e\\u0301\":2}", 12, "key 'e\u{301}' occurs twice"),
    ("[01]", 1, "a number must not begin with 0"),
    ("-01", 1, "a number must not begin with 0"),
    ("[1.]", 3, "expected a digit after '.', found ']'"),
    ("[1e]", 3, "expected a digit in the exponent, found ']'"),
    ("[-]", 2, "expected a digit, found ']'"),
    ("[-Infinity]", 2, "expected a digit, found 'I'"),
    ("[+1]", 1, "expected a value, found '+'"),
    ("[1e999]", 1, "the number is too large"),
    ("[tru]", 1, "expected true or false, found 't'"),
    ("nul", 0, "expected null, found 'n'"),
    ("\"a\nb\"", 2, "a string contains the end of the line unescaped (a quote may be missing)"),
    ("\"ab", 3, "the file ends inside a string that begins at byte 0"),
    ("\"ab\\", 3, "the file ends inside an escape"),
    ("\"\\x\"", 1, "unknown escape in a string"),
    ("\"\\u12g4\"", 1, "expected four hexadecimal digits after \\u"),
    ("\"\\u12", 1, "expected four hexadecimal digits after \\u"),
    ("\"\\udc00\"", 1, "an unpaired surrogate: no character begins with \\udc00"),
    ("\"\\ud800x\"", 1, "an unpaired surrogate: \\ud800 needs its second half"),
    ("\"\\ud800\\u0041\"", 1, "an unpaired surrogate: \\ud800 needs its second half"),
    ("1 2", 2, "expected the end of the file, found '2'"),
    ("NaN", 0, "expected a value, found 'N'"),
    ("// x\n1", 0, "expected a value, found '/'"),
    ("[\u{0}]", 1, "expected a value, found byte 0x0"),
  ])
  func mistakesAreFoundAtTheirByte(text: String, offset: Int, message: String) {
    #expect(error(text)?.offset == offset)
    #expect(error(text)?.message == message)
  }

  @Test func places() throws {
    let error = try #require(self.error("{\"é\": 1,\n  \"éé\": x}"))
    #expect(error == JSONError(offset: 20, line: 2, column: 9, problem: .unexpected(found: UInt8(ascii: "x"), expected: .value)))
    #expect(error.place(in: "a.json") == "a.json:2:9 (byte 20)")
  }

  /// As in a file that begins with something else: bytes count from its beginning, lines from the text's.
  @Test func textWithinAFile() {
    let bytes = Array("\n\n{\n1}".utf8)
    let error = #expect(throws: JSONError.self) {
      try bytes.withUnsafeBufferPointer { bytes in
        var scanner = JSONScanner(bytes, from: 2)
        try scanner.skipValue()
      }
    }
    #expect(error?.place(in: "x") == "x:2:1 (byte 4)")
  }

  @Test(
    arguments: [
      [0xC3], [0xC3, 0x28], [0x80], [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0xAF],
      [0xF4, 0x90, 0x80, 0x80],
      [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xFF],
    ] as [[UInt8]])
  func invalidUTF8(sequence: [UInt8]) {
    let text = Array("\"aé".utf8) + sequence + Array("\"".utf8)
    let found = error(text)
    #expect(found?.offset == 4)
    #expect(found?.problem == .invalidUTF8(sequence[0], start: 1))
  }

  // MARK: - Hostile texts

  @Test(arguments: ["[", "{\"a\":", "[{\"a\":"])
  func nestingIsLimited(opening: String) throws {
    let text = String(repeating: opening, count: 100_000)
    #expect(error(text)?.message == "nested more than 100 levels deep")
    #expect(throws: JSONError.self) { try scan(text) { try $0.skipValue() } }
    #expect(error(String(repeating: "[", count: 100) + String(repeating: "]", count: 100)) == nil)
  }

  @Test func aLowerLimitOfNesting() {
    let error = #expect(throws: JSONError.self) {
      try Array("[[[]]]".utf8).withUnsafeBufferPointer { try JSONValue(parsing: $0, maximumDepth: 2) }
    }
    #expect(error?.problem == .tooDeep(limit: 2))
  }

  @Test(.timeLimit(.minutes(1)))
  func aMillionKeys() throws {
    let keys = (0..<1_000_000).map { "\"k\($0)\": 0" }.joined(separator: ",")
    #expect(try JSONValue(parsing: Array("{\(keys)}".utf8)).object?.count == 1_000_000)
    #expect(error("{\(keys),\"k7\": 1}")?.problem == .duplicateKey("k7"))
  }

  @Test func longNumbers() throws {
    let digits = String(repeating: "9", count: 300)
    #expect(try JSONValue(parsing: Array("[\(digits), 0.\(digits)]".utf8)) == .array([.number(1e300), .number(1)]))
    #expect(error(String(repeating: "9", count: 100_000))?.problem == .numberTooLarge)
  }

  /// Whatever is read, Foundation reads too; mutations are an error or a value.
  @Test func agreesWithFoundation() throws {
    var random = SystemRandomNumberGenerator()
    let seed = Array(#"{"a":[1,2.5,"x\u00e9\n",null,true],"b":{"c":"é","d":-0.1e-2}}"#.utf8)
    for _ in 0..<5_000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = seed.randomElement(using: &random) ?? 0
      }
      guard error(bytes) == nil else { continue }
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed) }
    }
  }

  // MARK: - Values without a tree

  @Test(
    arguments: [
      ("0", 0), ("-0", 0), ("-12", -12), ("9223372036854775807", Int.max), ("-9223372036854775808", Int.min), ("9223372036854775808", nil),
      ("-9223372036854775809", nil), ("1.0", nil), ("1e2", nil),
    ] as [(String, Int?)])
  func integers(text: String, expected: Int?) throws {
    #expect(try scan(text) { try $0.integer() } == expected)
  }

  @Test func strings() throws {
    try scan(#"["instruction", "in\u0073truction", "instructior", "a\ud83e\udd99\/é"]"#) { scanner in
      var texts: [JSONText] = []
      try scanner.array { texts.append(try $0.string()) }
      #expect(texts.map { scanner.matches($0, "instruction") } == [true, true, false, false])
      #expect(texts.map(\.hasEscapes) == [false, true, false, true])
      var utf8: [UInt8] = []
      scanner.append(texts[3], to: &utf8)
      #expect(utf8 == Array("a🦙/é".utf8))
      #expect(scanner.string(texts[3]) == "a🦙/é")
    }
  }

  @Test func keysAreTheCallersUnlessUnique() throws {
    let text = #"{"a": 1, "b": [2], "a": {"c": 3}}"#
    var keys: [String] = []
    try scan(text) { scanner in
      try scanner.object { scanner, key in
        keys.append(scanner.string(key))
        try scanner.skipValue()
      }
      try scanner.end()
    }
    #expect(keys == ["a", "b", "a"])
    let error = #expect(throws: JSONError.self) { try scan(text) { try $0.uniqueMembers { scanner, _ in try scanner.skipValue() } } }
    #expect(error?.problem == .duplicateKey("a"))
  }

  @Test func whatTheCallerRefuses() {
    let error = #expect(throws: JSONError.self) { try scan("[1]") { scanner in try scanner.array { throw $0.error("no \($0.found)") } } }
    #expect(error == JSONError(offset: 1, line: 1, column: 2, problem: .refused("no '1'")))
  }
}
