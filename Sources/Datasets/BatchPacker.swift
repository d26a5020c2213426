import Tensors

/// A micro-batch together with where each of its sequences went.
public struct PackedSequences: Sendable {
  /// A sequence of those that were given to the packer, and a token of it.
  public struct Place: Sendable, Equatable {
    public let sequence: Int
    public let token: Int
  }

  public let batch: PackedBatch
  /// Indices of the sequences in this micro-batch, in the order of their first own rows.
  public let sequences: [Int]
  /// Row of each token, one list per entry of `sequences`.
  public let rows: [[Int]]
  /// What each target of the batch is.
  public let targetPlaces: [Place]
  /// Tokens of the sequences, each counted; `batch.rowCount` is what is left after sharing.
  public var tokenCount: Int { rows.reduce(0) { $0 + $1.count } }
}

/// Packs sequences into micro-batches of segments that share common beginnings.
///
/// Sequences are sorted, so that common beginnings are neighbours, and cut into consecutive parts of at most `rowLimit` rows: as few as
/// possible, then as equal as possible. Within a part the sequences' prefix tree is laid out depth first. A sequence is never split; one
/// longer than the limit runs alone.
public struct BatchPacker: Sendable {
  /// Rows of a micro-batch (`training.micro_batch_tokens`).
  public let rowLimit: Int
  /// Of all segments; see `PackedBatch.Segment`.
  public let adapterSet: Int
  /// Leave out rows behind a sequence's last target, which no target depends on: the end of sequence and what has nothing to learn.
  public let omitsUnusedRows: Bool

  /// - Precondition: `rowLimit` is positive.
  public init(rowLimit: Int, adapterSet: Int = 1, omitsUnusedRows: Bool = false) {
    precondition(rowLimit > 0, "a micro-batch needs rows")
    self.rowLimit = rowLimit
    self.adapterSet = adapterSet
    self.omitsUnusedRows = omitsUnusedRows
  }

  /// The micro-batches of `sequences`. Every supervised token is a target once; sequences without rows are in no micro-batch.
  public func pack(_ sequences: [MaskedSequence]) -> [PackedSequences] {
    let lengths = sequences.map { rowCount($0) }
    let order = sequences.indices.filter { lengths[$0] > 0 }.sorted { a, b in
      BatchPacker.precedes(sequences[a].ids[..<lengths[a]], sequences[b].ids[..<lengths[b]]) ?? (a < b)
    }
    var parts = order.filter { lengths[$0] > rowLimit }.map { [$0] }
    let rest = order.filter { lengths[$0] <= rowLimit }
    parts += balanced(rest, own: BatchPacker.sharedCounts(rest, sequences, lengths), lengths)
    return parts.map { layOut($0, sequences, lengths) }
  }

  /// How many rows a sequence asks for, before sharing.
  private func rowCount(_ sequence: MaskedSequence) -> Int {
    guard omitsUnusedRows else { return sequence.ids.count }
    // The last target is predicted by the row before it.
    return sequence.supervised.last.map { $0.upperBound - 1 } ?? 0
  }

  /// Lexicographic order, a beginning before what continues it; nil for equal ids.
  private static func precedes(_ a: ArraySlice<Int32>, _ b: ArraySlice<Int32>) -> Bool? {
    for (x, y) in zip(a, b) where x != y { return x < y }
    return a.count == b.count ? nil : a.count < b.count
  }

  /// Tokens that each sequence has in common with the one before it.
  private static func sharedCounts(_ order: [Int], _ sequences: [MaskedSequence], _ lengths: [Int]) -> [Int] {
    order.indices.map { place in
      guard place > 0 else { return 0 }
      let (a, b) = (order[place - 1], order[place])
      return zip(sequences[a].ids.prefix(lengths[a]), sequences[b].ids.prefix(lengths[b])).prefix { $0 == $1 }.count
    }
  }

  // MARK: - Parts

  /// Consecutive parts with at most `rowLimit` rows each: the fewest, and among those with the smallest largest part.
  private func balanced(_ order: [Int], own shared: [Int], _ lengths: [Int]) -> [[Int]] {
    guard let longest = order.map({ lengths[$0] }).max() else { return [] }
    func parts(atMost limit: Int) -> [[Int]] {
      var parts: [[Int]] = []
      var rows = 0
      for (place, sequence) in order.enumerated() {
        let added = lengths[sequence] - shared[place]
        if !parts.isEmpty, rows + added <= limit {
          parts[parts.count - 1].append(sequence)
          rows += added
        } else {
          // Whoever begins a part computes its own beginning.
          parts.append([sequence])
          rows = lengths[sequence]
        }
      }
      return parts
    }
    let fewest = parts(atMost: rowLimit).count
    var (low, high) = (longest, rowLimit)
    while low < high {
      let middle = low + (high - low) / 2
      if parts(atMost: middle).count <= fewest { high = middle } else { low = middle + 1 }
    }
    return parts(atMost: low)
  }

  // MARK: - Layout

  /// Rows that one sequence added, consecutive in the batch.
  private struct Run {
    let firstRow: Int
    let firstPosition: Int
    /// The row they continue; nil for a root.
    let parentRow: Int?
  }

  private func layOut(_ members: [Int], _ sequences: [MaskedSequence], _ lengths: [Int]) -> PackedSequences {
    let shared = BatchPacker.sharedCounts(members, sequences, lengths)
    var tokens: [Int32] = []
    var runs: [Run] = []
    var rows: [[Int]] = []
    // Rows from the root to the last token that was laid out.
    var path: [Int] = []
    for (place, member) in members.enumerated() {
      path.removeLast(path.count - shared[place])
      // A sequence that only continues the one before it adds to its run: the last row laid out is the end of that sequence.
      let continues = path.last == tokens.count - 1 && !path.isEmpty
      if lengths[member] > path.count, !continues {
        runs.append(Run(firstRow: tokens.count, firstPosition: path.count, parentRow: path.last))
      }
      for token in sequences[member].ids[path.count..<lengths[member]] {
        path.append(tokens.count)
        tokens.append(token)
      }
      rows.append(path)
    }
    let (targets, places) = targets(members, rows, sequences)
    return PackedSequences(
      batch: PackedBatch(tokens: tokens, segments: segments(runs, rowCount: tokens.count), targets: targets),
      sequences: members, rows: rows, targetPlaces: places)
  }

  /// Runs cut where others branch off: a segment's continuations begin after its last row.
  private func segments(_ runs: [Run], rowCount: Int) -> [PackedBatch.Segment] {
    var isFirst = [Bool](repeating: false, count: rowCount + 1)
    for run in runs {
      isFirst[run.firstRow] = true
      if let parentRow = run.parentRow { isFirst[parentRow + 1] = true }
    }
    var segments: [PackedBatch.Segment] = []
    // Of each row.
    var segmentIndex = [Int](repeating: 0, count: rowCount)
    for (index, run) in runs.enumerated() {
      let end = index + 1 < runs.count ? runs[index + 1].firstRow : rowCount
      var first = run.firstRow
      while first < end {
        var last = first + 1
        while last < end, !isFirst[last] { last += 1 }
        let parentRow = first == run.firstRow ? run.parentRow : first - 1
        segments.append(
          PackedBatch.Segment(
            rows: first..<last, parent: parentRow.map { .segment(segmentIndex[$0]) } ?? .none,
            position: run.firstPosition + first - run.firstRow, adapterSet: adapterSet))
        for row in first..<last { segmentIndex[row] = segments.count - 1 }
        first = last
      }
    }
    return segments
  }

  private func targets(
    _ members: [Int], _ rows: [[Int]], _ sequences: [MaskedSequence]
  ) -> ([PackedBatch.Target], [PackedSequences.Place]) {
    var all: [(target: PackedBatch.Target, place: PackedSequences.Place)] = []
    for (member, rows) in zip(members, rows) {
      for range in sequences[member].supervised {
        for index in range {
          let target = PackedBatch.Target(row: rows[index - 1], token: sequences[member].ids[index])
          all.append((target, PackedSequences.Place(sequence: member, token: index)))
        }
      }
    }
    all.sort { a, b in
      (a.target.row, a.place.sequence) < (b.target.row, b.place.sequence)
    }
    return (all.map(\.target), all.map(\.place))
  }
}
