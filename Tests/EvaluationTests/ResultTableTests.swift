import Evaluation
import Foundation
import Testing

@Suite("The table of a result")
struct ResultTableTests {
  private static let perplexity = Metric("word_perplexity", .perplexity, isHigherBetter: false, isShare: false)

  private func result(_ names: [String], subjects: [String?] = Array(repeating: nil, count: 10)) -> EvaluationResult {
    let piqa = Samples.task("piqa", subjects: subjects, categories: ["a": "STEM", "b": "other"])
    let text = Samples.task("perplexity", metrics: [ResultTableTests.perplexity], subjects: Array(repeating: nil, count: 10), fewShot: 0)
    let models = names.enumerated().map { index, name in
      let likelihoods = (0..<10).map { MetricValue(-20 - Double($0 % 3) + Double(index), weight: 8) }
      return Samples.model(
        name,
        [
          Samples.records(piqa, (0..<10).map { $0 < 4 + 3 * index ? 1 : 0 }),
          Samples.records(text, metric: ResultTableTests.perplexity.name, likelihoods),
        ])
    }
    return EvaluationResult(tasks: [piqa, text], models: models)
  }

  private func text(_ lines: [String]) -> String { lines.joined(separator: "\n") }

  @Test("two models stand side by side with their difference and its test")
  func two() {
    #expect(
      text(result(["base", "alpaca"]).table()) == """
                                       base            alpaca        difference         p    Holm
        piqa: 10 samples, 0-shot, version 1
          acc               40.00 ± 16.33 %   70.00 ± 15.28 %    +30.00 ± 15.28  0.2500 m  0.2500
        perplexity: 10 samples, 0-shot, version 1
          word_perplexity  13.6331 ± 0.4719  12.0312 ± 0.4164  -1.6019 ± 0.0554  0.0020 r  0.0039

        ±: one standard error. Shares are in percent, differences of shares in points.
        difference: alpaca less base, on the same samples.
        p, m: two-sided; McNemar's exact test on the samples that one of the two alone got right.
        p, r: two-sided; share of random swaps of the two models' results with as large a difference (all swaps).
        Holm: p adjusted for the 2 tests of this evaluation.
        """)
  }

  @Test("one model has its figures; few subjects are shown, categories above them")
  func one() {
    let subjects: [String?] = Array(repeating: "a", count: 5) + Array(repeating: "b", count: 5)
    #expect(
      text(result(["base"], subjects: subjects).table()) == """
                                             base
        piqa: 10 samples of 2 subjects, 0-shot, version 1
          acc                     40.00 ± 10.00 %
          acc, mean of subjects   40.00 ± 10.00 %
            STEM                  80.00 ± 20.00 %
            other                   0.00 ± 0.00 %
            a                     80.00 ± 20.00 %
            b                       0.00 ± 0.00 %
        perplexity: 10 samples, 0-shot, version 1
          word_perplexity        13.6331 ± 0.4719

        ±: one standard error. Shares are in percent, differences of shares in points.
        """)
  }

  @Test("many subjects are left out unless asked for")
  func manySubjects() {
    let subjects: [String?] = (0..<10).map { "subject \($0)" }
    #expect(!text(result(["base"], subjects: subjects).table()).contains("subject 3"))
    #expect(text(result(["base"], subjects: subjects).table(showsSubjects: true)).contains("    subject 3 "))
  }

  @Test("tables keep within the width, however many models there are", arguments: [1, 2, 3, 5, 9])
  func width(count: Int) {
    let lines = result((0..<count).map { "model number \($0)" }).table()
    for line in lines.prefix(while: { !$0.hasPrefix("±") }) { #expect(line.count <= 100, "\(line)") }
    #expect(lines.contains { $0 == "model number 1 less model number 0" } == (count > 2))
    for index in 0..<count { #expect(lines.contains { $0.contains("model number \(index)") }) }
  }

  @Test("long names are letters with a legend")
  func letters() {
    let lines = result(["models/a-name-that-is-long", "other"]).table()
    #expect(lines.prefix(3) == ["A  models/a-name-that-is-long", "B  other", ""])
    #expect(lines.contains("difference: B less A, on the same samples."))
  }

  @Test("wide characters take two columns, marks above letters none")
  func wide() {
    let lines = result(["羊驼", "e\u{301}"]).table()
    // Each ends where the figures below it do.
    #expect(lines[0].hasPrefix(String(repeating: " ", count: 31) + "羊驼 "))
    #expect(lines[2].prefix(35).hasSuffix(" %"))
    #expect(lines[0].contains(" e\u{301}  "))
  }

  @Test("names cannot move the cursor or turn the line around")
  func hostile() {
    let joined = text(result(["\u{1B}[2J", "a\u{202E}\n"]).table())
    #expect(joined.contains("[U+001B][2J") && joined.contains("a[U+202E][U+000A]"))
    #expect(!joined.unicodeScalars.contains("\u{1B}") && !joined.unicodeScalars.contains("\u{202E}"))
  }

  @Test("a perplexity beyond numbers, no sample that counts, and nothing at all are said")
  func extremes() {
    let task = Samples.task("perplexity", metrics: [ResultTableTests.perplexity], subjects: [nil, nil])
    let records = Samples.records(task, metric: ResultTableTests.perplexity.name, [MetricValue(-2000), MetricValue(-1500)])
    #expect(text(EvaluationResult(tasks: [task], models: [Samples.model("a", [records])]).table()).contains("beyond 1e308"))
    let none = EvaluationResult(tasks: [task], models: [Samples.model("a", [Samples.records(task, [nil, nil])])])
    #expect(text(none.table()).contains("no sample counts in any metric"))
    #expect(EvaluationResult(tasks: [], models: []).table() == ["no tasks, or no models"])
  }
}
