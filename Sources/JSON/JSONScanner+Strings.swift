extension JSONScanner {
  /// A string's place; its characters and escapes are checked, nothing is copied.
  public mutating func string() throws(JSONError) -> JSONText {
    guard passes("\"") else { throw unexpected(.string) }
    let start = offset
    var hasEscapes = false
    while offset < bytes.count {
      let byte = bytes[offset]
      switch byte {
      case UInt8(ascii: "\""):
        offset += 1
        return JSONText(offset: start, byteCount: offset - 1 - start, hasEscapes: hasEscapes)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        try checkEscape()
      case 0x20..<0x80: offset += 1
      case 0..<0x20: throw error(.controlCharacter(byte))
      default:
        guard case .valid(let length) = UTF8Validity.sequence(in: bytes, at: offset) else { throw error(.invalidUTF8(byte, start: start)) }
        offset += length
      }
    }
    throw error(.endInsideString(start: start))
  }

  private mutating func checkEscape() throws(JSONError) {
    let start = offset
    guard offset + 1 < bytes.count else { throw error(.endInsideEscape) }
    switch bytes[offset + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
      UInt8(ascii: "r"), UInt8(ascii: "t"):
      offset += 2
    case UInt8(ascii: "u"):
      guard let unit = hexadecimal(at: offset + 2) else { throw badHexadecimal() }
      offset += 6
      switch unit {
      case 0xDC00...0xDFFF: throw error(.unpairedSurrogate(unit), at: start)
      case 0xD800...0xDBFF:
        guard offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"), bytes[offset + 1] == UInt8(ascii: "u"),
          let low = hexadecimal(at: offset + 2), (0xDC00...0xDFFF).contains(low)
        else { throw error(.unpairedSurrogate(unit), at: start) }
        offset += 6
      default: break
      }
    default: throw error(.unknownEscape)
    }
  }

  @inline(never) private func badHexadecimal() -> JSONError {
    let digit = (offset + 2..<bytes.count).first { !Unicode.Scalar(bytes[$0]).properties.isASCIIHexDigit }
    return error(.badHexadecimal(digit: digit ?? bytes.count))
  }

  private func hexadecimal(at start: Int) -> UInt32? {
    guard start + 4 <= bytes.count else { return nil }
    var value: UInt32 = 0
    for index in start..<start + 4 {
      let digit: UInt8
      switch bytes[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[index] - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[index] - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = bytes[index] - UInt8(ascii: "A") + 10
      default: return nil
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  // MARK: - Contents

  private func raw(_ text: JSONText) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: bytes[text.offset..<text.offset + text.byteCount])
  }

  /// Whether a string is `word`.
  public func matches(_ text: JSONText, _ word: StaticString) -> Bool {
    if text.hasEscapes { return string(text) == "\(word)" }
    guard text.byteCount == word.utf8CodeUnitCount else { return false }
    for index in 0..<text.byteCount where bytes[text.offset + index] != word.utf8Start[index] { return false }
    return true
  }

  public func string(_ text: JSONText) -> String {
    guard text.hasEscapes else { return String(decoding: raw(text), as: UTF8.self) }
    var utf8: [UInt8] = []
    append(text, to: &utf8)
    return String(decoding: utf8, as: UTF8.self)
  }

  /// Appends a scanned string's characters, escapes resolved, as UTF-8.
  public func append(_ text: JSONText, to utf8: inout [UInt8]) {
    guard text.hasEscapes else {
      utf8.append(contentsOf: raw(text))
      return
    }
    let end = text.offset + text.byteCount
    var index = text.offset
    while index < end {
      guard bytes[index] == UInt8(ascii: "\\") else {
        utf8.append(bytes[index])
        index += 1
        continue
      }
      let kind = bytes[index + 1]
      index += 2
      switch kind {
      case UInt8(ascii: "b"): utf8.append(0x08)
      case UInt8(ascii: "f"): utf8.append(0x0C)
      case UInt8(ascii: "n"): utf8.append(0x0A)
      case UInt8(ascii: "r"): utf8.append(0x0D)
      case UInt8(ascii: "t"): utf8.append(0x09)
      case UInt8(ascii: "u"):
        var value = hexadecimal(at: index) ?? 0xFFFD
        index += 4
        if (0xD800...0xDBFF).contains(value), let low = hexadecimal(at: index + 2) {
          value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
          index += 6
        }
        // Scanning has refused everything that is no scalar.
        utf8.append(contentsOf: String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8)
      default: utf8.append(kind)
      }
    }
  }
}
