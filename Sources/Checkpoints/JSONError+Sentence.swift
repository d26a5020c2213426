import JSON

extension JSONError {
  /// The problem as errors about checkpoints put it, and the byte that they point at: strings are named from their beginning.
  var sentence: (byte: Int, text: String) {
    switch problem {
    case .unexpected(_, .digit), .unexpected(_, .fractionDigit), .unexpected(_, .exponentDigit): (offset, "expected a digit.")
    case .unexpected(let found?, let expected): (offset, "expected \(JSONError.name(of: expected)), found \(JSONError.name(of: found)).")
    case .unexpected(nil, let expected): (offset, "the text ends where \(JSONError.name(of: expected)) is expected.")
    case .leadingZero(let next, let expected):
      (offset + 1, "expected \(JSONError.name(of: expected)), found \(JSONError.name(of: next)).")
    case .duplicateKey(let key): (offset, "the key '\(key.prefix(200))' appears twice.")
    case .tooDeep(let limit): (offset - 1, "nested more than \(limit) deep.")
    case .endInsideString(let start): (start - 1, "a string has no end.")
    case .controlCharacter: (offset, "a control character inside a string.")
    case .invalidUTF8(_, let start): (start, "a string is not valid UTF-8.")
    case .endInsideEscape: (offset + 1, "a string has no end.")
    case .unknownEscape: (offset, "an unknown escape inside a string.")
    case .badHexadecimal(let digit): (digit, "expected four hexadecimal digits.")
    case .unpairedSurrogate: (offset, "half a surrogate pair.")
    case .numberTooLarge, .refused: (offset, message + ".")
    }
  }

  private static func name(of expected: Expectation) -> String {
    switch expected {
    case .boolean, .null: "a value"
    case .firstKey: "a key or '}'"
    case .key: "a key"
    case .colon: "':'"
    case .commaOrBrace: "',' or '}'"
    case .commaOrBracket: "',' or ']'"
    case .end: "the end"
    default: expected.rawValue
    }
  }

  private static func name(of byte: UInt8) -> String {
    0x21...0x7E ~= byte ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
  }
}
