import Adapters
import Foundation
import Llama
import Pages

extension RunReport {
  private static let sampleLimit = 40

  // MARK: - Samples

  /// The first and the last answers to the same instructions, those that training changed first.
  var samples: Markup {
    let all = facts.metrics.samples
    guard let last = all.last, !last.samples.isEmpty else { return .nothing }
    let first = all.first.flatMap { $0.step < last.step && $0.samples.count == last.samples.count ? $0 : nil }
    let order = last.samples.indices.sorted { one, other in
      let changed = [one, other].map { index in first.map { $0.samples[index].answer != last.samples[index].answer } ?? false }
      return changed[0] != changed[1] ? changed[0] : one < other
    }
    let shown = order.prefix(RunReport.sampleLimit)
    var words = "\(shown.count < order.count ? "\(shown.count) of " : "")\(Words.count(order.count, "instruction")), answered greedily"
    words += first.map { " at step \(Words.grouped($0.step)) and" } ?? ""
    words += " at step \(Words.grouped(last.step))."
    if let (right, asked) = exact(last) {
      let before = exact(first).map { "\(Words.grouped($0.right)) before, " } ?? ""
      words += " Answered exactly: \(before)\(Words.grouped(right)) of \(Words.grouped(asked))\(first == nil ? "" : " after")."
    }
    return section(
      "samples", first == nil ? "What it answers" : "Before and after",
      [.element("p", class: "quiet", [.text(words)])] + shown.map { article(first?.samples[$0], last.samples[$0]) })
  }

  private func article(_ before: RunHistory.Samples.Sample?, _ after: RunHistory.Samples.Sample) -> Markup {
    var parts = [Markup.foreign("pre", class: "prompt", bounded(after.instruction))]
    if !after.input.isEmpty { parts.append(.foreign("pre", class: "prompt", bounded(after.input))) }
    var columns: [Markup] = []
    if let before { columns.append(said("before", before)) }
    columns.append(said(before == nil ? "answer" : "after", after))
    if let expected = after.expected { columns.append(column([.text("expected")], expected)) }
    parts.append(.element("div", class: "answers", columns))
    return .element("article", [], parts)
  }

  private func said(_ title: String, _ sample: RunHistory.Samples.Sample) -> Markup {
    let mark = sample.isExact ? [.text(" "), Markup.element("span", class: "right", [.text("✓ as expected")])] : []
    return column([.text(title)] + mark, sample.answer)
  }

  private func column(_ title: [Markup], _ text: String) -> Markup {
    let text = bounded(text)
    return .element(
      "div", [],
      [
        .element("h4", [], title),
        text.isEmpty ? .element("p", class: "quiet said", [.text("(nothing)")]) : .foreign("pre", class: "said", text),
      ])
  }

  private func bounded(_ text: String) -> String {
    let limit = 2000
    return text.unicodeScalars.count > limit ? String(text.unicodeScalars.prefix(limit)) + "\n[...]" : text
  }

  // MARK: - The adapter

  /// How much each projection of each layer was changed.
  var adapter: Markup {
    guard !norms.isEmpty else { return .nothing }
    let projections = Projection.allCases.filter { projection in norms.contains { $0.projection == projection } }
    let layers = Set(norms.map(\.layer)).sorted()
    let table = Dictionary(norms.map { (Place(layer: $0.layer, projection: $0.projection), $0) }) { first, _ in first }
    let isRelative = norms.allSatisfy { $0.share != nil }
    let most = norms.map { isRelative ? $0.share ?? 0 : $0.norm }.max() ?? 0
    let rows = layers.map { layer in
      Markup.element(
        "tr", [],
        [.element("th", [("scope", "row")], [.text("layer \(layer)")])]
          + projections.map { projection in
            guard let norm = table[Place(layer: layer, projection: projection)] else { return .element("td", "–") }
            let value = isRelative ? norm.share ?? 0 : norm.norm
            // Ten shades tell more than digits at a glance; the digits stand there too.
            let shade = most > 0 && value.isFinite ? Int((10 * value / most).rounded()) : 0
            let text = isRelative ? String(format: "%.2f %%", 100 * value) : String(format: "%.3g", value)
            return .element(
              "td", [("class", "number shade\(min(10, max(0, shade)))"), ("title", "norm \(String(format: "%.4g", norm.norm))")],
              [.text(text)])
          })
    }
    let total = norms.reduce(0) { $0 + $1.norm * $1.norm }.squareRoot()
    var words = "Frobenius norm of what the adapter adds to each weight, scale · B A"
    words += isRelative ? ", as a share of the norm of the weight (estimated from rows of it). " : ". "
    words += "All together: \(String(format: "%.4g", total)). The stronger the colour, the more."
    return section(
      "adapter", "Where the adapter changed the model",
      [
        .element("p", class: "quiet", [.text(words)]),
        .element(
          "div", class: "wide",
          [
            .element(
              "table", class: "norms",
              [
                .element(
                  "thead", [],
                  [
                    .element(
                      "tr", [], [.element("th")] + projections.map { .element("th", [("scope", "col")], [.text($0.rawValue)]) })
                  ]), .element("tbody", [], rows),
              ])
          ]),
      ])
  }

  private struct Place: Hashable {
    let layer: Int
    let projection: Projection
  }

  static let styles: String = {
    let shades = (0...10).map { ".shade\($0) { background: color-mix(in srgb, var(--c0) \(6 * $0)%, transparent); }" }
    return """

      .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
      .tile { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
      .tile b { display: block; font-size: 1.35rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
      .warnings { border-left: 3px solid var(--c1); padding: .1rem 0 .1rem 1.75rem; margin: 1rem 0; }
      .norms td, .norms thead th { text-align: right; padding: .2rem .6rem; }
      .norms tbody th { padding-right: 1rem; color: var(--quiet); white-space: nowrap; }
      .recipe { font: .8125rem/1.45 ui-monospace, monospace; background: var(--panel); border-radius: .5rem; padding: .8rem 1rem; }
      \(shades.joined(separator: "\n    "))

      """
  }()
}
