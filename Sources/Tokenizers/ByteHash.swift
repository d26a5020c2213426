/// A hash of bytes for tables that hold what a file says. Each table has a random seed, so that no file can make its own pieces collide.
struct ByteHash: Sendable {
  private let seed = UInt64.random(in: .min ... .max)

  private static let first: UInt64 = 0x9E37_79B9_7F4A_7C15
  private static let second: UInt64 = 0xD6E8_FEB8_6659_FD93

  @inline(__always) func callAsFunction(_ value: UInt64) -> UInt64 { ByteHash.mix(value ^ seed, ByteHash.first) }

  @inline(__always) func callAsFunction(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = seed ^ UInt64(truncatingIfNeeded: bytes.count) &* ByteHash.second
    var index = 0
    let raw = UnsafeRawBufferPointer(bytes)
    while index + 8 <= bytes.count {
      hash = ByteHash.mix(hash ^ raw.loadUnaligned(fromByteOffset: index, as: UInt64.self), ByteHash.first)
      index += 8
    }
    var rest: UInt64 = 0
    while index < bytes.count {
      rest = rest << 8 | UInt64(bytes[index])
      index += 1
    }
    return ByteHash.mix(hash ^ rest, ByteHash.second)
  }

  /// Both halves of the product: every bit of the result depends on every bit of the operands.
  @inline(__always) private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (high, low) = a.multipliedFullWidth(by: b)
    return high ^ low
  }
}
