/// Σ value / Σ weight, with its standard error.
///
/// The error is that of a ratio estimator by the delta method, `√(n/(n−1) · Σ(vᵢ − r wᵢ)²) / Σwᵢ` (Cochran, "Sampling Techniques", 1977,
/// §6.4). With weights of 1 this is the sample standard deviation over √n, as lm-evaluation-harness's `mean_stderr`. Strata (the
/// subjects of a task) have means of their own: `n/(n−k)` and `vᵢ − rₛ wᵢ`, which for weights of 1 is its `pooled_sample_stderr`.
struct RatioMean {
  let ratio: Double
  /// `nil` where no stratum has two values.
  let standardError: Double?

  /// `nil` where there is no weight.
  init?(_ strata: [[MetricValue]]) {
    let weight = strata.joined().reduce(0) { $0 + $1.weight }
    guard weight > 0 else { return nil }
    ratio = strata.joined().reduce(0) { $0 + $1.value } / weight
    var squares = 0.0
    var count = 0
    var freedom = 0
    for stratum in strata where !stratum.isEmpty {
      let mean = RatioMean.ratio(stratum)
      for value in stratum {
        let residual = value.value - mean * value.weight
        squares += residual * residual
      }
      count += stratum.count
      freedom += stratum.count - 1
    }
    standardError = freedom > 0 ? (Double(count) / Double(freedom) * squares).squareRoot() / weight : nil
  }

  /// 0 where there is no weight.
  static func ratio(_ values: [MetricValue]) -> Double {
    let weight = values.reduce(0) { $0 + $1.weight }
    return weight > 0 ? values.reduce(0) { $0 + $1.value } / weight : 0
  }
}
