import Foundation
import Pages

/// The course of a run as a drawing: training loss, faint as it was and strong as it went on the whole, validation loss, and the learning
/// rate below.
public struct LossChart {
  public static let fileName = "loss.svg"

  private static let width = 880.0
  private static let height = 450.0
  private static let left = 62.0
  private static let right = width - 22
  private static let lossTop = 68.0
  private static let lossBottom = 322.0
  private static let rateTop = 352.0
  private static let rateBottom = 404.0
  /// Parts of a curve; more would be finer than a screen.
  private static let parts = 600

  private let title: String
  private let subtitle: String
  private let loss: ChartSeries
  private let smooth: ChartSeries
  private let validation: ChartSeries
  private let rate: ChartSeries
  /// The first step of each epoch but the first.
  private let epochs: [(step: Double, number: Int)]
  private let steps: ChartScale
  private let lossScale: ChartScale
  private let rateScale: ChartScale

  /// - Parameter stepCount: of the whole run, if it is known.
  public init(_ metrics: RunHistory, title: String, stepCount: Int?) {
    self.title = title
    loss = ChartSeries(metrics.steps.lazy.map { ($0.step, $0.loss) })
    smooth = loss.smoothed
    validation = ChartSeries(metrics.validations.lazy.map { ($0.step, $0.loss) })
    rate = ChartSeries(metrics.steps.lazy.map { ($0.step, $0.learningRate) })
    epochs = LossChart.epochs(metrics.steps)
    let last = metrics.steps.last
    subtitle = [
      last.map { step in "step \(Words.grouped(step.step))" + (stepCount.map { " of \(Words.grouped($0))" } ?? "") },
      last?.epoch.map { String(format: $0 < 10 ? "epoch %.2f" : "epoch %.1f", $0) },
    ].compactMap { $0 }.joined(separator: ", ")
    let end = max(loss.points.last?.x ?? 0, validation.points.last?.x ?? 0, 1)
    steps = ChartScale(low: 0, high: end, from: LossChart.left, to: LossChart.right)
    // Rare spikes leave the drawing rather than flatten the rest.
    let usual = [loss.quantile(0.01), loss.quantile(0.99)].compactMap { $0 }
    let shown = smooth.points.map(\.y) + validation.points.map(\.y) + usual
    lossScale = ChartScale(around: shown, allowsLogarithm: true, from: LossChart.lossBottom, to: LossChart.lossTop)
    let most = rate.points.map(\.y).max() ?? 0
    rateScale = ChartScale(low: 0, high: most > 0 ? 1.08 * most : 1, from: LossChart.rateBottom, to: LossChart.rateTop)
  }

  /// There is nothing to draw yet.
  public var isEmpty: Bool { loss.points.isEmpty && validation.points.isEmpty }

  /// The drawing as a file of its own.
  public var svg: String { "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\(markup.source)\n" }

  /// The drawing as part of a page.
  package var markup: Markup {
    let size = "0 0 \(Int(LossChart.width)) \(Int(LossChart.height))"
    return .element(
      "svg",
      [
        ("xmlns", "http://www.w3.org/2000/svg"), ("viewBox", size), ("width", "\(Int(LossChart.width))"),
        ("height", "\(Int(LossChart.height))"), ("class", "loss-chart"), ("role", "img"), ("aria-label", description),
      ],
      [
        Markup(source: "<style>\(LossChart.styles)</style>"),
        box("paper", x: 0.5, y: 0.5, width: LossChart.width - 1, height: LossChart.height - 1, radius: 8), header, frames, clips, curves,
      ])
  }

  /// For whoever cannot see it.
  private var description: String {
    var text = "Training loss of \(title)"
    if let first = smooth.points.first, let last = smooth.points.last {
      text += " from \(LossChart.figure(first.y)) to \(LossChart.figure(last.y)) at step \(LossChart.step(last.x))"
    }
    if let best { text += ", validation loss at best \(LossChart.figure(best.y)) at step \(LossChart.step(best.x))" }
    return text
  }

  private var best: ChartSeries.Point? { validation.points.min { $0.y < $1.y } }

  private static func epochs(_ steps: [RunHistory.Step]) -> [(step: Double, number: Int)] {
    var epochs: [(Double, Int)] = []
    var now = 1
    for (step, next) in zip(steps, steps.dropFirst()) {
      // The epoch that a step ends in: 1.0 is still the first.
      guard let epoch = next.epoch, epoch.isFinite, epoch.magnitude < 1e9 else { continue }
      let number = Int(epoch.rounded(.up))
      if number > now { epochs.append((Double(step.step), number)) }
      now = max(now, number)
      if epochs.count > 1000 { return [] }
    }
    return epochs
  }

  // MARK: - Parts

  private var header: Markup {
    let name = VisibleText.shortened(title, to: 28)
    var parts = [
      Markup.element(
        "text", [("class", "title"), ("x", "20"), ("y", "31")],
        [.text(name), .element("tspan", [("class", "quiet"), ("dx", "10")], [.text(subtitle)])])
    ]
    // Right to left, each as wide as its words.
    var x = LossChart.right
    func entry(_ words: String, _ mark: (Double) -> Markup) {
      parts.append(text(words, "legend end", x: x, y: 30))
      x -= 6.6 * Double(words.count) + 34
      parts.append(mark(x))
      x -= 20
    }
    if let best {
      let words = "validation, lowest \(LossChart.figure(best.y)) at step \(LossChart.step(best.x))"
      entry(words) { x in Markup.element("path", [("class", "validation"), ("d", "M\(LossChart.place(x)) 26h22")]).with(dot(x + 11, 26)) }
    }
    if !loss.points.isEmpty {
      entry(smooth.points == loss.points ? "training" : "training, smoothed") { x in
        Markup.element("path", [("class", "smooth"), ("d", "M\(LossChart.place(x)) 26h22")])
      }
    }
    return .element("g", [], parts)
  }

  private var frames: Markup {
    var parts: [Markup] = []
    for (epoch, next) in zip(epochs, epochs.dropFirst().map(\.step) + [steps.high]) {
      let x = steps.place(epoch.step)
      parts.append(line("epoch", x, LossChart.lossTop, x, LossChart.rateBottom))
      // Where there is room for words.
      if steps.place(next) - x > 60 { parts.append(text("epoch \(epoch.number)", "quiet", x: x + 5, y: LossChart.lossTop + 12)) }
    }
    parts += axis(lossScale, ticks: lossScale.ticks(5), name: lossScale.isLogarithmic ? "loss (logarithmic)" : "loss", y: LossChart.lossTop)
    if !rate.points.isEmpty { parts += axis(rateScale, ticks: rateScale.ticks(2), name: "learning rate", y: LossChart.rateTop) }
    let ticks = steps.wholeTicks(8)
    for (tick, label) in zip(ticks, ticks.map(LossChart.step)) {
      let x = steps.place(tick)
      parts.append(line("tick", x, LossChart.rateBottom, x, LossChart.rateBottom + 5))
      parts.append(text(label, "label middle", x: x, y: LossChart.rateBottom + 20))
    }
    parts.append(text("step", "quiet end", x: LossChart.right, y: LossChart.rateBottom + 36))
    return .element("g", [], parts)
  }

  /// Lines across the drawing with their values, and a name at the top.
  private func axis(_ scale: ChartScale, ticks: [Double], name: String, y top: Double) -> [Markup] {
    var parts = [text(name, "quiet", x: LossChart.left, y: top - 7)]
    for (tick, label) in zip(ticks, scale.labels(ticks)) {
      let y = scale.place(tick)
      parts.append(line("grid", LossChart.left, y, LossChart.right, y))
      parts.append(text(label, "label end", x: LossChart.left - 8, y: y + 4))
    }
    parts.append(line("ground", LossChart.left, scale.from, LossChart.right, scale.from))
    return parts
  }

  private var clips: Markup {
    let width = LossChart.right - LossChart.left + 18
    func clip(_ name: String, _ top: Double, _ bottom: Double) -> Markup {
      .element(
        "clipPath", [("id", name)], [box("", x: LossChart.left - 9, y: top - 1, width: width, height: bottom - top + 2, radius: 0)])
    }
    return .element(
      "defs", [],
      [clip("loss-panel", LossChart.lossTop, LossChart.lossBottom), clip("rate-panel", LossChart.rateTop, LossChart.rateBottom)])
  }

  private var curves: Markup {
    var parts = [curve(loss, "raw", lossScale), curve(smooth, "smooth", lossScale), curve(validation, "validation", lossScale)]
    if validation.points.count <= 60 {
      parts += validation.points.map { dot(steps.place($0.x), lossScale.place($0.y)) }
    }
    if let best {
      parts.append(circle("best", steps.place(best.x), lossScale.place(best.y), radius: 7))
    }
    return .element(
      "g", [],
      [
        .element("g", [("clip-path", "url(#loss-panel)")], parts),
        .element("g", [("clip-path", "url(#rate-panel)")], [curve(rate, "rate", rateScale)]),
      ])
  }

  private func curve(_ series: ChartSeries, _ style: String, _ scale: ChartScale) -> Markup {
    let points = series.thinned(to: LossChart.parts).points
    guard let first = points.first else { return .nothing }
    // A single point has no line.
    guard points.count > 1 else { return circle(style + " alone", steps.place(first.x), scale.place(first.y), radius: 3) }
    let places = points.map { LossChart.place(steps.place($0.x)) + " " + LossChart.place(scale.place($0.y)) }
    return .element("path", [("class", style), ("d", "M" + places.joined(separator: "L"))])
  }

  // MARK: - Shapes

  private static func place(_ value: Double) -> String {
    // Tenths are enough, and shorter than any formatted number.
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
  }

  private static func step(_ x: Double) -> String { Words.grouped(Int(exactly: x) ?? .max) }

  private static func figure(_ value: Double) -> String { String(format: value.magnitude < 100 ? "%.4f" : "%.4g", value) }

  private func text(_ text: String, _ style: String, x: Double, y: Double) -> Markup {
    .element("text", [("class", style), ("x", LossChart.place(x)), ("y", LossChart.place(y))], [.text(text)])
  }

  private func line(_ style: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> Markup {
    let places = [("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)].map { ($0.0, LossChart.place($0.1)) }
    return .element("line", [("class", style)] + places)
  }

  private func dot(_ x: Double, _ y: Double) -> Markup { circle("dot", x, y, radius: 3.5) }

  private func circle(_ style: String, _ x: Double, _ y: Double, radius: Double) -> Markup {
    .element("circle", [("class", style), ("cx", LossChart.place(x)), ("cy", LossChart.place(y)), ("r", LossChart.place(radius))])
  }

  private func box(_ style: String, x: Double, y: Double, width: Double, height: Double, radius: Double) -> Markup {
    let places = [("x", x), ("y", y), ("width", width), ("height", height), ("rx", radius)].map { ($0.0, LossChart.place($0.1)) }
    return .element("rect", (style.isEmpty ? [] : [("class", style)]) + places)
  }
}

extension Markup {
  /// Both, one after the other.
  fileprivate func with(_ next: Markup) -> Markup { Markup(source: source + next.source) }
}
