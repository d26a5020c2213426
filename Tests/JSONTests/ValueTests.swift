import JSON
import Testing

struct ValueTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

  @Test func everyKindOfValue() throws {
    let value = try parse(
      #" {"a": [1, -2.5e3, 0, true, false, null], "b": {"c": "x\n\u00e9\ud83e\udd99\\é"}, "": [], "d\b": "\/\"\f\r\t"} "#)
    #expect(
      value
        == .object([
          "a": .array([.integer(1), .number(-2500), .integer(0), .bool(true), .bool(false), .null]),
          "b": .object(["c": .string("x\né🦙\\é")]), "": .array([]), "d\u{8}": .string("/\"\u{C}\r\t"),
        ]))
  }

  @Test func aByteOrderMarkIsPassedOver() throws {
    #expect(try JSONValue(parsing: [0xEF, 0xBB, 0xBF] + Array("1".utf8)) == .integer(1))
  }

  @Test func accessors() throws {
    let value = try parse(#"{"a": 16.0, "b": 1e300, "c": "x", "d": true, "e": [7], "f": null, "g": 9223372036854775808}"#)
    #expect(value["a"]?.integer == 16)
    #expect(value["b"]?.integer == nil)
    #expect(value["b"]?.double == 1e300)
    #expect(value["c"]?.string == "x")
    #expect(value["d"]?.bool == true)
    #expect(value["e"]?.array == [.integer(7)])
    #expect(value["f"]?.isNull == true)
    #expect(value["g"] == .number(9_223_372_036_854_775_808))
    #expect(value["h"] == nil)
    #expect(value["c"]?["x"] == nil)
    #expect(["a", "c", "d", "e", "f"].map { value[$0]?.kind.rawValue } == ["a number", "a string", "a boolean", "an array", "null"])
    #expect(value.kind.rawValue == "an object")
  }

  @Test func textIsWhatPythonWrites() throws {
    let value = JSONValue.object([
      "b": .array([.integer(1), .number(0.5), .object([:]), .array([])]), "a": .string("é\"\\\n\u{8}\u{1}"), "c": .number(1e-5), "d": .null,
    ])
    #expect(
      value.text == """
        {
          "a": "é\\"\\\\\\n\\b\\u0001",
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
    #expect(value.line == #"{"a":"é\"\\\n\b\u0001","b":[1,0.5,{},[]],"c":1e-05,"d":null}"#)
    #expect(try parse(value.text) == value)
  }

  @Test func excerptsAreShort() {
    #expect(JSONValue.string("x").excerpt == "\"x\"")
    #expect(JSONValue.string(String(repeating: "x", count: 100)).excerpt == "\"" + String(repeating: "x", count: 56) + "...")
  }
}
