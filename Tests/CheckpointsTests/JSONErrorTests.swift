import Checkpoints
import JSON
import Tensors
import TestSupport
import Testing

struct JSONErrorTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: MappedBytes(text), path: "x.json") }

  @Test(arguments: [
    ("", 0, "the text ends where a value is expected."),
    ("{", 1, "the text ends where a key or '}' is expected."),
    ("{\"a\" 1}", 5, "expected ':', found '1'."),
    ("[1, 2,]", 6, "expected a value, found ']'."),
    ("[1 2]", 3, "expected ',' or ']', found '2'."),
    ("{\"a\": 1,}", 8, "expected a key, found '}'."),
    ("{\"a\": 1, \"a\": 2}", 9, "the key 'a' appears twice."),
    ("{\"a\": NaN}", 6, "expected a value, found 'N'."),
    ("[-Infinity]", 2, "expected a digit."),
    ("[01]", 2, "expected ',' or ']', found '1'."),
    ("[1.]", 3, "expected a digit."),
    ("[1e999]", 1, "the number is too large."),
    ("[+1]", 1, "expected a value, found '+'."),
    ("\"abc", 0, "a string has no end."),
    ("\"abc\\", 5, "a string has no end."),
    ("\"a\nb\"", 2, "a control character inside a string."),
    ("\"\\x\"", 1, "an unknown escape inside a string."),
    ("\"\\ud800\"", 1, "half a surrogate pair."),
    ("\"\\ud800\\u0041\"", 1, "half a surrogate pair."),
    ("\"\\u12g4\"", 5, "expected four hexadecimal digits."),
    ("1 2", 2, "expected the end, found '2'."),
    ("// x\n1", 0, "expected a value, found '/'."),
    ("tru", 0, "expected a value, found 't'."),
    (String(repeating: "[", count: 100_000), 64, "nested more than 64 deep."),
  ])
  func mistakesAreFoundAtTheirByte(text: String, offset: Int, message: String) throws {
    let error = try #require(throws: CheckpointError.self) { try parse(text) }
    #expect(error.description == "x.json:1: unreadable JSON at byte \(offset): \(message)")
  }

  @Test func aMistakeIsDescribedWithLineAndByte() throws {
    let error = try #require(throws: CheckpointError.self) { try parse("{\n  \"a\": 1,\n  \"b\" 2\n}") }
    #expect(error.description == "x.json:3: unreadable JSON at byte 18: expected ':', found '2'.")
    #expect(error.reason.text == "unreadable JSON in line 3 at byte 18: expected ':', found '2'.")
  }

  @Test func invalidUTF8IsRefused() throws {
    let bytes = MappedBytes([UInt8(ascii: "\""), 0xC3, 0x28, UInt8(ascii: "\"")])
    let error = try #require(throws: CheckpointError.self) { try JSONValue(parsing: bytes, path: "x.json") }
    #expect(error.description == "x.json:1: unreadable JSON at byte 1: a string is not valid UTF-8.")
  }
}
