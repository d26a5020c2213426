/// What separates two models in one figure of a task, on the same samples.
public struct MetricComparison: Sendable {
  public let task: String
  public let metric: Metric
  /// Samples that both models count in.
  public let sampleCount: Int
  /// The model's figure less the other's.
  public let difference: Double
  /// Of the difference, paired: errors that both models make on the same samples cancel.
  public let standardError: Double?
  public let test: PairedTest
  /// Two-sided; `nil` for a single sample.
  public let p: Double?
  /// By Holm's method for all tests of the evaluation.
  public internal(set) var adjustedP: Double?

  /// `nil` where no sample counts for both.
  ///
  /// - Parameter strata: by subject, the samples' values for the model and for the one it is compared with.
  init?(task: String, _ metric: Metric, strata: [[(MetricValue, MetricValue)]]) {
    let pairs = Array(strata.joined())
    let firsts = pairs.map(\.0)
    let seconds = pairs.map(\.1)
    guard let first = RatioMean([firsts]), let second = RatioMean([seconds]) else { return nil }
    self.task = task
    self.metric = metric
    sampleCount = pairs.count
    let aggregation = metric.aggregation
    difference = aggregation.value(first.ratio) - aggregation.value(second.ratio)
    // As RatioMean's, of both ratios at once.
    let scales = (
      aggregation.slope(first.ratio) / firsts.reduce(0) { $0 + $1.weight },
      aggregation.slope(second.ratio) / seconds.reduce(0) { $0 + $1.weight }
    )
    var squares = 0.0
    for stratum in strata {
      let means = (RatioMean.ratio(stratum.map(\.0)), RatioMean.ratio(stratum.map(\.1)))
      for pair in stratum {
        let residual =
          scales.0 * (pair.0.value - means.0 * pair.0.weight) - scales.1 * (pair.1.value - means.1 * pair.1.weight)
        squares += residual * residual
      }
    }
    let freedom = pairs.count - strata.count { !$0.isEmpty }
    let error = freedom > 0 ? (Double(pairs.count) / Double(freedom) * squares).squareRoot() : .nan
    standardError = error.isFinite ? error : nil
    if pairs.allSatisfy({ $0.0.isZeroOrOne && $0.1.isZeroOrOne }) {
      let alone = (pairs.count { $0.0.value > $0.1.value }, pairs.count { $0.0.value < $0.1.value })
      test = .mcnemar(first: alone.0, second: alone.1)
      p = pairs.count > 1 ? PairedTest.mcnemar(alone.0, alone.1) : nil
    } else {
      let result = PairedTest.randomization(pairs)
      test = .randomization(swaps: result.swaps, isExact: result.isExact)
      p = pairs.count > 1 ? result.p : nil
    }
  }
}

extension MetricValue {
  fileprivate var isZeroOrOne: Bool { weight == 1 && (value == 0 || value == 1) }
}

/// A model beside another, over all tasks and their figures.
public struct ModelComparison: Sendable {
  /// Places among the result's models.
  public let model: Int
  public let against: Int
  /// In the order of tasks and of their metrics.
  public internal(set) var metrics: [MetricComparison]

  func metric(_ name: String, of task: String) -> MetricComparison? { metrics.first { $0.task == task && $0.metric.name == name } }
}
