import Evaluation
import Testing

/// Expected values come from scipy 1.17 (`binomtest`, `permutation_test`, `sem`), numpy, and lm-evaluation-harness 0.4.13.
@Suite("Statistics of scores")
struct StatisticsTests {
  @Test(
    "McNemar's exact test is the binomial test of the samples that one model alone got right",
    arguments: [
      (0, 0, 1), (5, 1, 0.21875), (1, 5, 0.21875), (3, 12, 0.03515625), (40, 60, 0.05688793364098089),
      (1000, 1100, 0.03072070786424249), (0, 20, 1.9073486328125e-06), (12345, 12001, 0.02792807737711628),
    ] as [(Int, Int, Double)])
  func mcnemar(first: Int, second: Int, expected: Double) {
    #expect(abs(PairedTest.mcnemar(first, second) / expected - 1) < 1e-8)
  }

  @Test("few differences are tested by all swaps of the two models' results")
  func exactRandomization() {
    let first = [0.31, 0.72, 0.15, 0.98, 0.44, 0.05, 0.61, 0.27, 0.83, 0.5]
    let second = [0.21, 0.70, 0.25, 0.58, 0.34, 0.05, 0.41, 0.29, 0.53, 0.3]
    let result = PairedTest.randomization(zip(first, second).map { (MetricValue($0), MetricValue($1)) })
    // One of the ten does not differ.
    #expect(result == (0.05078125, 512, true))
  }

  @Test("many differences are tested by swaps drawn with a fixed seed")
  func drawnRandomization() {
    // scipy with 400,000 draws: 0.13895; four standard errors of 10,000 draws are 0.014.
    let pairs = Samples.waves.map { (MetricValue($0), MetricValue($1)) }
    let result = PairedTest.randomization(pairs)
    #expect(abs(result.p - 0.13895) < 0.014)
    #expect((result.swaps, result.isExact) == (10_000, false))
    #expect(PairedTest.randomization(pairs).p == result.p)
  }

  @Test("a difference that no swap reaches has the smallest p that draws can tell")
  func smallestP() {
    let pairs = (0..<100).map { (MetricValue(2 + Double($0)), MetricValue(Double($0))) }
    #expect(PairedTest.randomization(pairs).p == 1.0 / 10_001)
  }

  @Test("models that say the same do not differ")
  func equal() {
    #expect(PairedTest.randomization([(MetricValue(0.5), MetricValue(0.5)), (MetricValue(0.1), MetricValue(0.1))]) == (1, 1, true))
  }

  @Test("results with weights of their own are swapped with them")
  func weights() {
    // Both ratios are −11/4: no swap makes less of a difference.
    let pairs = [
      (MetricValue(-3, weight: 2), MetricValue(-4, weight: 3)), (MetricValue(-8, weight: 2), MetricValue(-7, weight: 1)),
    ]
    #expect(PairedTest.randomization(pairs) == (1, 4, true))
    let others = [
      (MetricValue(-3, weight: 2), MetricValue(-7, weight: 1)), (MetricValue(-8, weight: 3), MetricValue(-6, weight: 1)),
    ]
    // −11/5 + 13/2 = 4.3; with one of them swapped −15/4 + 9/3 = −0.75.
    #expect(PairedTest.randomization(others) == (0.5, 4, true))
  }

  @Test("p values of several tests are adjusted by Holm's method")
  func holm() {
    let adjusted = PairedTest.holm([0.01, 0.04, 0.03, 0.005, 0.5, 0.5])
    for (value, expected) in zip(adjusted, [0.05, 0.12, 0.12, 0.03, 1, 1]) { #expect(abs(value - expected) < 1e-12) }
    #expect(PairedTest.holm([]).isEmpty)
    #expect(PairedTest.holm([0.2]) == [0.2])
  }
}
