import Foundation
import Testing
import Tokenizers

struct JSONScannerTests {
  func error(_ text: String) -> JSONError? { error(Array(text.utf8)) }

  func error(_ bytes: [UInt8]) -> JSONError? {
    do {
      _ = try JSONValue(parsing: bytes)
      return nil
    } catch {
      return error as? JSONError
    }
  }

  @Test func values() throws {
    let text = #" {"a": [1, -2.5e3, true, false, null, {}], "b\n": "\u00e9\ud83e\udd99\/\"\\\b\f\n\r\t"} "#
    let value = try JSONValue(parsing: [0xEF, 0xBB, 0xBF] + Array(text.utf8))
    #expect(value["a"] == .array([.number(1), .number(-2500), .boolean(true), .boolean(false), .null, .object([])]))
    #expect(value["b\n"] == .string("é\u{1F999}/\"\\\u{8}\u{C}\n\r\t"))
  }

  @Test(arguments: [
    ("", 0, "expected a value, found the end of the file"),
    ("[1,]", 3, "expected a value, found ']'"),
    ("[1 2]", 3, "expected ',' or ']' after a value, found '2'"),
    ("{\"a\" 1}", 5, "expected ':' after a key, found '1'"),
    ("{\"a\":1,}", 7, "expected a key in double quotes, found '}'"),
    ("{\"a\":1,\"a\":2}", 7, "key 'a' occurs twice"),
    ("[01]", 1, "a number must not begin with 0"),
    ("[1.]", 3, "expected a digit after '.', found ']'"),
    ("[1e]", 3, "expected a digit in the exponent, found ']'"),
    ("[-]", 2, "expected a digit, found ']'"),
    ("[tru]", 1, "expected true or false, found 't'"),
    ("nul", 0, "expected null, found 'n'"),
    ("\"a\nb\"", 2, "a string contains the end of the line unescaped (a quote may be missing)"),
    ("\"ab", 3, "the file ends inside a string that begins at byte 0"),
    ("\"\\x\"", 1, "unknown escape in a string"),
    ("\"\\u12g4\"", 1, "expected four hexadecimal digits after \\u"),
    ("\"\\udc00\"", 1, "an unpaired surrogate: no character begins with \\udc00"),
    ("\"\\ud800x\"", 1, "an unpaired surrogate: \\ud800 needs its second half"),
    ("\"\\ud800\\u0041\"", 1, "an unpaired surrogate: \\ud800 needs its second half"),
    ("1 2", 2, "expected the end of the file, found '2'"),
    ("NaN", 0, "expected a value, found 'N'"),
  ])
  func errors(text: String, offset: Int, message: String) {
    #expect(error(text) == JSONError(offset: offset, message: message))
  }

  @Test func nestingIsLimited() {
    #expect(error(String(repeating: "[", count: 100_000))?.message == "nested more than 100 levels deep")
    #expect(error(String(repeating: "[", count: 100) + String(repeating: "]", count: 100)) == nil)
  }

  @Test func invalidUTF8() {
    #expect(error([0x22, 0x61, 0xC3, 0x22]) == JSONError(offset: 2, message: "invalid UTF-8 (byte 0xC3)"))
  }

  @Test func places() {
    let bytes = Array("{\"é\": 1,\n  \"éé\": x}".utf8)
    let located = bytes.withUnsafeBufferPointer { error(Array($0))?.located(in: "a.json", of: $0) }
    #expect(located == "a.json:2:9 (byte 20): expected a value, found 'x'")
  }

  @Test func integers() throws {
    for (text, expected) in [
      ("0", 0), ("-12", -12), ("9223372036854775807", Int.max), ("-9223372036854775808", Int.min), ("9223372036854775808", nil),
      ("1.0", nil), ("1e2", nil),
    ] as [(String, Int?)] {
      let value = try Array(text.utf8).withUnsafeBufferPointer { bytes in
        var scanner = JSONScanner(bytes)
        return try scanner.integer()
      }
      #expect(value == expected)
    }
  }

  /// Whatever Foundation reads is read alike, and mutations are an error or a value.
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
}
