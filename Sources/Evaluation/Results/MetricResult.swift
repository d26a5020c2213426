import Foundation

/// A figure with its standard error.
public struct MetricResult: Sendable, Equatable {
  public let metric: Metric
  /// Infinite where a perplexity exceeds what a Double holds.
  public let value: Double
  /// `nil` where a single sample says nothing about it.
  ///
  /// Of means as lm-evaluation-harness computes it (`mean_stderr`, `pooled_sample_stderr` over subjects); of perplexities and bits by
  /// the delta method on the ratio of log-likelihood to weight, which that harness gives none for.
  public let standardError: Double?

  init(metric: Metric, value: Double, standardError: Double?) {
    self.metric = metric
    self.value = value
    self.standardError = standardError.flatMap { $0.isFinite ? $0 : nil }
  }

  /// `nil` where no sample counts in the metric.
  init?(_ metric: Metric, strata: [[MetricValue]]) {
    guard let mean = RatioMean(strata) else { return nil }
    let slope = abs(metric.aggregation.slope(mean.ratio))
    self.init(metric: metric, value: metric.aggregation.value(mean.ratio), standardError: mean.standardError.map { slope * $0 })
  }

  /// The unweighted mean of independent figures: `√Σseᵢ² / k` is its error.
  init?(meanOf figures: [MetricResult]) {
    guard let first = figures.first else { return nil }
    let count = Double(figures.count)
    let errors = figures.compactMap(\.standardError)
    self.init(
      metric: first.metric, value: figures.reduce(0) { $0 + $1.value } / count,
      standardError: errors.count == figures.count ? errors.reduce(0) { $0 + $1 * $1 }.squareRoot() / count : nil)
  }
}

extension Metric.Aggregation {
  /// What a ratio of values to weights becomes.
  func value(_ ratio: Double) -> Double {
    switch self {
    case .mean: ratio
    case .perplexity: exp(-ratio)
    case .bits: -ratio / log(2)
    }
  }

  /// The derivative of `value`.
  func slope(_ ratio: Double) -> Double {
    switch self {
    case .mean: 1
    case .perplexity: -exp(-ratio)
    case .bits: -1 / log(2)
    }
  }
}
