import Evaluation
import Testing

// Expected numbers are those of CPython 3.11: `r = random.Random(seed); r.sample(range(n), k)`, drawn one after another.

@Suite("Worked examples")
struct FewShotSamplerTests {
  @Test(
    "seeds of one and of two words draw what Python draws",
    arguments: [
      (0, [[6, 9, 0], [265, 988, 523, 497, 414], [38, 61, 45, 74, 27, 64], [17, 36, 12, 79, 32, 68]]),
      (1234, [[7, 1, 0], [92, 932, 965, 961, 826], [74, 4, 10, 12, 45, 30], [2, 3, 44, 82, 79, 61]]),
      (UInt64(UInt32.max), [[9, 3, 8], [621, 534, 298, 617, 348], [48, 35, 45, 63, 52, 8], [27, 78, 17, 61, 64, 46]]),
      (UInt64(UInt32.max) + 1, [[1, 5, 6], [957, 17, 23, 626, 897], [42, 69, 57, 1, 17, 9], [55, 64, 40, 43, 48, 61]]),
      (UInt64.max, [[0, 3, 5], [633, 217, 467, 629, 97], [47, 6, 24, 68, 60, 10], [42, 61, 33, 35, 75, 4]]),
    ] as [(UInt64, [[Int]])])
  func asPython(seed: UInt64, expected: [[Int]]) {
    var random = PythonRandom(seed: seed)
    // From lists, from sets, and on both sides of where Python changes from one to the other.
    #expect(random.sample(3, from: 10) == expected[0])
    #expect(random.sample(5, from: 1000) == expected[1])
    #expect(random.sample(6, from: 84) == expected[2])
    #expect(random.sample(6, from: 86) == expected[3])
  }

  @Test("the generator goes on past its first 624 words as Python's does")
  func manyWords() {
    var random = PythonRandom(seed: 42)
    for _ in 0..<300 { _ = random.sample(5, from: 7473) }
    #expect(random.sample(8, from: 7473) == [6491, 6723, 5341, 1246, 4057, 303, 1034, 4114])
    #expect(random.sample(3, from: 1 << 33) == [7924383984, 8205284543, 4914110094])
  }

  @Test("nothing, everything and one of one are samples")
  func edges() {
    var random = PythonRandom(seed: 1)
    #expect(random.sample(0, from: 0).isEmpty)
    #expect(random.sample(1, from: 1) == [0])
    #expect(random.sample(50, from: 50).sorted() == Array(0..<50))
    #expect(random.sample(600, from: 600).sorted() == Array(0..<600))
  }

  @Test("the first rows are the same before every question, the asked one left out")
  func first() throws {
    var sampler = FewShotSampler(.first, pool: ["a", "b", "c", "b"], path: "shots.json", seed: 1234)
    #expect(try sampler.shots(2) == ["a", "b"])
    #expect(try sampler.shots(2) == ["a", "b"])
    #expect(try sampler.shots(2, without: "b") == ["a", "c"])
    #expect(try sampler.shots(0) == [])
  }

  // lm_eval 0.4.13: s = ContextSampler(list(range(9)), rnd=1234); s.sample(2), s.sample(2, eval_doc=5), ...
  @Test("random rows are drawn as the harness draws them, the asked one left out")
  func random() throws {
    var sampler = FewShotSampler(.random, pool: Array(10..<19), path: "train.jsonl", seed: 1234)
    #expect(try sampler.shots(2) == [17, 11])
    #expect(try sampler.shots(2, without: 15) == [10, 11])
    #expect(try sampler.shots(2, without: 17) == [10, 11])
    #expect(try sampler.shots(0, without: 15) == [])
    #expect(try sampler.shots(2) == [15, 13])
  }

  @Test("a file of exactly the rows that are needed is taken whole where the harness would draw one more")
  func exactlyEnough() throws {
    var sampler = FewShotSampler(.random, pool: [5, 3, 9, 1], path: "shots.json", seed: 1234)
    for _ in 0..<3 { #expect(try sampler.shots(4, without: 2) == [5, 3, 9, 1]) }
    #expect(throws: EvaluationError.self) { try sampler.shots(4, without: 3) }
  }

  @Test("where the asked row is in the pool several times, the harness draws again from the others")
  func repeated() throws {
    var sampler = FewShotSampler(.random, pool: [1, 7, 7, 7, 2, 3], path: "train.jsonl", seed: 1234)
    #expect(
      try (0..<6).map { _ in try sampler.shots(3, without: 7) } == [[1, 2, 3], [2, 1, 3], [1, 2, 3], [1, 3, 2], [3, 2, 1], [2, 1, 3]])
  }

  @Test("too few rows are refused with the file and what to do")
  func tooFew() {
    func refusal(_ rows: String, _ count: Int) -> EvaluationError {
      .file(
        path: "dev.csv", place: nil,
        reason: "holds \(rows) to take worked examples from, but \(count) are needed. Lower --few-shot, or name another file with --shots.")
    }
    var first = FewShotSampler(.first, pool: ["a"], path: "dev.csv", seed: 0)
    #expect(throws: refusal("1 row", 2)) { try first.shots(2) }
    #expect(throws: refusal("0 rows", 1)) { try first.shots(1, without: "a") }
    var random = FewShotSampler(.random, pool: ["a", "b"], path: "dev.csv", seed: 0)
    #expect(throws: refusal("2 rows", 3)) { try random.shots(3) }
    #expect(throws: refusal("2 rows", 3)) { try random.shots(2, without: "a") }
    #expect(throws: refusal("2 rows", 4)) { try random.shots(3, without: "c") }
    var equal = FewShotSampler(.random, pool: ["a", "a"], path: "dev.csv", seed: 0)
    #expect(throws: refusal("0 rows", 1)) { try equal.shots(1, without: "a") }
  }
}
