/// Which two neighbouring characters some merge can bring into one piece.
///
/// Merges make only pieces of the vocabulary. Where no piece that a merge makes holds two characters side by side, nothing is ever joined
/// across the place between them, and a text may be cut there without changing its ids.
struct JoinTable: Sendable {
  /// Pairs of ASCII characters, a bit each.
  private var ascii = [UInt64](repeating: 0, count: 128 * 2)
  private var others: [UInt64]
  private var count = 0
  private let hash = ByteHash()

  private static let empty = UInt64.max

  init() { others = [UInt64](repeating: JoinTable.empty, count: 1 << 10) }

  /// Adds the pairs of a piece that a merge makes.
  ///
  /// - Precondition: valid UTF-8.
  mutating func insert(_ piece: UnsafeBufferPointer<UInt8>) {
    guard !piece.isEmpty else { return }
    var (left, index) = scalarValue(in: piece, at: 0)
    while index < piece.count {
      let (right, end) = scalarValue(in: piece, at: index)
      insert(left, right)
      (left, index) = (right, end)
    }
  }

  @inline(__always) func joins(_ left: UInt32, _ right: UInt32) -> Bool {
    if left | right < 0x80 { return ascii[Int(left << 1 | right >> 6)] >> UInt64(right & 63) & 1 == 1 }
    let key = UInt64(left) << 32 | UInt64(right)
    return others[slot(of: key)] == key
  }

  private mutating func insert(_ left: UInt32, _ right: UInt32) {
    if left | right < 0x80 {
      ascii[Int(left << 1 | right >> 6)] |= 1 << UInt64(right & 63)
      return
    }
    let key = UInt64(left) << 32 | UInt64(right)
    let slot = slot(of: key)
    guard others[slot] != key else { return }
    others[slot] = key
    count += 1
    guard count * 2 > others.count else { return }
    let old = others
    others = [UInt64](repeating: JoinTable.empty, count: old.count * 2)
    for key in old where key != JoinTable.empty { others[self.slot(of: key)] = key }
  }

  @inline(__always) private func slot(of key: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash(key)) & (others.count - 1)
    while others[slot] != JoinTable.empty, others[slot] != key { slot = (slot + 1) & (others.count - 1) }
    return slot
  }
}
