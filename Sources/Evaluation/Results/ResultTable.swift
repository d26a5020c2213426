import Pages

/// A result as lines of text, for a terminal.
struct ResultTable {
  let result: EvaluationResult
  let width: Int
  let showsSubjects: Bool

  private static let gap = "  "
  private static let longestName = 20

  /// A line: a heading over its rows, or a label with a cell for each column.
  private enum Row {
    case heading(String)
    case figures(label: String, task: Int, part: Part)

    /// Parts of tasks are not tested.
    var isCompared: Bool {
      switch self {
      case .heading, .figures(_, _, .metric): true
      case .figures: false
      }
    }
  }

  /// Which of a task's figures.
  private enum Part {
    case metric(String)
    case subjectMean(String)
    case category(Int)
    case subject(Int)
  }

  /// A column: what heads it, and its cell of a row.
  private struct Column {
    let title: String
    let cell: (Int, Part) -> String
  }

  var lines: [String] {
    guard let first = result.models.first, !first.tasks.isEmpty else { return ["no tasks, or no models"] }
    let names = result.models.map { VisibleText.visible($0.name) }
    let hasLetters = names.contains { VisibleText.width($0) > ResultTable.longestName }
    let titles = hasLetters ? names.indices.map(ResultTable.letter) : names
    let values = result.models.indices.map { valueColumn($0, title: titles[$0]) }
    var lines = hasLetters ? zip(titles, names).map { "\($0)  \($1)" } + [""] : []
    if result.models.count == 2 {
      lines += block(values + comparisonColumns(result.comparisons[0]), rows: rows)
    } else {
      for (index, columns) in fitting(values).enumerated() { lines += (index > 0 ? [""] : []) + block(columns, rows: rows) }
      for comparison in result.comparisons {
        lines += ["", "\(titles[comparison.model]) less \(titles[comparison.against])"]
        lines += block(comparisonColumns(comparison), rows: rows.filter(\.isCompared))
      }
    }
    return lines + [""] + legend(titles)
  }

  static func letter(_ index: Int) -> String {
    index < 26 ? String(UnicodeScalar(UInt8(ascii: "A") + UInt8(index))) : "model \(index + 1)"
  }

  // MARK: - Columns

  private func valueColumn(_ model: Int, title: String) -> Column {
    Column(title: title) { task, part in
      figure(result.models[model].tasks[task], part).map(FigureText.value) ?? "-"
    }
  }

  private func figure(_ task: TaskResult, _ part: Part) -> MetricResult? {
    switch part {
    case .metric(let name): task.metrics[name]
    case .subjectMean(let name): task.subjectMeans[name]
    case .category(let index): task.categories[index].metrics.first
    case .subject(let index): task.subjects[index].metrics.first
    }
  }

  private func comparisonColumns(_ comparison: ModelComparison) -> [Column] {
    func row(_ task: Int, _ part: Part) -> MetricComparison? {
      guard case .metric(let name) = part else { return nil }
      return comparison.metric(name, of: result.models[comparison.model].tasks[task].task)
    }
    let columns = [
      Column(title: "difference") { row($0, $1).map(FigureText.difference) ?? "" },
      Column(title: "p") { task, part in
        guard let row = row(task, part), row.p != nil else { return "" }
        return FigureText.p(row.p) + (row.test.isMcNemar ? " m" : " r")
      },
    ]
    let adjusted = Column(title: "Holm") { row($0, $1).map { FigureText.p($0.adjustedP) } ?? "" }
    return result.testCount > 1 ? columns + [adjusted] : columns
  }

  // MARK: - Rows

  private var rows: [Row] {
    var rows: [Row] = []
    for (index, task) in (result.models.first?.tasks ?? []).enumerated() {
      rows.append(.heading(heading(task, index)))
      if task.metrics.isEmpty { rows.append(.heading("  no sample counts in any metric")) }
      for figure in task.metrics {
        rows.append(.figures(label: "  \(figure.metric.name)", task: index, part: .metric(figure.metric.name)))
      }
      guard let main = task.metrics.first?.metric.name, !task.subjects.isEmpty else { continue }
      rows.append(.figures(label: "  \(main), mean of subjects", task: index, part: .subjectMean(main)))
      for (place, category) in task.categories.enumerated() {
        rows.append(.figures(label: "    \(VisibleText.visible(category.name))", task: index, part: .category(place)))
      }
      guard showsSubjects || task.subjects.count <= 6 else { continue }
      for (place, subject) in task.subjects.enumerated() {
        rows.append(.figures(label: "    \(VisibleText.visible(subject.name))", task: index, part: .subject(place)))
      }
    }
    return rows
  }

  /// `mmlu: 14,042 samples of 57 subjects, 5-shot, version 1`
  private func heading(_ task: TaskResult, _ index: Int) -> String {
    let subjects = task.subjects.isEmpty ? "" : " of \(FigureText.count(task.subjects.count, "subject"))"
    let cut = result.models.map { $0.tasks[index].cutSampleCount }
    let most = cut.max() ?? 0
    return "\(VisibleText.visible(task.task)): \(FigureText.count(task.sampleCount, "sample"))\(subjects), \(task.fewShot)-shot, "
      + "version \(task.version)" + (most > 0 ? ", \(FigureText.count(most, "context")) cut" : "")
  }

  // MARK: - Layout

  private func block(_ columns: [Column], rows: [Row]) -> [String] {
    let cells = rows.map { row -> [String] in
      guard case .figures(_, let task, let part) = row else { return [] }
      return columns.map { $0.cell(task, part) }
    }
    let widths = columns.indices.map { index in
      max(VisibleText.width(columns[index].title), cells.map { $0.isEmpty ? 0 : VisibleText.width($0[index]) }.max() ?? 0)
    }
    let taken = widths.reduce(0) { $0 + $1 + ResultTable.gap.count }
    let labels = rows.map { row -> String in
      if case .figures(let label, _, _) = row { label } else { "" }
    }
    let labelWidth = min(labels.map(VisibleText.width).max() ?? 0, max(16, width - taken))
    func line(_ label: String, _ cells: [String]) -> String {
      let padded = label + String(repeating: " ", count: max(0, labelWidth - VisibleText.width(label)))
      let right = zip(cells, widths).map { cell, width in
        ResultTable.gap + String(repeating: " ", count: width - VisibleText.width(cell)) + cell
      }
      let text = padded + right.joined()
      return String(text.reversed().drop { $0 == " " }.reversed())
    }
    var lines = [line("", columns.map(\.title))]
    for (index, row) in rows.enumerated() {
      switch row {
      case .heading(let text): lines.append(text)
      case .figures(let label, _, _): lines.append(line(VisibleText.shortened(label, to: labelWidth), cells[index]))
      }
    }
    return lines
  }

  /// Columns in groups that fit the width beside labels.
  private func fitting(_ columns: [Column]) -> [[Column]] {
    let widest = "100.00 ± 10.00 %".count
    let each = columns.map { max(widest, VisibleText.width($0.title)) + ResultTable.gap.count }.max() ?? 1
    let count = max(1, (width - 28) / each)
    return stride(from: 0, to: columns.count, by: count).map { Array(columns[$0..<min($0 + count, columns.count)]) }
  }

  private func legend(_ titles: [String]) -> [String] {
    var lines = ["±: one standard error. Shares are in percent, differences of shares in points."]
    guard !result.comparisons.isEmpty else { return lines }
    if titles.count == 2 { lines.append("difference: \(titles[1]) less \(titles[0]), on the same samples.") }
    let tests = result.comparisons.flatMap(\.metrics).filter { $0.p != nil }.map(\.test)
    if tests.contains(where: \.isMcNemar) {
      lines.append("p, m: two-sided; McNemar's exact test on the samples that one of the two alone got right.")
    }
    if tests.contains(where: { !$0.isMcNemar }) {
      lines.append(
        "p, r: two-sided; share of random swaps of the two models' results with as large a difference (\(swaps(tests))).")
    }
    if result.testCount > 1 { lines.append("Holm: p adjusted for the \(FigureText.grouped(result.testCount)) tests of this evaluation.") }
    return lines
  }

  private func swaps(_ tests: [PairedTest]) -> String {
    let isDrawn = tests.contains { if case .randomization(_, false) = $0 { true } else { false } }
    let isExact = tests.contains { if case .randomization(_, true) = $0 { true } else { false } }
    let drawn = "\(FigureText.grouped(PairedTest.drawCount)) draws"
    return isDrawn ? (isExact ? "all swaps of up to 13 differences, otherwise \(drawn)" : drawn) : "all swaps"
  }
}

extension PairedTest {
  var isMcNemar: Bool { if case .mcnemar = self { true } else { false } }
}

extension EvaluationResult {
  /// The result as lines for a terminal: tasks with their figures, a column for each model, differences and tests.
  ///
  /// - Parameters:
  ///   - width: columns that lines keep within where labels and figures can.
  ///   - showsSubjects: subjects are left out where there are more than six of them, unless asked for.
  public func table(width: Int = 100, showsSubjects: Bool = false) -> [String] {
    ResultTable(result: self, width: width, showsSubjects: showsSubjects).lines
  }
}
