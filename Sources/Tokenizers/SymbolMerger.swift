/// Joins the symbols of one word as byte-pair models do: the earliest merge first, of equals the leftmost, until none applies.
///
/// It owns the memory that this takes, so that most words allocate nothing.
struct SymbolMerger: Sendable {
  /// Up to here, looking at all pairs for the earliest costs less than a heap of them.
  private static let smallCount = 40
  private static let none = Int32.max

  private var ranks: [Int32] = []
  private var next: [Int32] = []
  private var previous: [Int32] = []
  /// Rank and position of pairs, the least first. What has changed since is recognised by its rank.
  private var heap: [UInt64] = []

  /// Merges `symbols[start...]` in place.
  ///
  /// - Precondition: at most Int32.max symbols.
  mutating func merge(_ symbols: inout [Int32], from start: Int, by merges: MergeTable) {
    let count = symbols.count - start
    guard count > 1 else { return }
    if count <= SymbolMerger.smallCount {
      mergeFew(&symbols, start, merges)
    } else {
      mergeMany(&symbols, start, merges)
    }
  }

  private mutating func mergeFew(_ symbols: inout [Int32], _ start: Int, _ merges: MergeTable) {
    if ranks.count < SymbolMerger.smallCount { ranks = [Int32](repeating: SymbolMerger.none, count: SymbolMerger.smallCount) }
    var count = symbols.count - start
    symbols.withUnsafeMutableBufferPointer { all in
      ranks.withUnsafeMutableBufferPointer { ranks in
        let symbols = UnsafeMutableBufferPointer(rebasing: all[start...])
        for index in 0..<count - 1 { ranks[index] = merges.merge(symbols[index], symbols[index + 1])?.rank ?? SymbolMerger.none }
        while count > 1 {
          var best = 0
          for index in 1..<max(1, count - 1) where ranks[index] < ranks[best] { best = index }
          guard ranks[best] != SymbolMerger.none, let merge = merges.merge(symbols[best], symbols[best + 1]) else { return }
          symbols[best] = merge.id
          count -= 1
          for index in best + 1..<max(best + 1, count) {
            symbols[index] = symbols[index + 1]
            ranks[index - 1] = ranks[index]
          }
          if best + 1 < count { ranks[best] = merges.merge(merge.id, symbols[best + 1])?.rank ?? SymbolMerger.none }
          if best > 0 { ranks[best - 1] = merges.merge(symbols[best - 1], merge.id)?.rank ?? SymbolMerger.none }
        }
      }
    }
    symbols.removeLast(symbols.count - start - count)
  }

  private mutating func mergeMany(_ symbols: inout [Int32], _ start: Int, _ merges: MergeTable) {
    let count = symbols.count - start
    ranks = [Int32](repeating: SymbolMerger.none, count: count)
    next = (1...Int32(count)).map { $0 }
    previous = (-1..<Int32(count) - 1).map { $0 }
    heap.removeAll(keepingCapacity: true)
    heap.reserveCapacity(count)
    for index in 0..<count - 1 {
      guard let merge = merges.merge(symbols[start + index], symbols[start + index + 1]) else { continue }
      ranks[index] = merge.rank
      heap.append(SymbolMerger.key(merge.rank, Int32(index)))
    }
    for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(index) }

    while let key = heap.first {
      let position = Int(key & 0xFFFF_FFFF)
      let rank = Int32(truncatingIfNeeded: key >> 32)
      let right = Int(next[position])
      guard ranks[position] == rank, right < count, let merge = merges.merge(symbols[start + position], symbols[start + right]) else {
        removeFirst()
        continue
      }
      symbols[start + position] = merge.id
      symbols[start + right] = -1
      ranks[right] = SymbolMerger.none
      let after = Int(next[right])
      next[position] = Int32(after)
      if after < count { previous[after] = Int32(position) }
      // The place at the top is taken by the pair that begins here now, if there is one.
      if let merge = after < count ? merges.merge(merge.id, symbols[start + after]) : nil {
        ranks[position] = merge.rank
        heap[0] = SymbolMerger.key(merge.rank, Int32(position))
        sink(0)
      } else {
        ranks[position] = SymbolMerger.none
        removeFirst()
      }
      let before = Int(previous[position])
      guard before >= 0 else { continue }
      if let merge = merges.merge(symbols[start + before], merge.id) {
        ranks[before] = merge.rank
        heap.append(SymbolMerger.key(merge.rank, Int32(before)))
        rise(heap.count - 1)
      } else {
        ranks[before] = SymbolMerger.none
      }
    }
    var kept = start
    for index in start..<symbols.count where symbols[index] >= 0 {
      symbols[kept] = symbols[index]
      kept += 1
    }
    symbols.removeLast(symbols.count - kept)
    if count > 1 << 16 { self = SymbolMerger() }
  }

  private static func key(_ rank: Int32, _ position: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: rank)) << 32 | UInt64(UInt32(bitPattern: position))
  }

  // MARK: - The heap

  private mutating func removeFirst() {
    let last = heap.removeLast()
    guard !heap.isEmpty else { return }
    heap[0] = last
    sink(0)
  }

  private mutating func sink(_ start: Int) {
    heap.withUnsafeMutableBufferPointer { heap in
      var index = start
      let key = heap[index]
      while true {
        var child = 2 * index + 1
        guard child < heap.count else { break }
        if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
        guard heap[child] < key else { break }
        heap[index] = heap[child]
        index = child
      }
      heap[index] = key
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
