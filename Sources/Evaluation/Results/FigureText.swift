import Foundation
import Pages

/// Figures as people read them: shares in percent with two decimals, others plain.
enum FigureText {
  /// `49.33 ± 2.89 %` or `12.3456 ± 0.1234`
  static func value(_ result: MetricResult) -> String {
    guard result.value.isFinite else { return "beyond 1e308" }
    let unit = result.metric.isShare ? " %" : ""
    return number(result.value, like: result.value, result.metric) + error(result.standardError, like: result.value, result.metric) + unit
  }

  /// `+2.67 ± 3.10`, of shares in points.
  static func difference(_ row: MetricComparison) -> String {
    guard row.difference.isFinite else { return "none" }
    return signed(row.difference, row.metric) + error(row.standardError, like: row.difference, row.metric)
  }

  /// `+2.67`
  static func signed(_ difference: Double, _ metric: Metric) -> String {
    (difference < 0 ? "" : "+") + number(difference, like: difference, metric)
  }

  /// `0.0412`, `<0.0001`
  static func p(_ p: Double?) -> String {
    guard let p else { return "" }
    return p < 0.0001 ? "<0.0001" : String(format: "%.4f", p)
  }

  /// `52,002`
  static func grouped(_ number: Int) -> String { Words.grouped(number) }

  /// `1 sample`, `2,500 samples`
  static func count(_ number: Int, _ noun: String) -> String { Words.count(number, noun) }

  private static func error(_ error: Double?, like size: Double, _ metric: Metric) -> String {
    error.map { " ± " + number($0, like: size, metric) } ?? ""
  }

  /// With the decimals that a figure of a size has.
  static func number(_ value: Double, like size: Double, _ metric: Metric) -> String {
    if metric.isShare { return String(format: "%.2f", 100 * value) }
    switch abs(size) {
    case ..<1000: return String(format: "%.4f", value)
    case ..<1_000_000: return String(format: "%.1f", value)
    default: return String(format: "%.3e", value)
    }
  }
}
