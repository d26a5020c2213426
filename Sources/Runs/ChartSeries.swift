/// Points of a curve, x ascending.
struct ChartSeries {
  struct Point: Equatable {
    var x: Double
    var y: Double
  }

  var points: [Point]

  /// Points whose values are known and finite.
  init(_ points: some Sequence<(x: Int, y: Double?)>) {
    self.points = points.compactMap { x, y in y.flatMap { $0.isFinite ? Point(x: Double(x), y: $0) : nil } }
  }

  private init(_ points: [Point]) { self.points = points }

  /// The mean over neighbours, twice: a window of about a twentieth of the curve, as wide to the left as to the right, so that it lags
  /// behind nothing. Near the beginning, where losses fall steeply, it is narrower.
  var smoothed: ChartSeries {
    let half = points.count / 40
    guard half > 0 else { return self }
    return averaged(half).averaged(half)
  }

  private func averaged(_ half: Int) -> ChartSeries {
    var sums = [0.0]
    sums.reserveCapacity(points.count + 1)
    for point in points { sums.append((sums.last ?? 0) + point.y) }
    return ChartSeries(
      points.indices.map { index in
        let reach = min(half, index / 3)
        let window = index - reach...min(index + reach, points.count - 1)
        return Point(x: points[index].x, y: (sums[window.upperBound + 1] - sums[window.lowerBound]) / Double(window.count))
      })
  }

  /// The lowest and the highest point of every part of the curve, which has no more than `count` parts: drawn, it looks the same.
  func thinned(to count: Int) -> ChartSeries {
    guard points.count > 2 * count else { return self }
    var kept: [Point] = []
    for part in 0..<count {
      let piece = points[part * points.count / count..<(part + 1) * points.count / count]
      guard let low = piece.indices.min(by: { piece[$0].y < piece[$1].y }), let high = piece.indices.max(by: { piece[$0].y < piece[$1].y })
      else { continue }
      var chosen = Set([low, high])
      // The curve keeps its ends.
      if part == 0 { chosen.insert(piece.startIndex) }
      if part == count - 1 { chosen.insert(piece.endIndex - 1) }
      kept += chosen.sorted().map { piece[$0] }
    }
    return ChartSeries(kept)
  }

  /// The value below which a share of all lies.
  func quantile(_ share: Double) -> Double? {
    guard !points.isEmpty else { return nil }
    return points.map(\.y).sorted()[Int(share * Double(points.count - 1))]
  }
}
