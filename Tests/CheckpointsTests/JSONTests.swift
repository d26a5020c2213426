import Checkpoints
import Tensors
import TestSupport
import Testing

struct JSONTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: MappedBytes(text), path: "x.json") }

  @Test func everyKindOfValue() throws {
    let value = try parse(#" {"a": [1, -2.5e3, 0, true, false, null], "b": {"c": "x\n\u00e9\ud83e\udd99\\é"}, "": [] } "#)
    #expect(
      value
        == .object([
          "a": .array([.integer(1), .number(-2500), .integer(0), .bool(true), .bool(false), .null]),
          "b": .object(["c": .string("x\né🦙\\é")]), "": .array([]),
        ]))
  }

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
    ("\"a\nb\"", 2, "a control character inside a string."),
    ("\"\\x\"", 1, "an unknown escape inside a string."),
    ("\"\\ud800\"", 1, "half a surrogate pair."),
    ("\"\\ud800\\u0041\"", 1, "half a surrogate pair."),
    ("\"\\u12g4\"", 5, "expected four hexadecimal digits."),
    ("1 2", 2, "expected the end, found '2'."),
    ("// x\n1", 0, "expected a value, found '/'."),
    ("tru", 0, "expected a value, found 't'."),
  ])
  func mistakesAreFoundAtTheirByte(text: String, offset: Int, message: String) throws {
    let error = try #require(throws: CheckpointError.self) { try parse(text) }
    guard case .json(let json) = error.reason else {
      Issue.record("another error: \(error)")
      return
    }
    #expect(json.offset == offset)
    #expect(json.message == message)
  }

  @Test func aMistakeIsDescribedWithLineAndByte() throws {
    let error = try #require(throws: CheckpointError.self) { try parse("{\n  \"a\": 1,\n  \"b\" 2\n}") }
    #expect(error.description == "x.json:3: unreadable JSON at byte 18: expected ':', found '2'.")
  }

  @Test func invalidUTF8IsRefused() throws {
    let bytes = MappedBytes([UInt8(ascii: "\""), 0xC3, 0x28, UInt8(ascii: "\"")])
    let error = try #require(throws: CheckpointError.self) { try JSONValue(parsing: bytes, path: "x.json") }
    #expect(error.description == "x.json:1: unreadable JSON at byte 1: a string is not valid UTF-8.")
  }

  @Test(arguments: ["[", "{\"a\":", "[{\"a\":"])
  func deepNestingIsRefused(opening: String) throws {
    let text = String(repeating: opening, count: 100_000)
    let error = try #require(throws: CheckpointError.self) { try parse(text) }
    #expect(error.description.hasSuffix("nested more than 64 deep."))
  }

  @Test func manyKeysStillFindDuplicates() throws {
    let keys = (0..<100).map { "\"k\($0)\": 0" }.joined(separator: ",")
    #expect(try parse("{\(keys)}").object?.count == 100)
    #expect(throws: CheckpointError.self) { try parse("{\(keys),\"k7\": 1}") }
  }

  @Test func textIsWhatPythonWrites() throws {
    let value = JSONValue.object([
      "b": .array([.integer(1), .number(0.5), .object([:]), .array([])]), "a": .string("é\"\\\n\u{1}"), "c": .number(1e-5), "d": .null,
    ])
    #expect(
      value.text == """
        {
          "a": "é\\"\\\\\\n\\u0001",
          "b": [
            1,
            0.5,
            {},
            []
          ],
          "c": 1e-05,
          "d": null
        }

        """)
    #expect(value.line == #"{"a":"é\"\\\n\u0001","b":[1,0.5,{},[]],"c":1e-05,"d":null}"#)
    #expect(try parse(value.text) == value)
  }
}
