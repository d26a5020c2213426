/// Pairs of neighbouring symbols in the order in which they are merged: by rank, then by position. What is no longer there is the
/// caller's to recognise.
///
/// Few pairs are kept in a heap. Many are kept in lists by rank, since a heap of millions misses the processor's caches at every level;
/// then the heap takes only what comes up out of turn.
struct PairQueue: Sendable {
  struct Pair {
    let rank: Int32
    let position: Int32
  }

  /// Rank and position, the least first.
  private var heap: [UInt64] = []

  /// The rank at hand; nothing in the lists has it or a lower one.
  private var rank = Int32.max
  /// Positions of this rank, ascending, from `index` on.
  private var positions: [Int32] = []
  private var index = 0
  /// The last entry of each rank's list, -1 for none, and for each entry the one before it.
  private var last: [Int32] = []
  private var entries: [(position: Int32, before: Int32)] = []
  private var freeEntry: Int32 = -1

  /// An empty queue, for ranks up to `maximumRank` in lists, or without lists if that is nil.
  init(maximumRank: Int32? = nil, capacity: Int = 0) {
    guard let maximumRank else { return }
    rank = -1
    last = [Int32](repeating: -1, count: Int(maximumRank) + 1)
    entries.reserveCapacity(capacity)
  }

  @inline(__always) mutating func insert(_ rank: Int32, _ position: Int32) {
    if rank <= self.rank {
      heap.append(PairQueue.key(rank, position))
      rise(heap.count - 1)
      return
    }
    let before = last[Int(rank)]
    if freeEntry >= 0 {
      let entry = freeEntry
      freeEntry = entries[Int(entry)].before
      entries[Int(entry)] = (position, before)
      last[Int(rank)] = entry
    } else {
      last[Int(rank)] = Int32(entries.count)
      entries.append((position, before))
    }
  }

  @inline(__always) mutating func removeFirst() -> Pair? {
    while true {
      let listed = index < positions.count ? PairQueue.key(rank, positions[index]) : .max
      if let first = heap.first, first <= listed {
        removeTop()
        return Pair(rank: Int32(truncatingIfNeeded: first >> 32), position: Int32(truncatingIfNeeded: first))
      }
      if index < positions.count {
        index += 1
        return Pair(rank: rank, position: positions[index - 1])
      }
      guard takeNextList() else { return nil }
    }
  }

  /// The positions of the next rank that has any, in order.
  private mutating func takeNextList() -> Bool {
    guard !last.isEmpty else { return false }
    positions.removeAll(keepingCapacity: true)
    index = 0
    while Int(rank) + 1 < last.count {
      rank += 1
      var entry = last[Int(rank)]
      guard entry >= 0 else { continue }
      last[Int(rank)] = -1
      while entry >= 0 {
        let (position, before) = entries[Int(entry)]
        positions.append(position)
        entries[Int(entry)].before = freeEntry
        freeEntry = entry
        entry = before
      }
      positions.reverse()
      // Mostly they came in order.
      var isSorted = true
      for index in 1..<max(1, positions.count) where positions[index] < positions[index - 1] {
        isSorted = false
        break
      }
      if !isSorted { positions.sort() }
      return true
    }
    return false
  }

  // MARK: - The heap

  private static func key(_ rank: Int32, _ position: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: rank)) << 32 | UInt64(UInt32(bitPattern: position))
  }

  private mutating func removeTop() {
    let last = heap.removeLast()
    guard !heap.isEmpty else { return }
    heap.withUnsafeMutableBufferPointer { heap in
      var index = 0
      while true {
        var child = 2 * index + 1
        guard child < heap.count else { break }
        if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
        guard heap[child] < last else { break }
        heap[index] = heap[child]
        index = child
      }
      heap[index] = last
    }
  }

  private mutating func rise(_ start: Int) {
    heap.withUnsafeMutableBufferPointer { heap in
      var index = start
      let key = heap[index]
      while index > 0, key < heap[(index - 1) / 2] {
        heap[index] = heap[(index - 1) / 2]
        index = (index - 1) / 2
      }
      heap[index] = key
    }
  }
}
