/// Tells whether a file is the one it was: 128 bits over its length and every byte, at the speed of memory.
///
/// Two sums of folded 64 x 64-bit products. It finds changes, not forgeries.
struct ContentHash {
  private var first: UInt64 = 0x9E37_79B9_7F4A_7C15
  private var second: UInt64 = 0xD6E8_FEB8_6659_FD93
  private var count: UInt64 = 0

  /// - Precondition: all parts but the last are multiples of 16 bytes.
  mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { bytes in
      var place = 0
      while place + 16 <= bytes.count {
        add(
          bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self), bytes.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self))
        place += 16
      }
      guard place < bytes.count else { return }
      var rest: (UInt64, UInt64) = (0, 0)
      withUnsafeMutableBytes(of: &rest) { $0.copyBytes(from: bytes[place...]) }
      add(rest.0, rest.1)
    }
    count += UInt64(bytes.count)
  }

  var text: String {
    var end = self
    end.add(count, ~count)
    return [end.first, end.second].map { number in
      let digits = String(number, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  private mutating func add(_ a: UInt64, _ b: UInt64) {
    first = ContentHash.fold(first ^ a, 0xA076_1D64_78BD_642F ^ b)
    second = ContentHash.fold(second ^ b, 0xE703_7ED1_A0B4_28DB ^ a) &+ first
  }

  private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (high, low) = a.multipliedFullWidth(by: b)
    return high ^ low
  }
}

extension DataFile {
  /// A fingerprint of all bytes: 32 hexadecimal digits.
  ///
  /// - Throws: `DataError.changed`, `DataError.unreadable`.
  func fingerprint() throws -> String {
    var hash = ContentHash()
    for start in stride(from: 0, to: byteCount, by: 4 << 20) { hash.update(try bytes(start..<min(byteCount, start + 4 << 20))) }
    return hash.text
  }
}
