import Evaluation
import Tensors
import Testing

/// What is computed together, and what is kept.
@Suite struct RequestPlanTests {
  /// Sequences that branch off one another at random, with equal ones among them.
  func sequences(_ count: Int, longest: Int, seed: UInt64) -> [ScoredSequence] {
    var random = Philox(seed: seed, stream: 7)
    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
    var all: [[Int32]] = []
    for _ in 0..<count {
      let parent = all.isEmpty ? [] : all[below(all.count)]
      let kept = parent.prefix(below(4) == 0 ? 1 : parent.isEmpty ? 0 : below(parent.count + 1))
      all.append([1] + kept.dropFirst() + (0..<1 + below(longest)).map { _ in Int32(below(3)) })
    }
    return all.map { tokens in
      let tokens = tokens + [9]
      let scored = 1 + below(min(tokens.count - 1, 5))
      return ScoredSequence(context: tokens.dropLast(scored), continuation: tokens.suffix(scored))
    }
  }

  @Test(arguments: 0..<24) func everySequenceIsComputedOnceBehindItsOwnBeginning(seed: Int) {
    let sequences = sequences([1, 7, 60, 300][seed % 4], longest: [10, 150, 400][seed % 3], seed: UInt64(seed))
    let rowLimit = [50, 200, 1000][seed / 8 % 3]
    let residentLimit = seed % 5 == 0 ? 100 : Int.max
    let plan = PrefixPlan(sequences, rowLimit: rowLimit, residentLimit: residentLimit)
    var resident: [Int32] = []
    var seen: [Int] = []
    var (rowCount, residentCount) = (0, 0)
    for step in plan.steps {
      switch step {
      case .keep(let sequence, let rows):
        let tokens = sequences[sequence].tokens(from: 0)
        #expect(resident.starts(with: tokens[..<rows.lowerBound]) && rows.count >= PrefixPlan.fewestKept)
        resident = Array(tokens[..<rows.upperBound])
        rowCount += rows.count
      case .score(let members, let count):
        var rows: Set<[Int32]> = []
        for member in members {
          let tokens = sequences[member].tokens(from: 0).dropLast()
          #expect(tokens.starts(with: resident[..<count]) && count <= sequences[member].firstTargetRow)
          for end in count..<tokens.count { rows.insert(Array(tokens[...end])) }
        }
        #expect(rows.count <= rowLimit || members.count == 1)
        rowCount += rows.count
        seen += members
      }
      residentCount = max(residentCount, resident.count)
    }
    #expect(seen.sorted() == Array(sequences.indices))
    #expect(plan.rowCount == rowCount && plan.residentCount == residentCount && residentCount <= residentLimit)
  }

  /// Sequences of three levels: a preamble, subjects with 200 tokens of examples, and 20 questions each with 60 tokens.
  func benchmark(subjects: Int) -> [ScoredSequence] {
    (0..<subjects).flatMap { subject in
      (0..<20).flatMap { question in
        (0..<4).map { choice in
          let examples = (0..<200).map { Int32(100 * subject + $0 % 97) }
          let own = (0..<60).map { Int32(5000 + 70 * question + $0) }
          return ScoredSequence(
            context: ([Int32](repeating: 1, count: 80) + examples + own)[...], continuation: [Int32(choice)])
        }
      }
    }
  }

  @Test func levelsOfBeginningsAreComputedOnce() {
    let plan = PrefixPlan(benchmark(subjects: 5), rowLimit: 500, residentLimit: .max)
    #expect(plan.rowCount == 80 + 5 * (200 + 20 * 60))
    #expect(plan.residentCount == 280)
    #expect(plan.steps.count { if case .keep = $0 { true } else { false } } == 6)
    // Without room for them, examples are computed anew for each batch.
    let poor = PrefixPlan(benchmark(subjects: 5), rowLimit: 500, residentLimit: 100)
    #expect(poor.residentCount == 80 && poor.rowCount > plan.rowCount)
  }

  @Test func whatFitsTogetherIsNotTornApart() {
    // A subject has 80 + 200 + 1,200 rows: one fits into a batch, two do not, and none is kept.
    let plan = PrefixPlan(benchmark(subjects: 3), rowLimit: 2500, residentLimit: .max)
    #expect(plan.rowCount == 80 + 3 * 1400)
    #expect(plan.steps.count == 4)
  }
}
