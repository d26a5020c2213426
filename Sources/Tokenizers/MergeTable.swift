/// The merges of a byte-pair model: which two neighbouring pieces become which one, and how early.
struct MergeTable: Sendable {
  struct Merge: Sendable, Equatable {
    /// The lowest is done first.
    let rank: Int32
    let id: Int32
  }

  private struct Slot {
    var left: Int32 = -1
    var right: Int32 = -1
    var merge = Merge(rank: 0, id: 0)
  }

  private var slots: [Slot]
  private(set) var count = 0
  private(set) var maximumRank: Int32 = 0
  private let hash = ByteHash()

  init(minimumCapacity: Int = 0) {
    var slotCount = 16
    while slotCount < minimumCapacity * 2 { slotCount *= 2 }
    slots = [Slot](repeating: Slot(), count: slotCount)
  }

  @inline(__always) func merge(_ left: Int32, _ right: Int32) -> Merge? {
    let slot = slots[slot(of: left, right)]
    return slot.left < 0 ? nil : slot.merge
  }

  /// Of a pair that is given twice, the last holds.
  mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
    let slot = slot(of: left, right)
    if slots[slot].left < 0 { count += 1 }
    maximumRank = max(maximumRank, merge.rank)
    slots[slot] = Slot(left: left, right: right, merge: merge)
    guard count * 2 > slots.count else { return }
    let old = slots
    slots = [Slot](repeating: Slot(), count: old.count * 2)
    for entry in old where entry.left >= 0 { slots[self.slot(of: entry.left, entry.right)] = entry }
  }

  @inline(__always) private func slot(of left: Int32, _ right: Int32) -> Int {
    let key = UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    var slot = Int(truncatingIfNeeded: hash(key)) & (slots.count - 1)
    while slots[slot].left >= 0, slots[slot].left != left || slots[slot].right != right { slot = (slot + 1) & (slots.count - 1) }
    return slot
  }
}

extension MergeTable {
  /// Merges of a vocabulary in which any two neighbours become one piece where their joined bytes are one, and `rank` says how early:
  /// tiktoken's and SentencePiece's rule. Nil as a rank keeps a piece out.
  init(of pieces: PieceTable, rank: (Int32) -> Int32?) {
    self.init(minimumCapacity: pieces.count * 2)
    for id in 0..<Int32(pieces.count) {
      guard let rank = rank(id) else { continue }
      pieces[id].withUnsafeBufferPointer { piece in
        guard piece.count > 1, piece.count <= MergeTable.maximumPieceByteCount else { return }
        for middle in 1..<piece.count {
          guard let left = pieces.id(of: UnsafeBufferPointer(rebasing: piece[..<middle])),
            let right = pieces.id(of: UnsafeBufferPointer(rebasing: piece[middle...]))
          else { continue }
          insert(left, right, Merge(rank: rank, id: id))
        }
      }
    }
  }

  /// Splitting a piece everywhere takes time that grows with the square of its length.
  static let maximumPieceByteCount = 1_024
}
