/// Joins the symbols of one word as byte-pair models do: the earliest merge first, of equals the leftmost, until none applies.
///
/// It owns the memory that this takes, so that most words allocate nothing.
struct SymbolMerger: Sendable {
  /// Up to here, looking at all pairs for the earliest costs less than a heap of them.
  private static let smallCount = 40
  /// Up to here a heap costs less than lists by rank.
  private static let mediumCount = 8_192
  private static let none = Int32.max

  /// A symbol among many, with the rank of the pair that it begins.
  private struct Link {
    var symbol: Int32
    var rank: Int32
    var next: Int32
    var previous: Int32
  }

  private var ranks: [Int32] = []
  private var links: [Link] = []

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
    let isLong = count > SymbolMerger.mediumCount
    var queue = isLong ? PairQueue(maximumRank: merges.maximumRank, capacity: count) : PairQueue()
    links.removeAll(keepingCapacity: true)
    links.reserveCapacity(count)
    for index in 0..<count {
      let symbol = symbols[start + index]
      let merge = index + 1 < count ? merges.merge(symbol, symbols[start + index + 1]) : nil
      links.append(Link(symbol: symbol, rank: merge?.rank ?? SymbolMerger.none, next: Int32(index + 1), previous: Int32(index - 1)))
      if let merge { queue.insert(merge.rank, Int32(index)) }
    }
    links.withUnsafeMutableBufferPointer { links in
      while let pair = queue.removeFirst() {
        let position = Int(pair.position)
        let right = Int(links[position].next)
        // Pairs that have changed since are recognised by their rank.
        guard links[position].rank == pair.rank, right < count,
          let merge = merges.merge(links[position].symbol, links[right].symbol)
        else { continue }
        let after = Int(links[right].next)
        links[right].symbol = -1
        links[right].rank = SymbolMerger.none
        if after < count { links[after].previous = pair.position }
        let following = after < count ? merges.merge(merge.id, links[after].symbol) : nil
        let before = Int(links[position].previous)
        links[position] = Link(
          symbol: merge.id, rank: following?.rank ?? SymbolMerger.none, next: Int32(after), previous: Int32(before))
        if let following { queue.insert(following.rank, pair.position) }
        guard before >= 0 else { continue }
        let preceding = merges.merge(links[before].symbol, merge.id)
        links[before].rank = preceding?.rank ?? SymbolMerger.none
        if let preceding { queue.insert(preceding.rank, Int32(before)) }
      }
    }
    symbols.removeLast(count)
    for link in links where link.symbol >= 0 { symbols.append(link.symbol) }
    if isLong { self = SymbolMerger() }
  }
}
