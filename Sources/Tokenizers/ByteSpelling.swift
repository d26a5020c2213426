/// GPT-2's spelling of bytes as printable characters, in which byte-level vocabularies are written: a space is `Ġ`.
enum ByteSpelling {
  /// The character of each byte.
  static let characters: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (UInt8.min...UInt8.max).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
      default:
        defer { next += 1 }
        return Unicode.Scalar(next) ?? Unicode.Scalar(byte)
      }
    }
  }()

  private static let bytes: [UInt16] = {
    var bytes = [UInt16](repeating: .max, count: 0x180)
    for (byte, character) in characters.enumerated() { bytes[Int(character.value)] = UInt16(byte) }
    return bytes
  }()

  /// The bytes that a spelling stands for; nil when it has other characters.
  static func bytes(of spelling: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(spelling.count)
    var index = 0
    while index < spelling.count {
      let (value, end) = scalarValue(in: spelling, at: index)
      guard value < bytes.count, bytes[Int(value)] < 256 else { return nil }
      result.append(UInt8(bytes[Int(value)]))
      index = end
    }
    return result
  }

  static func spelling(of bytes: some Sequence<UInt8>) -> String {
    var result = String.UnicodeScalarView()
    for byte in bytes { result.append(characters[Int(byte)]) }
    return String(result)
  }
}
