import Pages

/// A result as one HTML page for a person: scores with bars, what separates the models, and their answers side by side.
///
/// The page needs no network and no script; a small script adds a filter and a search. It never runs what it shows: a content security
/// policy allows that script alone.
public struct EvaluationReport {
  let result: EvaluationResult
  let answers: [ModelAnswers]
  let render: (PromptText) -> String
  let samplesPerTask: Int
  let byteLimit: Int

  /// - Parameters:
  ///   - answers: of the models of the result, in their order.
  ///   - samplesPerTask: samples of each task that are shown in full, those that models disagree about first.
  ///   - byteLimit: about how large the samples may be together; fewer are shown otherwise, and the page says so.
  ///   - render: how an instruction is written; without a template unless said.
  public init(
    _ result: EvaluationResult, answers: [ModelAnswers], samplesPerTask: Int = 50, byteLimit: Int = 4_000_000,
    render: ((PromptText) -> String)? = nil
  ) {
    precondition(answers.map(\.name) == result.models.map(\.name), "answers are those of the result's models")
    self.result = result
    self.answers = answers
    self.samplesPerTask = samplesPerTask
    self.byteLimit = byteLimit
    self.render = render ?? SampleWording.plain
  }

  /// The whole page.
  public var html: String {
    HTMLPage.html(
      title: title, styles: ReportStyle.styles, policy: ReportStyle.policy,
      body: [.element("header", [], header), .element("main", [], [overview] + tasks.indices.map(section) + [facts]), script])
  }

  var tasks: [TaskResult] { result.models.first?.tasks ?? [] }

  private var script: Markup { Markup(source: "<script>\(ReportStyle.script)</script>") }

  // MARK: - What this is

  private var title: String {
    let names = result.models.map(\.name)
    return switch names.count {
    case 0: "Evaluation"
    case 1: "Evaluation of \(names[0])"
    case 2: "\(names[1]) beside \(names[0])"
    default: "\(names.count) models side by side"
    }
  }

  private var header: [Markup] {
    let taskCount = FigureText.count(tasks.count, "task")
    let lead =
      result.models.count == 1
      ? "A language model answered the questions of \(taskCount). Below: what it scored, and what it said."
      : "\(result.models.count) language models answered the same questions of \(taskCount), written the same way. Below: what each scored, "
        + "whether the difference could be chance, and what was said."
    var parts = [Markup.element("h1", title), .element("p", class: "lead", [.text(lead)])]
    parts.append(
      .element(
        "ul", class: "models",
        result.models.indices.map { index in
          let model = result.models[index]
          let adapters = model.adapters.isEmpty ? "no adapter" : "adapter " + model.adapters.joined(separator: " + ")
          return .element("li", [], [name(index), .element("span", class: "quiet", [.text("base \(model.base), \(adapters)")])])
        }))
    if tasks.count > 1 {
      parts.append(
        .element(
          "nav", [("aria-label", "Tasks")],
          tasks.indices.map { index in
            .element("a", [("href", "#task\(index)")], [.text(tasks[index].task)])
          }))
    }
    return parts
  }

  /// A model's name with its colour.
  func name(_ model: Int) -> Markup {
    .element("span", class: "name", [swatch(model), .element("bdi", result.models[model].name)])
  }

  private func swatch(_ model: Int) -> Markup {
    .element(
      "svg", [("class", "swatch"), ("viewBox", "0 0 10 10"), ("aria-hidden", "true")],
      [
        .element("rect", [("class", "c\(model % ReportStyle.colorCount)"), ("width", "10"), ("height", "10"), ("rx", "2")])
      ])
  }

  // MARK: - Scores of all tasks

  private var overview: Markup {
    guard !tasks.isEmpty else { return .element("p", "No task was asked.") }
    let rows = tasks.indices.map { index in
      scoreRows(
        index, tasks[index].metrics.prefix(1),
        lead: { figure in
          [
            .element("a", [("href", "#task\(index)")], [.text(tasks[index].task)]), .element("br"),
            .element("span", class: "quiet", [.text("\(figure.metric.name), \(FigureText.count(tasks[index].sampleCount, "sample"))")]),
          ]
        })
    }
    return .element(
      "section", [("aria-labelledby", "scores")],
      [
        .element("h2", [("id", "scores")], [.text("Scores")]), scoreTable("The main figure of each task", head: "task", rows), reading,
      ])
  }

  /// What the columns mean, for someone who sees such a table for the first time.
  private var reading: Markup {
    var sentences = [
      "A bar is a model's score. The thin line on it is the 95 % interval: on other questions of the kind the score might as well have come "
        + "out anywhere on it. ± is one standard error.",
      "Longer is better unless a figure says “lower is better”. A dotted line marks what guessing would score.",
    ]
    if let first = result.models.first, result.models.count > 1 {
      sentences.append(
        "Difference: the score less that of \(first.name) on the same questions, of shares in percentage points. p is how often chance "
          + "alone would part two equally good models at least as far; below 0.05 is usually called significant.")
    }
    if result.testCount > 1 {
      sentences.append(
        "Among \(FigureText.grouped(result.testCount)) such tests some p values are small by chance; Holm's p allows for that, and the "
          + "words go by it.")
    }
    return .element("p", class: "reading quiet", [.text(sentences.joined(separator: " "))])
  }
}
