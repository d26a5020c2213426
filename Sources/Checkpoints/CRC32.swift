/// CRC-32, fed piece by piece.
///
/// Sixteen bytes a step: each has a table of what it does to the remainder when others follow it (Kounavis and Berry, "Novel Table
/// Lookup-Based Algorithms for High-Performance CRC Generation", 2008).
package struct CRC32 {
  /// Its bits in reverse.
  package enum Polynomial: UInt32 {
    /// Of zip archives (ISO 3309).
    case zip = 0xedb8_8320
    /// Of iSCSI and TFRecord: CRC-32C (RFC 3720, B.4).
    case castagnoli = 0x82f6_3b78
  }

  private var remainder: UInt32 = ~0
  private let tables: [UInt32]

  /// Of everything so far.
  package var value: UInt32 { ~remainder }

  package init(_ polynomial: Polynomial = .zip) { tables = polynomial == .zip ? CRC32.zipTables : CRC32.castagnoliTables }

  private static let zipTables = tables(.zip)
  private static let castagnoliTables = tables(.castagnoli)

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    let whole = bytes.count & ~15
    var remainder = remainder
    tables.withUnsafeBufferPointer { tables in
      func entry(_ table: Int, _ byte: UInt64) -> UInt32 { tables[table &<< 8 | Int(truncatingIfNeeded: byte & 255)] }
      func entries(_ first: Int, _ word: UInt64) -> UInt32 {
        let low = entry(first, word) ^ entry(first &- 1, word &>> 8) ^ entry(first &- 2, word &>> 16) ^ entry(first &- 3, word &>> 24)
        let high = entry(first &- 4, word &>> 32) ^ entry(first &- 5, word &>> 40) ^ entry(first &- 6, word &>> 48)
        return low ^ high ^ entry(first &- 7, word &>> 56)
      }
      for offset in stride(from: 0, to: whole, by: 16) {
        let first = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        let second = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self))
        remainder = entries(15, first ^ UInt64(remainder)) ^ entries(7, second)
      }
      for byte in bytes[whole...] { remainder = (remainder &>> 8) ^ entry(0, UInt64(remainder) ^ UInt64(byte)) }
    }
    self.remainder = remainder
  }

  /// Sixteen tables of 256: the remainder of each byte with as many zeros behind it as the table's number.
  private static func tables(_ polynomial: Polynomial) -> [UInt32] {
    var tables: [UInt32] = (0..<256).map { byte in
      var remainder = UInt32(byte)
      for _ in 0..<8 { remainder = (remainder & 1 == 0 ? 0 : polynomial.rawValue) ^ (remainder >> 1) }
      return remainder
    }
    for index in 256..<16 * 256 {
      let before = tables[index - 256]
      tables.append((before >> 8) ^ tables[Int(before & 255)])
    }
    return tables
  }
}
