import Evaluation
import Testing

/// Expected values from numpy and scipy.
@Suite("Comparison of models")
struct ComparisonTests {
  private func near(_ value: Double?, _ expected: Double) -> Bool { abs((value ?? .nan) - expected) < 1e-10 }

  @Test("right and wrong are compared by McNemar's test, the difference's error within subjects")
  func accuracy() throws {
    let task = Samples.task(
      "mmlu", subjects: Array(repeating: "a", count: 4) + Array(repeating: "b", count: 3) + Array(repeating: "c", count: 7))
    let result = EvaluationResult(
      tasks: [task],
      models: [
        Samples.model("base", [Samples.records(task, [1, 1, 1, 0] + [0, 0, 0] + [1, 0, 0, 0, 0, 0, 0])]),
        Samples.model("tuned", [Samples.records(task, [1, 0, 1, 1] + [0, 0, 1] + [1, 1, 0, 0, 0, 1, 0])]),
      ])
    let row = try #require(result.comparisons.first?.metrics.first)
    #expect(near(row.difference, 0.21428571428571427))
    #expect(near(row.standardError, 0.1630719324834404))
    #expect(row.test == .mcnemar(first: 4, second: 1))
    #expect(near(row.p, 0.375))
    #expect(row.adjustedP == nil && result.testCount == 1)
  }

  @Test("perplexities are compared over samples, on likelihood per weight")
  func perplexity() throws {
    let metric = Metric("word_perplexity", .perplexity, isHigherBetter: false, isShare: false)
    let task = Samples.task("perplexity", metrics: [metric], subjects: [nil, nil, nil, nil])
    func model(_ name: String, _ values: [Double]) -> ModelAnswers {
      let values = zip(values, [4.0, 12, 3, 8]).map { MetricValue($0, weight: $1) }
      return Samples.model(name, [Samples.records(task, metric: metric.name, values)])
    }
    let result = EvaluationResult(
      tasks: [task], models: [model("base", [-11, -30, -8.5, -20]), model("tuned", [-10.5, -33.25, -7, -21.75])])
    let row = try #require(result.comparisons.first?.metrics.first)
    #expect(near(row.difference, 1.5417519546077543))
    #expect(near(row.standardError, 1.7497270165836372))
    #expect(row.test == .randomization(swaps: 16, isExact: true))
    #expect(near(row.p, 0.625))
  }

  @Test("means of anything else are compared by randomization")
  func means() throws {
    let task = Samples.task("instructions", metrics: [Metric("f1")], subjects: Samples.waves.map { _ in nil })
    func model(_ name: String, _ values: [Double]) -> ModelAnswers {
      Samples.model(name, [Samples.records(task, metric: "f1", values.map { MetricValue($0) })])
    }
    let result = EvaluationResult(tasks: [task], models: [model("base", Samples.waves.map(\.1)), model("tuned", Samples.waves.map(\.0))])
    let row = try #require(result.comparisons.first?.metrics.first)
    #expect(near(row.difference, 0.0279762803331135))
    #expect(near(row.standardError, 0.01868071201667382))
    #expect(row.test == .randomization(swaps: 10_000, isExact: false))
    #expect(abs((row.p ?? 0) - 0.13895) < 0.014)
  }

  @Test("every other model is compared with the first, and p values are adjusted for all tests together")
  func several() {
    let tasks = [
      Samples.task("a", subjects: Array(repeating: nil, count: 8)), Samples.task("b", subjects: Array(repeating: nil, count: 8)),
    ]
    func model(_ name: String, _ right: Int) -> ModelAnswers {
      Samples.model(name, tasks.map { Samples.records($0, (0..<8).map { $0 < right ? 1 : 0 }) })
    }
    let result = EvaluationResult(tasks: tasks, models: [model("none", 0), model("some", 6), model("all", 8)])
    #expect(result.comparisons.map { [$0.model, $0.against] } == [[1, 0], [2, 0]])
    #expect(result.testCount == 4)
    for (comparison, (p, adjusted)) in zip(result.comparisons, [(0.03125, 0.0625), (0.0078125, 0.03125)]) {
      #expect(comparison.metrics.count == 2)
      for row in comparison.metrics { #expect(near(row.p, p) && near(row.adjustedP, adjusted)) }
    }
  }

  @Test("a single sample tells no chance, and no sample no difference")
  func few() {
    let one = Samples.task("one", subjects: [nil])
    let none = Samples.task("none", subjects: [])
    let result = EvaluationResult(
      tasks: [one, none],
      models: [Samples.model("a", [Samples.records(one, [1]), []]), Samples.model("b", [Samples.records(one, [0]), []])])
    #expect(result.comparisons[0].metrics.map(\.difference) == [-1])
    #expect(result.comparisons[0].metrics.map(\.p) == [nil])
    #expect(result.comparisons[0].metrics.map(\.standardError) == [nil])
    #expect(result.testCount == 0)
  }

  @Test("samples that one model does not count in are left out of its comparison, and the rest counted")
  func uncounted() {
    let task = Samples.task("a", subjects: [nil, nil, nil])
    let first = Samples.records(task, [MetricValue(1), nil, MetricValue(0)])
    let result = EvaluationResult(
      tasks: [task], models: [Samples.model("a", [first]), Samples.model("b", [Samples.records(task, [1, 1, 1])])])
    #expect(result.comparisons[0].metrics.map(\.sampleCount) == [2])
    #expect(result.comparisons[0].metrics.map(\.difference) == [0.5])
  }
}
