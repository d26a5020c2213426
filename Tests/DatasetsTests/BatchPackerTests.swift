import Datasets
import Tensors
import Testing

struct BatchPackerTests {
  /// Random sequences that share beginnings: a few stems, continued or not.
  static func randomSequences(count: Int, maximumLength: Int, seed: UInt64) -> [MaskedSequence] {
    var random = Philox(seed: seed, stream: 0)
    var sequences: [MaskedSequence] = []
    for index in 0..<count {
      var ids: [Int32] = [1]
      if let stem = sequences.randomElement(using: &random), Bool.random(using: &random) {
        ids = Array(stem.ids.prefix(Int.random(in: 1...stem.ids.count, using: &random)))
      }
      let addedCount = Int.random(in: 0...max(0, maximumLength - ids.count), using: &random)
      for _ in 0..<addedCount { ids.append(Int32.random(in: 1...3, using: &random)) }
      var supervised: [Range<Int>] = []
      var start = Int.random(in: 1...ids.count, using: &random)
      while start < ids.count, !Bool.random(using: &random) {
        let end = Int.random(in: start + 1...ids.count, using: &random)
        supervised.append(start..<end)
        start = end + 1
      }
      sequences.append(MaskedSequence(ids: ids, supervised: supervised, origin: .init(source: 0, row: index + 1)))
    }
    return sequences
  }

  struct Learnt: Hashable {
    let sequence: Int
    let token: Int
    let id: Int32
  }

  /// Checks all promises about micro-batches and returns what is learnt in them.
  @discardableResult
  func check(_ packed: [PackedSequences], _ sequences: [MaskedSequence], rowLimit: Int, omits: Bool = false) throws -> [Learnt: Int] {
    var learnt: [Learnt: Int] = [:]
    var seen: Set<Int> = []
    for part in packed {
      let batch = part.batch
      #expect(batch.rowCount <= rowLimit || part.sequences.count == 1)
      // Parent row of each row, from the segments alone.
      var parents = [Int?](repeating: nil, count: batch.rowCount)
      let positions = batch.positions
      for (index, segment) in batch.segments.enumerated() {
        for row in segment.rows.dropFirst() { parents[row] = row - 1 }
        if case .segment(let parent) = segment.parent { parents[segment.rows.lowerBound] = batch.segments[parent].rows.upperBound - 1 }
        // Segments are as long as they can be: one that ends has no continuation or several.
        let continuations = batch.segments.filter { $0.parent == .segment(index) }.count
        #expect(continuations != 1)
      }
      for (sequence, rows) in zip(part.sequences, part.rows) {
        #expect(seen.insert(sequence).inserted)
        let length = omits ? (sequences[sequence].supervised.last?.upperBound ?? 1) - 1 : sequences[sequence].ids.count
        try #require(rows.count == length)
        // From the last token back to the root.
        var row: Int? = rows.last
        for token in stride(from: length - 1, through: 0, by: -1) {
          let here = try #require(row)
          #expect(here == rows[token])
          #expect(batch.tokens[here] == sequences[sequence].ids[token])
          #expect(positions[here] == token)
          row = parents[here]
        }
        #expect(row == nil)
      }
      #expect(batch.targets.count == part.targetPlaces.count)
      for (target, place) in zip(batch.targets, part.targetPlaces) {
        #expect(target.token == sequences[place.sequence].ids[place.token])
        let position = try #require(part.sequences.firstIndex(of: place.sequence))
        #expect(target.row == part.rows[position][place.token - 1])
        learnt[Learnt(sequence: place.sequence, token: place.token, id: target.token), default: 0] += 1
      }
    }
    #expect(seen == Set(sequences.indices.filter { !omits || !sequences[$0].supervised.isEmpty }))
    return learnt
  }

  func expected(_ sequences: [MaskedSequence]) -> [Learnt: Int] {
    var learnt: [Learnt: Int] = [:]
    for (index, sequence) in sequences.enumerated() {
      for token in sequence.supervised.joined() { learnt[Learnt(sequence: index, token: token, id: sequence.ids[token])] = 1 }
    }
    return learnt
  }

  @Test(arguments: 0..<60)
  func randomForests(seed: UInt64) throws {
    let sequences = Self.randomSequences(count: Int(seed % 23) + 1, maximumLength: 40, seed: seed)
    for rowLimit in [1, 17, 64, 200, 1 << 20] {
      let packed = BatchPacker(rowLimit: rowLimit).pack(sequences)
      #expect(try check(packed, sequences, rowLimit: rowLimit) == expected(sequences))
      let lean = BatchPacker(rowLimit: rowLimit, omitsUnusedRows: true).pack(sequences)
      #expect(try check(lean, sequences, rowLimit: rowLimit, omits: true) == expected(sequences))
    }
    // In one batch every distinct beginning is one row.
    let beginnings = Set(sequences.flatMap { sequence in sequence.ids.indices.map { Array(sequence.ids[...$0]) } })
    let one = BatchPacker(rowLimit: 1 << 20).pack(sequences)
    #expect(one.map(\.batch.rowCount) == [beginnings.count])
    let hashes = one[0].batch.rowHashes
    #expect(Set(hashes).count == hashes.count)
  }

  @Test func orderOfTheRowsDoesNotMatter() {
    let sequences = Self.randomSequences(count: 20, maximumLength: 30, seed: 7)
    let a = BatchPacker(rowLimit: 100).pack(sequences)
    let b = BatchPacker(rowLimit: 100).pack(sequences.reversed())
    #expect(a.map(\.batch.tokens) == b.map(\.batch.tokens))
    #expect(a.map(\.batch.segments) == b.map(\.batch.segments))
  }

  @Test func nothing() { #expect(BatchPacker(rowLimit: 10).pack([]).isEmpty) }

  @Test func equalSequencesShareAllRowsAndKeepTheirTargets() throws {
    let sequence = MaskedSequence(ids: [1, 5, 6, 2], supervised: [2..<4])
    let packed = BatchPacker(rowLimit: 10).pack([sequence, sequence, sequence])
    #expect(packed.count == 1)
    #expect(packed[0].batch.tokens == [1, 5, 6, 2])
    #expect(packed[0].batch.segments.count == 1)
    #expect(packed[0].batch.targets.map(\.row) == [1, 1, 1, 2, 2, 2])
    #expect(packed[0].tokenCount == 12)
  }

  @Test func aBeginningOfAnother() throws {
    let short = MaskedSequence(ids: [1, 5, 6], supervised: [1..<3])
    let long = MaskedSequence(ids: [1, 5, 6, 7, 8], supervised: [3..<5])
    let packed = BatchPacker(rowLimit: 10).pack([long, short])
    #expect(packed[0].batch.tokens == [1, 5, 6, 7, 8])
    #expect(packed[0].batch.segments == [PackedBatch.Segment(rows: 0..<5, parent: .none, position: 0)])
    #expect(packed[0].batch.targets == [(0, 5), (1, 6), (2, 7), (3, 8)].map { PackedBatch.Target(row: $0.0, token: $0.1) })
  }

  @Test func aRowWithSeveralTargets() throws {
    let sequences = [7, 9, 8].map { MaskedSequence(ids: [1, 5, $0, 2], supervised: [2..<4]) }
    let batch = BatchPacker(rowLimit: 10).pack(sequences)[0].batch
    #expect(batch.tokens == [1, 5, 7, 2, 8, 2, 9, 2])
    #expect(batch.segments.map(\.rows) == [0..<2, 2..<4, 4..<6, 6..<8])
    #expect(batch.segments.dropFirst().allSatisfy { $0.parent == .segment(0) && $0.position == 2 })
    #expect(batch.targets.filter { $0.row == 1 }.map(\.token) == [7, 9, 8])
  }

  @Test func oneLongerThanTheLimitRunsAlone() throws {
    let long = MaskedSequence(ids: Array(1...30), supervised: [20..<30])
    let short = MaskedSequence(ids: [1, 2, 3, 40], supervised: [1..<4])
    let packed = BatchPacker(rowLimit: 10).pack([short, long, short])
    #expect(packed.map(\.sequences) == [[1], [0, 2]])
    #expect(packed.map(\.batch.rowCount) == [30, 4])
  }

  @Test func partsAreBalanced() {
    let sequences = (1...12).map { MaskedSequence(ids: [Int32](repeating: $0, count: 10), supervised: []) }
    // 120 rows in parts of at most 50: three of 40, not 50, 50 and 20.
    #expect(BatchPacker(rowLimit: 50).pack(sequences).map(\.batch.rowCount) == [40, 40, 40])
  }
}
