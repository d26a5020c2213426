import Foundation

/// How values of an axis become places, with round numbers to mark.
struct ChartScale {
  let low: Double
  let high: Double
  let isLogarithmic: Bool
  /// Of `low` and `high` in the drawing.
  let from: Double
  let to: Double

  /// - Parameter values: what must lie on the axis; there is room around them.
  init(around values: [Double], allowsLogarithm: Bool, from: Double, to: Double) {
    self.from = from
    self.to = to
    let least = values.min() ?? 0
    let most = values.max() ?? 1
    // Where a curve falls to a tenth, its end would be flat otherwise.
    isLogarithmic = allowsLogarithm && least > 0 && most / least >= 10
    if isLogarithmic {
      let room = pow(most / least, 0.05)
      (low, high) = (least / room, most * room)
    } else {
      let room = most > least ? 0.05 * (most - least) : max(abs(most) * 0.1, 1e-12)
      (low, high) = (least >= 0 ? max(0, least - room) : least - room, most + room)
    }
  }

  /// - Parameters:
  ///   - low: the value at `from`.
  ///   - high: the value at `to`.
  init(low: Double, high: Double, from: Double, to: Double) {
    self.low = low
    self.high = high > low ? high : low + 1
    self.from = from
    self.to = to
    isLogarithmic = false
  }

  /// Places far outside are cut there.
  func place(_ value: Double) -> Double {
    let share =
      isLogarithmic
      ? log(max(value, .leastNormalMagnitude) / low) / log(high / low)
      : (value - low) / (high - low)
    // Numbers of a file may be beyond what can be divided.
    return share.isFinite ? from + min(max(share, -1), 2) * (to - from) : from
  }

  /// Round numbers on the axis: 1, 2, 5 and their multiples by powers of ten.
  ///
  /// - Parameter count: about how many.
  func ticks(_ count: Int) -> [Double] {
    guard low.isFinite, high.isFinite, high > low else { return [] }
    if isLogarithmic {
      guard low > 0 else { return [] }
      for mantissas in [[1.0], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]] {
        let exponents = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
        guard exponents.count <= 40 else { return [] }
        let ticks = exponents.flatMap { exponent in mantissas.map { $0 * pow(10, Double(exponent)) } }.filter { $0 >= low && $0 <= high }
        if ticks.count >= max(3, count - 1) || mantissas.count == 7 { return ticks }
      }
    }
    let width = (high - low) / Double(max(1, count))
    let power = pow(10, log10(width).rounded(.down))
    guard power > 0, power.isFinite else { return [] }
    let step = ([1, 2, 2.5, 5].first { $0 * power >= width * 0.999 } ?? 10) * power
    let first = (low / step).rounded(.up), last = (high / step).rounded(.down)
    guard last - first <= 100 else { return [] }
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }

  /// Numbers of whole steps, for an axis that has no others.
  func wholeTicks(_ count: Int) -> [Double] { ticks(count).filter { $0 == $0.rounded() } }

  /// The numbers at the marks: small and large ones by powers of ten, on a linear axis all with the same decimals.
  func labels(_ ticks: [Double]) -> [String] {
    guard let most = ticks.map(\.magnitude).max(), most > 0 else { return ticks.map { _ in "0" } }
    if most < 0.002 || most >= 1e6 { return ticks.map(ChartScale.power) }
    let decimals = ticks.map { tick in
      (0...6).first { abs((tick * pow(10, Double($0))).rounded() - tick * pow(10, Double($0))) < 1e-6 } ?? 6
    }
    return zip(ticks, decimals).map { tick, own in
      tick == 0 ? "0" : String(format: "%.\(isLogarithmic ? own : decimals.max() ?? 0)f", tick)
    }
  }

  /// `2.5e-4`
  private static func power(_ value: Double) -> String {
    guard value != 0 else { return "0" }
    let exponent = Int(log10(value.magnitude * (1 + 1e-9)).rounded(.down))
    return String(format: "%.3g", value / pow(10, Double(exponent))) + "e\(exponent)"
  }
}
