/// MD5 (RFC 1321), fed piece by piece: the checksum that Meta publishes in `checklist.chk`. It tells damage, not forgery.
public struct MD5 {
  private var state: (UInt32, UInt32, UInt32, UInt32) = (0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476)
  private var blocks = DigestBlocks()

  /// `⌊2³² · |sin(i + 1)|⌋`
  private static let constants: [UInt32] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
  ]

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    // Taken out while the blocks change the state.
    var blocks = blocks
    self.blocks = DigestBlocks()
    blocks.add(bytes) { compress($0) }
    self.blocks = blocks
  }

  /// The digest of everything so far as 32 hexadecimal digits. More may follow: this is a copy's end.
  public func hexDigest() -> String {
    var copy = self
    blocks.padding(isBigEndian: false).withUnsafeBytes { copy.update($0) }
    return hexadecimal([copy.state.0, copy.state.1, copy.state.2, copy.state.3].map(\.byteSwapped))
  }

  /// Runs the compression function over whole blocks of 64 bytes.
  private mutating func compress(_ bytes: UnsafeRawBufferPointer) {
    var (a, b, c, d) = state
    MD5.constants.withUnsafeBufferPointer { constants in
      for block in stride(from: 0, to: bytes.count, by: 64) {
        let before = (a, b, c, d)
        // Four steps at a time, so that a, b, c and d change places without moving.
        func word(_ index: Int) -> UInt32 {
          UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: block &+ 4 &* (index & 15), as: UInt32.self))
        }
        for i in stride(from: 0, to: 16, by: 4) {
          a = step(a, b, d ^ (b & (c ^ d)), word(i), constants[i], 7)
          d = step(d, a, c ^ (a & (b ^ c)), word(i &+ 1), constants[i &+ 1], 12)
          c = step(c, d, b ^ (d & (a ^ b)), word(i &+ 2), constants[i &+ 2], 17)
          b = step(b, c, a ^ (c & (d ^ a)), word(i &+ 3), constants[i &+ 3], 22)
        }
        for i in stride(from: 16, to: 32, by: 4) {
          a = step(a, b, c ^ (d & (b ^ c)), word(5 &* i &+ 1), constants[i], 5)
          d = step(d, a, b ^ (c & (a ^ b)), word(5 &* i &+ 6), constants[i &+ 1], 9)
          c = step(c, d, a ^ (b & (d ^ a)), word(5 &* i &+ 11), constants[i &+ 2], 14)
          b = step(b, c, d ^ (a & (c ^ d)), word(5 &* i &+ 16), constants[i &+ 3], 20)
        }
        for i in stride(from: 32, to: 48, by: 4) {
          a = step(a, b, b ^ c ^ d, word(3 &* i &+ 5), constants[i], 4)
          d = step(d, a, a ^ b ^ c, word(3 &* i &+ 8), constants[i &+ 1], 11)
          c = step(c, d, d ^ a ^ b, word(3 &* i &+ 11), constants[i &+ 2], 16)
          b = step(b, c, c ^ d ^ a, word(3 &* i &+ 14), constants[i &+ 3], 23)
        }
        for i in stride(from: 48, to: 64, by: 4) {
          a = step(a, b, c ^ (b | ~d), word(7 &* i), constants[i], 6)
          d = step(d, a, b ^ (a | ~c), word(7 &* i &+ 7), constants[i &+ 1], 10)
          c = step(c, d, a ^ (d | ~b), word(7 &* i &+ 14), constants[i &+ 2], 15)
          b = step(b, c, d ^ (c | ~a), word(7 &* i &+ 21), constants[i &+ 3], 21)
        }
        (a, b, c, d) = (a &+ before.0, b &+ before.1, c &+ before.2, d &+ before.3)
      }
    }
    state = (a, b, c, d)
  }
}

@inline(__always)
private func step(_ a: UInt32, _ b: UInt32, _ mix: UInt32, _ word: UInt32, _ constant: UInt32, _ count: UInt32) -> UInt32 {
  let sum = a &+ mix &+ word &+ constant
  return b &+ (sum &<< count | sum &>> (32 &- count))
}
