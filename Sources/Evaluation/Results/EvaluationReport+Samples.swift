import Foundation
import Pages

extension EvaluationReport {
  /// Samples of a task side by side: those that models disagree about first, then the rest, in the order of the file.
  func samples(_ task: Int) -> Markup {
    let count = tasks[task].sampleCount
    guard count > 0 else { return .nothing }
    let order = sampleOrder(task)
    var articles: [Markup] = []
    var room = byteLimit / tasks.count
    for index in order.prefix(samplesPerTask) {
      let article = article(task, index)
      room -= article.source.utf8.count
      if room < 0 && !articles.isEmpty { break }
      articles.append(article)
    }
    let isSorted = result.models.count > 1 && count > 1
    let first = isSorted ? ", those that the models differ most in first" : ""
    let shown =
      articles.count == count
      ? "All \(FigureText.count(count, "sample"))\(first)."
      : "\(FigureText.grouped(articles.count)) of \(FigureText.count(count, "sample"))\(first)."
    return .element(
      "details", [("class", "samples"), ("open", "open")],
      [
        .element("summary", "Samples side by side"), .element("p", class: "quiet", [.text(shown)]), controls(task),
      ] + articles)
  }

  private func sampleOrder(_ task: Int) -> [Int] {
    let records = answers.map { $0.records[task] }
    let main = tasks[task].metrics.first?.metric.name ?? ""
    let keys = records[0].indices.map { index -> Double in
      let verdicts = Set(records.compactMap { $0[index].score.isCorrect })
      let values = records.compactMap { $0[index].score.values[main].map { $0.weight > 0 ? $0.value / $0.weight : 0 } }
      // Likelihoods have no bound: any disagreement over right and wrong comes before them.
      return (verdicts.count > 1 ? 1e9 : 0) + min(1e8, (values.max() ?? 0) - (values.min() ?? 0))
    }
    return keys.indices.sorted { keys[$0] != keys[$1] ? keys[$0] > keys[$1] : $0 < $1 }
  }

  // MARK: - The filter

  /// Hidden until the script shows it.
  private func controls(_ task: Int) -> Markup {
    let judged = answers.contains { $0.records[task].contains { $0.score.isCorrect != nil } }
    var parts: [Markup] = []
    if judged {
      var options = [("", "all that are shown")]
      let names = result.models.map(\.name)
      func pattern(_ marks: [Int: String]) -> String { names.indices.map { marks[$0] ?? "?" }.joined() }
      if names.count > 1 { options.append(("d", "models disagree")) }
      for other in names.indices.dropFirst() {
        options.append((pattern([other: "1", 0: "0"]), "right in \(names[other]), wrong in \(names[0])"))
        options.append((pattern([other: "0", 0: "1"]), "wrong in \(names[other]), right in \(names[0])"))
      }
      for index in names.indices { options.append((pattern([index: "0"]), "wrong in \(names[index])")) }
      parts.append(
        .element(
          "label", [],
          [
            .text("Show "), .element("select", [], options.map { .element("option", [("value", $0.0)], [.text($0.1)]) }),
          ]))
    }
    parts.append(.element("label", [], [.text("Search "), .element("input", [("type", "search")])]))
    parts.append(.element("output", [("aria-live", "polite")]))
    return .element("form", [("class", "controls"), ("hidden", "hidden")], parts)
  }

  // MARK: - One sample

  private func article(_ task: Int, _ index: Int) -> Markup {
    let records = answers.map { $0.records[task][index] }
    let sample = records[0].sample
    let wording = SampleWording(sample.request, render: render)
    let marks = records.map { $0.score.isCorrect.map { $0 ? "1" : "0" } ?? "-" }.joined()
    let subject = sample.subject.map { ", \($0)" } ?? ""
    var parts = [Markup.element("h3", "Sample \(sample.id)\(subject)")]
    // Answers have theirs above each.
    let isSpoken = if case .answers = records[0].response { true } else { false }
    let verdicts = records.indices.filter { records[$0].score.isCorrect != nil && !isSpoken }
    if !verdicts.isEmpty {
      parts.append(
        .element(
          "p", class: "verdicts",
          verdicts.map { model in
            .element("span", [], [name(model), .text(" "), verdict(records[model].score.isCorrect == true)])
          }))
    }
    if !wording.prompt.isEmpty { parts.append(prompt(wording.prompt, hasExamples: tasks[task].fewShot > 0)) }
    switch records[0].response {
    case .continuations: parts.append(choices(records, wording.choices))
    case .text: parts.append(contentsOf: [prompt(wording.choices.first ?? ""), likelihoods(records)])
    case .answers: parts.append(spoken(records))
    }
    return .element("article", [("data-marks", marks)], parts)
  }

  private func verdict(_ isRight: Bool) -> Markup {
    .element("span", class: isRight ? "right" : "wrong", [.text(isRight ? "✓ right" : "✗ wrong")])
  }

  /// The end of a prompt, which is the question; what stands before it, worked examples above all, is folded.
  private func prompt(_ text: String, hasExamples: Bool = false) -> Markup {
    let scalars = text.unicodeScalars
    let longest = hasExamples ? 400 : 1500
    guard scalars.count > longest else { return .foreign("pre", class: "prompt", text) }
    // From the beginning of a paragraph or line on, if there is one.
    var tail = scalars.suffix(1000)
    if hasExamples, let gap = text.range(of: "\n\n", options: .backwards), text.distance(from: gap.upperBound, to: text.endIndex) > 20 {
      tail = scalars[max(gap.upperBound, tail.startIndex)...]
    } else if let end = tail.firstIndex(of: "\n"), tail.distance(from: tail.startIndex, to: end) < 800 {
      tail = tail[tail.index(after: end)...]
    }
    let head = scalars[..<tail.startIndex]
    return .element(
      "div", [],
      [
        .element(
          "details", class: "before",
          [
            .element("summary", "\(FigureText.count(head.count, "character")) before"),
            .foreign("pre", class: "prompt", EvaluationReport.bounded(String(head), to: 6000)),
          ]),
        .foreign("pre", class: "prompt", String(tail)),
      ])
  }

  /// The text, or its beginning and end with what is missing between.
  static func bounded(_ text: String, to limit: Int) -> String {
    let scalars = text.unicodeScalars
    guard scalars.count > limit else { return text }
    return String(scalars.prefix(limit / 2))
      + "\n[... \(FigureText.grouped(scalars.count - limit / 2 * 2)) characters are not shown here ...]\n"
      + String(scalars.suffix(limit / 2))
  }

  /// Choices with their likelihoods: the right one is marked, and what each model chose.
  private func choices(_ records: [SampleRecord], _ texts: [String]) -> Markup {
    let head =
      [Markup.text(""), .text("choice")] + records.indices.map { .element("span", [], [name($0), .text(" log-likelihood")]) }
    let rows = texts.indices.map { choice -> Markup in
      let isRight =
        switch records[0].sample.target {
        case .choice(let right): right == choice
        case .choices(let areRight): choice < areRight.count && areRight[choice]
        default: false
        }
      var cells = [
        Markup.element("td", class: "mark", isRight ? [.element("span", class: "right", [.text("✓ right")])] : []),
        .foreign("td", class: "choice", EvaluationReport.bounded(texts[choice], to: 1200)),
      ]
      for record in records {
        guard case .continuations(let scores) = record.response, choice < scores.count else {
          cells.append(.element("td"))
          continue
        }
        let isChosen = record.score.prediction == .choice(choice)
        let number = Markup.text(String(format: "%.2f", scores[choice].logLikelihood))
        cells.append(
          .element("td", class: isChosen ? "number chosen" : "number", isChosen ? [.text("chosen "), number] : [number]))
      }
      return .element("tr", class: isRight ? "answer" : "", cells)
    }
    return table(head, rows)
  }

  private func likelihoods(_ records: [SampleRecord]) -> Markup {
    let rows = records.indices.map { index -> Markup in
      guard case .text(let score) = records[index].response else { return .nothing }
      let each = score.tokenCount > 0 ? String(format: "%.4f", score.logLikelihood / Double(score.tokenCount)) : "–"
      return .element(
        "tr", [],
        [
          .element("th", [("scope", "row")], [name(index)]),
          .element("td", class: "number", [.text(String(format: "%.2f", score.logLikelihood))]),
          .element("td", class: "number", [.text(FigureText.grouped(score.tokenCount))]), .element("td", class: "number", [.text(each)]),
        ])
    }
    return table([.text("model"), .text("log-likelihood"), .text("tokens"), .text("each")], rows)
  }

  /// What models said, beside the reference.
  private func spoken(_ records: [SampleRecord]) -> Markup {
    var columns: [Markup] = []
    switch records[0].sample.target {
    case .texts(let texts):
      let shown = texts.prefix(8).joined(separator: "\n") + (texts.count > 8 ? "\n[... and \(texts.count - 8) more]" : "")
      columns.append(column([.text(texts.count > 1 ? "accepted" : "reference")], [shown], []))
    case .program(_, let after): columns.append(column([.text("must pass")], [after], []))
    case .none, .choice, .choices: break
    }
    for (index, record) in records.enumerated() {
      guard case .answers(let texts, _) = record.response else { continue }
      var notes: [String] = []
      if case .text(let prediction) = record.score.prediction, texts != [prediction] {
        notes.append("taken from it: \(EvaluationReport.bounded(prediction, to: 400))")
      }
      let scores = record.score.values.sorted { $0.key < $1.key }.filter { $0.value.value != 0 && $0.value.value != 1 }
      if !scores.isEmpty { notes.append(scores.map { "\($0.key) \(String(format: "%.3f", $0.value.value))" }.joined(separator: ", ")) }
      if texts.count > 4 { notes.append("\(texts.count - 4) further answers are not shown here") }
      let mark = record.score.isCorrect.map { [Markup.text(" "), verdict($0)] } ?? []
      columns.append(column([name(index)] + mark, Array(texts.prefix(4)), notes))
    }
    return .element("div", class: "answers", columns)
  }

  private func column(_ head: [Markup], _ texts: [String], _ notes: [String]) -> Markup {
    let texts = texts.map { text in
      text.isEmpty
        ? Markup.element("p", class: "quiet", [.text("(nothing)")])
        : .foreign("pre", class: "said", EvaluationReport.bounded(text, to: 4000))
    }
    let notes = notes.map { Markup.foreign("p", class: "quiet", $0) }
    return .element("div", [], [.element("h4", [], head)] + texts + notes)
  }

  private func table(_ head: [Markup], _ rows: [Markup]) -> Markup {
    .element(
      "div", class: "wide",
      [
        .element(
          "table", [],
          [
            .element("thead", [], [.element("tr", [], head.map { .element("th", [("scope", "col")], [$0]) })]), .element("tbody", [], rows),
          ])
      ])
  }
}
