/// Cuts what a digest is fed into its blocks of 64 bytes, and knows how its message ends (MD5 and SHA-256 differ in byte order only).
struct DigestBlocks {
  /// Bytes of an unfinished block.
  private var pending: [UInt8] = []
  private var byteCount: UInt64 = 0

  /// Passes on whole blocks, one or many at a time.
  mutating func add(_ bytes: UnsafeRawBufferPointer, compress: (UnsafeRawBufferPointer) -> Void) {
    byteCount += UInt64(bytes.count)
    var rest = bytes[...]
    if !pending.isEmpty {
      let missing = rest.prefix(64 - pending.count)
      pending.append(contentsOf: missing)
      rest = rest.dropFirst(missing.count)
      guard pending.count == 64 else { return }
      pending.withUnsafeBytes(compress)
      pending.removeAll(keepingCapacity: true)
    }
    let whole = rest.count / 64 * 64
    if whole > 0 { compress(UnsafeRawBufferPointer(rebasing: rest.prefix(whole))) }
    pending.append(contentsOf: rest.dropFirst(whole))
  }

  /// A one, zeros, and the number of bits: what fills the last block.
  func padding(isBigEndian: Bool) -> [UInt8] {
    let zeros = [UInt8](repeating: 0, count: (pending.count < 56 ? 55 : 119) - pending.count)
    let bitCount = byteCount &* 8
    return [0x80] + zeros + withUnsafeBytes(of: isBigEndian ? bitCount.bigEndian : bitCount.littleEndian) { Array($0) }
  }
}

/// Words as hexadecimal digits, the highest first.
func hexadecimal(_ words: some Sequence<UInt32>) -> String {
  words.map { word in
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }.joined()
}
