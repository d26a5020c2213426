import Tensors

/// Which rows an epoch visits, and in what order: a pure function of the seed and the epoch, so that a resumed run goes on as if it had
/// never stopped.
struct EpochOrder: Sendable {
  struct Source: Sendable {
    /// Row indices over all files.
    let rows: [Int32]
    /// Copies per epoch.
    let weight: Double

    var wholeCopies: Int { Int(weight.rounded(.down)) }
    /// Rows that the fraction of a weight adds.
    var drawnCount: Int { Int(((weight - weight.rounded(.down)) * Double(rows.count)).rounded()) }
    var countPerEpoch: Int { wholeCopies * rows.count + drawnCount }
  }

  let sources: [Source]
  let seed: UInt64
  let shuffles: Bool

  var countPerEpoch: Int { sources.reduce(0) { $0 + $1.countPerEpoch } }

  func rows(epoch: Int) -> [Int32] {
    var rows: [Int32] = []
    rows.reserveCapacity(countPerEpoch)
    for (index, source) in sources.enumerated() {
      for _ in 0..<source.wholeCopies { rows += source.rows }
      rows += drawn(source, index, epoch: epoch)
    }
    if shuffles { EpochOrder.shuffle(&rows, seed: seed, stream: RandomStream.shuffle + UInt64(epoch)) }
    return rows
  }

  /// The fraction's rows in the order of the file. Successive epochs take successive parts of one permutation, so that every row has its
  /// turn before one comes again.
  private func drawn(_ source: Source, _ index: Int, epoch: Int) -> [Int32] {
    let count = source.drawnCount
    guard count > 0 else { return [] }
    let permutation = EpochOrder.permutation(of: source.rows.count, seed: seed, stream: RandomStream.mixing + UInt64(index))
    let start = epoch * count
    return (start..<start + count).map { permutation[$0 % permutation.count] }.sorted().map { source.rows[Int($0)] }
  }

  /// `count` numbers drawn from 0 ..< total without repetition, in rising order.
  static func sample(_ count: Int, of total: Int, seed: UInt64, stream: UInt64) -> [Int32] {
    permutation(of: total, seed: seed, stream: stream).prefix(count).sorted()
  }

  private static func permutation(of count: Int, seed: UInt64, stream: UInt64) -> [Int32] {
    var permutation = Array(0..<Int32(count))
    shuffle(&permutation, seed: seed, stream: stream)
    return permutation
  }

  /// Fisher-Yates. Written out because the standard library does not promise to keep its own the same.
  private static func shuffle(_ elements: inout [Int32], seed: UInt64, stream: UInt64) {
    var random = Philox(seed: seed, stream: stream)
    for index in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(index, below(UInt64(index + 1), &random))
    }
  }

  /// Uniform in 0 ..< bound: the high half of a product, with the few products that would favour small numbers thrown away
  /// (Lemire, "Fast random integer generation in an interval", 2019).
  private static func below(_ bound: UInt64, _ random: inout Philox) -> Int {
    while true {
      let product = random.next().multipliedFullWidth(by: bound)
      if product.low >= (0 &- bound) % bound { return Int(product.high) }
    }
  }
}
