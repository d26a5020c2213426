import Foundation
import Tensors

/// Whether two models differ on the same samples by more than chance would have it.
public enum PairedTest: Sendable, Equatable {
  /// McNemar's exact test on the samples that one model alone got right: of `first` and `second` such samples, each side is as likely
  /// as the other (McNemar, "Note on the sampling error of the difference between correlated proportions", 1947; Edwards, 1948).
  case mcnemar(first: Int, second: Int)
  /// The two models' results are swapped within samples; p is the share of swaps whose difference is as large (Noreen,
  /// "Computer-intensive methods for testing hypotheses", 1989). All of them where there are few; otherwise that many drawn with a fixed
  /// seed, the observed one among them, so that p is never 0 (Phipson and Smyth, "Permutation p-values should never be zero", 2010).
  case randomization(swaps: Int, isExact: Bool)

  /// In files.
  public var name: String {
    switch self {
    case .mcnemar: "mcnemar_exact"
    case .randomization(_, let isExact): isExact ? "randomization_exact" : "randomization"
    }
  }

  static let drawCount = 10_000
  private static let largestExact = 13

  /// Two-sided p of McNemar's exact test: twice the smaller tail of a binomial distribution with equal chances.
  package static func mcnemar(_ first: Int, _ second: Int) -> Double {
    let count = first + second
    let smaller = min(first, second)
    guard first != second else { return 1 }
    // From the largest term down, each from the one above it.
    let ways: Double = logFactorial(count) - logFactorial(smaller) - logFactorial(count - smaller)
    var term = exp(ways - Double(count) * log(2.0))
    var tail = 0.0
    for successes in stride(from: smaller, through: 0, by: -1) {
      tail += term
      let failures = count - successes
      term *= Double(successes) / Double(failures + 1)
    }
    return min(1, 2 * tail)
  }

  private static func logFactorial(_ number: Int) -> Double { lgamma(Double(number) + 1) }

  /// Two-sided p of the swapping test for the difference of two ratios Σ value / Σ weight, and how many swaps it took.
  package static func randomization(_ pairs: [(MetricValue, MetricValue)]) -> (p: Double, swaps: Int, isExact: Bool) {
    let swaps = Swaps(pairs)
    let count = swaps.differences.count
    if count <= largestExact {
      let all = 1 << count
      let extreme = (0..<all).count { swaps.isExtreme(signs: UInt64($0)) }
      return (Double(extreme) / Double(all), all, true)
    }
    var generator = Philox(seed: 0, stream: 0)
    var extreme = 0
    for _ in 0..<drawCount where swaps.isExtreme(drawnFrom: &generator) { extreme += 1 }
    return (Double(extreme + 1) / Double(drawCount + 1), drawCount, false)
  }

  /// Holm's adjustment of several p values: what each would have to be alone (Holm, "A simple sequentially rejective multiple test
  /// procedure", 1979).
  package static func holm(_ values: [Double]) -> [Double] {
    var adjusted = values
    var largest = 0.0
    for (rank, index) in values.indices.sorted(by: { (values[$0], $0) < (values[$1], $1) }).enumerated() {
      largest = max(largest, min(1, Double(values.count - rank) * values[index]))
      adjusted[index] = largest
    }
    return adjusted
  }
}

/// The differences that swapping two models' results within samples makes.
private struct Swaps {
  /// Of the samples in which the models differ.
  let differences: [Double]
  /// Of their weights; empty where all are equal, as they are unless tokenizers differ.
  let weightDifferences: [Double]
  private let valueSum: Double
  private let weightSum: Double
  private var bound = 0.0

  init(_ pairs: [(MetricValue, MetricValue)]) {
    let different = pairs.filter { $0.0 != $0.1 }
    differences = different.map { $0.0.value - $0.1.value }
    let weights = different.map { $0.0.weight - $0.1.weight }
    weightDifferences = weights.contains { $0 != 0 } ? weights : []
    valueSum = pairs.reduce(0) { $0 + $1.0.value + $1.1.value }
    weightSum = pairs.reduce(0) { $0 + $1.0.weight + $1.1.weight }
    // Equal differences are not told apart by the rounding of their sums.
    let rounding = 1e-12 * differences.reduce(0) { $0 + abs($1) } / max(weightSum, .leastNormalMagnitude)
    bound = difference(differences.reduce(0, +), weights.reduce(0, +)) - rounding
  }

  /// The size of the difference, from the sums of signed differences.
  private func difference(_ values: Double, _ weights: Double) -> Double {
    let (first, second) = (weightSum + weights, weightSum - weights)
    guard first > 0, second > 0 else { return .infinity }
    return abs((valueSum + values) / first - (valueSum - values) / second)
  }

  func isExtreme(signs: UInt64) -> Bool {
    var sums = (0.0, 0.0)
    add(signs, at: 0, to: &sums)
    return difference(sums.0, sums.1) >= bound
  }

  func isExtreme(drawnFrom generator: inout Philox) -> Bool {
    var sums = (0.0, 0.0)
    for start in stride(from: 0, to: differences.count, by: 64) { add(generator.next(), at: start, to: &sums) }
    return difference(sums.0, sums.1) >= bound
  }

  /// Adds up to 64 differences from `start` on; a set bit swaps.
  private func add(_ signs: UInt64, at start: Int, to sums: inout (Double, Double)) {
    for index in start..<min(start + 64, differences.count) {
      let sign = (signs >> UInt64(index - start)) << 63
      sums.0 += Double(bitPattern: differences[index].bitPattern ^ sign)
      if !weightDifferences.isEmpty { sums.1 += Double(bitPattern: weightDifferences[index].bitPattern ^ sign) }
    }
  }
}
