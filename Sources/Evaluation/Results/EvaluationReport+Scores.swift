import Foundation
import Pages

extension EvaluationReport {
  /// A section of the page: a task's figures, its parts, its samples.
  func section(_ index: Int) -> Markup {
    let task = tasks[index]
    var facts = [FigureText.count(task.sampleCount, "sample")]
    if !task.subjects.isEmpty { facts.append(FigureText.count(task.subjects.count, "subject")) }
    facts.append(task.fewShot == 0 ? "no worked examples (0-shot)" : "\(FigureText.count(task.fewShot, "worked example")) before each")
    facts.append("version \(task.version)")
    let rows = scoreRows(index, task.metrics[...], lead: { [.text($0.metric.name)] })
    return .element(
      "section", [("id", "task\(index)"), ("class", "task")],
      [
        .element("h2", task.task), .element("p", class: "quiet", [.text(facts.joined(separator: ", ") + ".")]),
        task.metrics.isEmpty
          ? .element("p", "No sample counts in any figure.") : scoreTable("Figures of \(task.task)", head: "figure", [rows]),
        parts(index), samples(index),
      ])
  }

  func scoreTable(_ caption: String, head: String, _ groups: [[Markup]]) -> Markup {
    let columns = [head, "model", "", "score"] + (result.models.count > 1 ? ["difference", "could it be chance?"] : [])
    return .element(
      "div", class: "wide",
      [
        .element(
          "table", class: "scores",
          [
            .element("caption", caption),
            .element("thead", [], [.element("tr", [], columns.map { .element("th", [("scope", "col")], [.text($0)]) })]),
          ] + groups.filter { !$0.isEmpty }.map { .element("tbody", [], $0) })
      ])
  }

  /// For each figure of a task a row for each model.
  ///
  /// - Parameter lead: what stands at the left of a figure.
  func scoreRows(_ task: Int, _ figures: ArraySlice<MetricResult>, lead: (MetricResult) -> [Markup]) -> [Markup] {
    var rows: [Markup] = []
    for figure in figures {
      let metric = figure.metric
      let all = result.models.map { $0.tasks[task].metrics[metric.name] }
      let bars = ScoreBars(all, metric, guessing: guessing(task, metric))
      var head = lead(figure)
      if !metric.isHigherBetter { head += [.element("br"), .element("span", class: "quiet", [.text("lower is better")])] }
      for model in result.models.indices {
        var cells: [Markup] = []
        if model == 0 { cells.append(.element("th", [("scope", "rowgroup"), ("rowspan", "\(result.models.count)")], head)) }
        let bar = all[model].map { bars.bar($0, color: model % ReportStyle.colorCount) }
        cells.append(.element("td", [], [name(model)]))
        cells.append(.element("td", class: "bar", [bar ?? .nothing]))
        cells.append(.element("td", class: "number", [.text(all[model].map(FigureText.value) ?? "–")]))
        if result.models.count > 1 { cells += differenceCells(task, metric, model) }
        rows.append(.element("tr", class: model == 0 ? "first" : "", cells))
      }
    }
    return rows
  }

  private func differenceCells(_ task: Int, _ metric: Metric, _ model: Int) -> [Markup] {
    guard let row = result.comparisons.first(where: { $0.model == model })?.metric(metric.name, of: tasks[task].task) else {
      return [.element("td"), .element("td")]
    }
    var chance: [Markup] = [.text("one sample cannot tell")]
    if let p = row.p {
      let adjusted = row.adjustedP.map { ", Holm \(FigureText.p($0))" } ?? ""
      chance = [
        .element("b", EvaluationReport.word(row.adjustedP ?? p)), .text(" p \(FigureText.p(p))\(adjusted)"), .element("br"),
        .element("span", class: "quiet", [.text(EvaluationReport.name(row.test))]),
      ]
    }
    return [.element("td", class: "number", [.text(FigureText.difference(row))]), .element("td", [], chance)]
  }

  /// How likely chance alone makes a difference of such a p.
  private static func word(_ p: Double) -> String {
    switch p {
    case ..<0.001: "hardly"
    case ..<0.05: "unlikely"
    case ..<0.2: "possibly"
    default: "easily"
    }
  }

  private static func name(_ test: PairedTest) -> String {
    switch test {
    case .mcnemar(let first, let second):
      "\(FigureText.grouped(first)) right here alone, \(FigureText.grouped(second)) there"
    case .randomization(let swaps, let isExact): "\(isExact ? "all " : "")\(FigureText.grouped(swaps)) swaps"
    }
  }

  /// What a model without knowledge scores: the mean of one over the choices, where that is what accuracy is about.
  private func guessing(_ task: Int, _ metric: Metric) -> Double? {
    guard metric.name.hasPrefix("acc"), metric.isShare, let records = answers.first?.records[task], !records.isEmpty else { return nil }
    var sum = 0.0
    for record in records {
      guard case .choice = record.sample.target, case .continuations(let choices) = record.sample.request, choices.count > 1 else {
        return nil
      }
      sum += 1 / Double(choices.count)
    }
    return sum / Double(records.count)
  }

  // MARK: - Subjects and categories

  private func parts(_ task: Int) -> Markup {
    guard !tasks[task].subjects.isEmpty, let main = tasks[task].metrics.first?.metric else { return .nothing }
    let categories = tasks[task].categories
    let count = FigureText.count(tasks[task].subjects.count, "subject")
    let summary =
      categories.isEmpty
      ? count : count + " in " + (categories.count == 1 ? "1 category" : "\(FigureText.grouped(categories.count)) categories")
    var tables = [
      partTable(
        "Over all", main,
        rows: [
          ("over samples", nil, tasks[task].sampleCount, result.models.map { $0.tasks[task].metrics[main.name] }),
          ("mean of subjects", nil, tasks[task].sampleCount, result.models.map { $0.tasks[task].subjectMeans[main.name] }),
        ])
    ]
    if !categories.isEmpty {
      tables.append(
        partTable(
          "Categories, over samples", main,
          rows: categories.indices.map { index in
            let part = categories[index]
            return (part.name, nil, part.sampleCount, result.models.map { $0.tasks[task].categories[index].metrics[main.name] })
          }))
      tables.append(
        partTable(
          "Categories, mean of their subjects", main,
          rows: categories.indices.map { index in
            let part = categories[index]
            return (part.name, nil, part.sampleCount, result.models.map { $0.tasks[task].categories[index].subjectMeans[main.name] })
          }))
    }
    tables.append(
      partTable(
        "Subjects", main,
        rows: tasks[task].subjects.indices.map { index in
          let part = tasks[task].subjects[index]
          return (part.name, part.category, part.sampleCount, result.models.map { $0.tasks[task].subjects[index].metrics[main.name] })
        }))
    return .element("details", [], [.element("summary", summary)] + tables)
  }

  private func partTable(
    _ caption: String, _ metric: Metric, rows: [(name: String, category: String?, count: Int, figures: [MetricResult?])]
  ) -> Markup {
    let hasCategories = rows.contains { $0.category != nil }
    let head =
      [Markup.text("name")] + (hasCategories ? [.text("category")] : []) + [.text("samples")] + result.models.indices.map(name)
      + (result.models.count == 2 ? [.text("difference")] : [])
    let body = rows.map { row -> Markup in
      var cells = [Markup.element("th", [("scope", "row")], [.text(row.name)])]
      if hasCategories { cells.append(.element("td", row.category ?? "")) }
      cells.append(.element("td", class: "number", [.text(FigureText.grouped(row.count))]))
      cells += row.figures.map { .element("td", class: "number", [.text($0.map(FigureText.value) ?? "–")]) }
      if row.figures.count == 2 {
        let difference = row.figures[0].flatMap { first in row.figures[1].map { $0.value - first.value } }
        cells.append(.element("td", class: "number", [.text(difference.map { FigureText.signed($0, metric) } ?? "–")]))
      }
      return .element("tr", [], cells)
    }
    return .element(
      "div", class: "wide",
      [
        .element(
          "table", [],
          [
            .element("caption", "\(caption): \(metric.name)"),
            .element("thead", [], [.element("tr", [], head.map { .element("th", [("scope", "col")], [$0]) })]), .element("tbody", [], body),
          ])
      ])
  }
}

/// Bars of one figure, one scale for all models.
struct ScoreBars {
  private static let width = 200.0
  private let metric: Metric
  private let guessing: Double?
  private let largest: Double
  private let canBeDrawn: Bool

  init(_ figures: [MetricResult?], _ metric: Metric, guessing: Double?) {
    self.metric = metric
    self.guessing = guessing
    let ends = figures.compactMap { $0 }.map { $0.value + ScoreBars.reach($0) }
    largest = metric.isShare ? 1 : ends.max() ?? 0
    canBeDrawn = largest > 0 && largest.isFinite && figures.allSatisfy { ($0?.value ?? 0) >= 0 }
  }

  /// Half of the interval of 95 %.
  private static func reach(_ figure: MetricResult) -> Double { 1.96 * (figure.standardError ?? 0) }

  func bar(_ figure: MetricResult, color: Int) -> Markup {
    guard canBeDrawn else { return .nothing }
    var parts = [
      Markup.element("rect", [("class", "ground"), ("x", "0"), ("y", "4"), ("width", place(largest)), ("height", "12"), ("rx", "2")]),
      .element("rect", [("class", "c\(color)"), ("x", "0"), ("y", "4"), ("width", place(figure.value)), ("height", "12"), ("rx", "2")]),
    ]
    if let guessing { parts.append(line(guessing, guessing, "guess", from: 0, to: 20)) }
    var label = FigureText.number(figure.value, like: figure.value, metric) + (metric.isShare ? " %" : "")
    if figure.standardError != nil {
      let (low, high) = (max(0, figure.value - ScoreBars.reach(figure)), min(largest, figure.value + ScoreBars.reach(figure)))
      parts += [
        line(low, high, "whisker", from: 10, to: 10), line(low, low, "whisker", from: 6, to: 14),
        line(high, high, "whisker", from: 6, to: 14),
      ]
      label += ", between \(FigureText.number(low, like: figure.value, metric)) and \(FigureText.number(high, like: figure.value, metric))"
    }
    return .element("svg", [("viewBox", "-1 0 202 20"), ("width", "202"), ("height", "20"), ("role", "img"), ("aria-label", label)], parts)
  }

  private func place(_ value: Double) -> String {
    String(format: "%.1f", min(max(0, value / largest), 1) * ScoreBars.width)
  }

  private func line(_ from: Double, _ to: Double, _ style: String, from top: Int, to bottom: Int) -> Markup {
    .element("line", [("class", style), ("x1", place(from)), ("x2", place(to)), ("y1", "\(top)"), ("y2", "\(bottom)")])
  }
}
