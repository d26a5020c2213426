/// Where and why bytes are not the JSON that was expected.
public struct JSONError: Error, Sendable, Equatable {
  public enum Problem: Sendable, Equatable {
    /// `found` is nil where the bytes end.
    case unexpected(found: UInt8?, expected: Expectation)
    /// A number such as `01`, of which JSON reads only the zero.
    case leadingZero(next: UInt8, expected: Expectation)
    case numberTooLarge
    case duplicateKey(String)
    case tooDeep(limit: Int)

    // In strings; `start` is the byte after the opening quote.
    case endInsideString(start: Int)
    case controlCharacter(UInt8)
    case invalidUTF8(UInt8, start: Int)
    case endInsideEscape
    case unknownEscape
    /// `\u` without four hexadecimal digits: the one at `digit` is none.
    case badHexadecimal(digit: Int)
    /// Half a pair of UTF-16 units.
    case unpairedSurrogate(UInt32)

    /// JSON, but not of the form that the caller reads.
    case refused(String)
  }

  /// What may come next.
  public enum Expectation: String, Sendable {
    case value = "a value"
    case object = "an object"
    case array = "an array"
    case string = "a string"
    case number = "a number"
    case boolean = "true or false"
    case null = "null"
    /// Or the end of the object.
    case firstKey
    case key
    case colon = "':' after a key"
    case commaOrBrace = "',' or '}' after a value"
    case commaOrBracket = "',' or ']' after a value"
    case digit = "a digit"
    case fractionDigit = "a digit after '.'"
    case exponentDigit = "a digit in the exponent"
    case end = "the end of the file"
  }

  /// Byte of the file, from 0.
  public let offset: Int
  /// From 1, counted from the beginning of the text.
  public let line: Int
  /// From 1, in characters.
  public let column: Int
  public let problem: Problem

  public init(offset: Int, line: Int, column: Int, problem: Problem) {
    self.offset = offset
    self.line = line
    self.column = column
    self.problem = problem
  }

  /// `datasets/alpaca.json:12:5 (byte 345)`
  public func place(in path: String) -> String { "\(path):\(line):\(column) (byte \(offset))" }

  /// The problem without its place and without a full stop.
  public var message: String {
    switch problem {
    case .unexpected(let found, .firstKey), .unexpected(let found, .key):
      "expected a key in double quotes, found \(JSONError.name(of: found))"
    case .unexpected(let found, let expected): "expected \(expected.rawValue), found \(JSONError.name(of: found))"
    case .leadingZero: "a number must not begin with 0"
    case .numberTooLarge: "the number is too large"
    case .duplicateKey(let key): "key '\(key)' occurs twice"
    case .tooDeep(let limit): "nested more than \(limit) levels deep"
    case .endInsideString(let start): "the file ends inside a string that begins at byte \(start - 1)"
    case .controlCharacter(let byte): "a string contains \(JSONError.name(of: byte)) unescaped (a quote may be missing)"
    case .invalidUTF8(let byte, _): "invalid UTF-8 (byte \(JSONError.hexadecimal(byte)))"
    case .endInsideEscape: "the file ends inside an escape"
    case .unknownEscape: "unknown escape in a string"
    case .badHexadecimal: "expected four hexadecimal digits after \\u"
    case .unpairedSurrogate(let unit):
      unit < 0xDC00
        ? "an unpaired surrogate: \\u\(String(unit, radix: 16)) needs its second half"
        : "an unpaired surrogate: no character begins with \\u\(String(unit, radix: 16))"
    case .refused(let message): message
    }
  }

  package static func name(of byte: UInt8?) -> String {
    switch byte {
    case nil: "the end of the file"
    case 0x0A, 0x0D: "the end of the line"
    case .some(let byte) where 0x21...0x7E ~= byte: "'\(Character(Unicode.Scalar(byte)))'"
    case .some(let byte): "byte \(hexadecimal(byte))"
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> String { "0x" + String(byte, radix: 16, uppercase: true) }
}
