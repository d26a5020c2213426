/// In which order sequences are computed, and which beginnings are kept for several batches.
///
/// The sequences, sorted, are the leaves of their prefix tree. What fits into one batch is shared there (`BatchPacker`). A beginning that more
/// sequences share than fit is computed once and stays resident while they are; within it, there may be longer ones for some of them (the
/// preamble of a task, a subject's worked examples, a long question with its choices). At any time the residents are one path of the tree.
package struct PrefixPlan {
  package enum Step: Equatable {
    /// Rows `rows` of a sequence become resident, behind what was kept before `rows.lowerBound`; what was kept from there on is forgotten.
    case keep(sequence: Int, rows: Range<Int>)
    /// Computes sequences whose first `resident` rows are resident: one batch.
    case score(sequences: [Int], resident: Int)
  }

  package private(set) var steps: [Step] = []
  /// That go through the network.
  package private(set) var rowCount = 0
  /// Most rows that are resident at a time.
  package private(set) var residentCount = 0

  /// A shorter beginning is rather computed again than kept.
  package static let fewestKept = 64

  private let sequences: [ScoredSequence]
  /// The sequences in lexicographic order.
  private let order: [Int]
  /// Rows that each, in that order, has in common with the one before it.
  private let shared: [Int]
  /// Rows of all up to each, shared ones once.
  private let sums: [Int]
  private let rowLimit: Int

  /// - Parameters:
  ///   - rowLimit: rows of a batch; a sequence that has more is a batch of its own.
  ///   - residentLimit: most rows that may be resident.
  package init(_ sequences: [ScoredSequence], rowLimit: Int, residentLimit: Int) {
    precondition(rowLimit > 0, "a batch needs rows")
    self.sequences = sequences
    self.rowLimit = rowLimit
    let order = sequences.indices.sorted { sequences[$0].precedes(sequences[$1]) }
    let shared = order.indices.map { $0 == 0 ? 0 : sequences[order[$0]].sharedCount(with: sequences[order[$0 - 1]]) }
    var sum = 0
    sums = order.indices.map {
      sum += sequences[order[$0]].rowCount - shared[$0]
      return sum
    }
    self.order = order
    self.shared = shared

    enum Work {
      case keep(Range<Int>, rows: Range<Int>)
      case score(Range<Int>, resident: Int)
    }
    var work: [Work] = order.isEmpty ? [] : [.score(order.indices, resident: 0)]
    while let next = work.popLast() {
      switch next {
      case .keep(let members, let rows):
        steps.append(.keep(sequence: order[members.lowerBound], rows: rows))
        rowCount += rows.count
        residentCount = max(residentCount, rows.upperBound)
      case .score(let members, let resident):
        let (units, larger) = split(members, resident, residentLimit)
        for batch in batches(of: units, resident) {
          steps.append(.score(sequences: batch.flatMap { order[$0] }, resident: resident))
          rowCount += batchRowCount(batch, resident)
        }
        for (members, beginning) in larger.reversed() {
          work.append(.score(members, resident: beginning))
          work.append(.keep(members, rows: resident..<beginning))
        }
      }
    }
  }

  /// Rows of neighbours beyond those that are resident.
  private func rowCount(_ members: Range<Int>, _ resident: Int) -> Int {
    let first = members.lowerBound
    return sequences[order[first]].rowCount - resident + sums[members.upperBound - 1] - sums[first]
  }

  // MARK: - Beginnings

  /// Parts `members` into neighbours that are not parted further: single sequences, and those with a beginning in common that fit into a
  /// batch; and neighbours with a beginning in common that do not, for which it is kept.
  private func split(
    _ members: Range<Int>, _ resident: Int, _ residentLimit: Int
  ) -> (units: [Range<Int>], larger: [(members: Range<Int>, beginning: Int)]) {
    var units: [Range<Int>] = []
    var larger: [(members: Range<Int>, beginning: Int)] = []
    var waiting = [members]
    while let members = waiting.popLast() {
      guard members.count > 1, let common = shared[members.dropFirst()].min() else {
        units.append(members)
        continue
      }
      if common - resident >= PrefixPlan.fewestKept {
        if rowCount(members, resident) <= rowLimit {
          units.append(members)
          continue
        }
        // Every target stands in a batch.
        let beginning = min(common, residentLimit, members.map { sequences[order[$0]].firstTargetRow }.min() ?? 0)
        if beginning - resident >= PrefixPlan.fewestKept {
          larger.append((members, beginning))
          continue
        }
      }
      let firsts = [members.lowerBound] + members.dropFirst().filter { shared[$0] == common }
      waiting += zip(firsts, firsts.dropFirst() + [members.upperBound]).map { $0..<$1 }.reversed()
    }
    return (units, larger)
  }

  // MARK: - Batches

  private func batchRowCount(_ units: [Range<Int>], _ resident: Int) -> Int {
    units.indices.reduce(0) { count, place in
      count + rowCount(units[place], resident) - (place > 0 ? common(units[place - 1], units[place]) - resident : 0)
    }
  }

  /// Rows that two of `split`'s units, in order, have in common.
  private func common(_ a: Range<Int>, _ b: Range<Int>) -> Int { shared[a.upperBound..<b.lowerBound + 1].min() ?? 0 }

  /// Neighbouring units in batches of at most `rowLimit` rows: the fewest, and among those with the smallest largest.
  private func batches(of units: [Range<Int>], _ resident: Int) -> [[Range<Int>]] {
    let counts = units.map { rowCount($0, resident) }
    let known = units.indices.map { $0 == 0 ? 0 : common(units[$0 - 1], units[$0]) - resident }
    func batches(atMost limit: Int) -> [[Range<Int>]] {
      var batches: [[Range<Int>]] = []
      var rows = 0
      for (place, unit) in units.enumerated() {
        if !batches.isEmpty, rows + counts[place] - known[place] <= limit {
          batches[batches.count - 1].append(unit)
          rows += counts[place] - known[place]
        } else {
          batches.append([unit])
          rows = counts[place]
        }
      }
      return batches
    }
    let fewest = batches(atMost: rowLimit).count
    var (low, high) = (min(counts.max() ?? 0, rowLimit), rowLimit)
    while low < high {
      let middle = (low + high) / 2
      if batches(atMost: middle).count <= fewest { high = middle } else { low = middle + 1 }
    }
    return batches(atMost: low)
  }
}
