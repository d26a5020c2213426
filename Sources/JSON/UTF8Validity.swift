/// Strict UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
public enum UTF8Validity {
  /// What stands at a place in a byte sequence.
  public enum Sequence: Equatable {
    /// A whole character of this many bytes.
    case valid(Int)
    case invalid
    /// The bytes end inside a character that may still become valid.
    case cutShort
  }

  /// - Precondition: `index` lies within `bytes`.
  @inlinable
  public static func sequence(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Sequence {
    let first = bytes[index]
    if first < 0x80 { return .valid(1) }
    let length: Int
    var lowest: UInt8 = 0x80
    var highest: UInt8 = 0xBF
    switch first {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, lowest) = (3, 0xA0)
    case 0xED: (length, highest) = (3, 0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, lowest) = (4, 0x90)
    case 0xF4: (length, highest) = (4, 0x8F)
    case 0xF1...0xF3: length = 4
    default: return .invalid
    }
    for step in 1..<length {
      guard index + step < bytes.count else { return .cutShort }
      let byte = bytes[index + step]
      guard byte >= lowest, byte <= highest else { return .invalid }
      (lowest, highest) = (0x80, 0xBF)
    }
    return .valid(length)
  }

  /// Offset of the first byte that does not belong to a valid character; nil when all is well.
  public static func firstInvalidOffset(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    var index = 0
    while index < bytes.count {
      if bytes[index] < 0x80 {
        index += 1
        continue
      }
      guard case .valid(let length) = sequence(in: bytes, at: index) else { return index }
      index += length
    }
    return nil
  }
}
