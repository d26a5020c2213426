import Adapters
import Foundation
import Pages

/// A finished run as one HTML page for a person: what was trained on what, how it went, what the adapter does, and what it cost.
///
/// The page needs no network and runs nothing.
public struct RunReport {
  public static let fileName = "report.html"

  /// What only the process that trained knows. After a resumed run, of its last part.
  public struct Session: Sendable {
    /// The most memory that was resident at once, mapped pages of the base among it, in bytes.
    public var peakMemory: Int?
    /// What was planned before step 1, the mapped base among it, in bytes.
    public var plannedMemory: Int?
    /// Of the processor, in operations a second, and the share of it that training's needed work took.
    public var peakRate: Double?
    public var shareOfPeak: Double?
    public var processor: String?
    public var threads: Int?
    /// Rows in flight, and whether blocks were computed again.
    public var rowsInFlight: Int?
    public var recomputes = false
    /// Seconds that went into curves while the run went on.
    public var watchSeconds: Double?

    public init() {}
  }

  let facts: RunFacts
  let norms: [PEFTAdapter.ModuleNorm]
  let session: Session
  /// The resolved recipe.
  let recipe: String

  /// - Parameters:
  ///   - norms: of the adapter; empty where they were not made.
  ///   - recipe: the text of `recipe.yaml`.
  public init(_ facts: RunFacts, norms: [PEFTAdapter.ModuleNorm], session: Session, recipe: String) {
    self.facts = facts
    self.norms = norms
    self.session = session
    self.recipe = recipe
  }

  /// The whole page.
  public var html: String {
    HTMLPage.html(
      title: "Training of \(name)", styles: RunReport.styles,
      body: [.element("header", [], header), .element("main", [], [curves, samples, adapter, data, cost, settings])])
  }

  private var name: String { RunFolderName.of(facts.path) }

  // MARK: - What came of it

  private var header: [Markup] {
    var parts = [Markup.element("h1", name), .element("p", class: "lead", [.text(lead)]), .element("div", class: "tiles", tiles)]
    let warnings = facts.metrics.warnings + facts.notes + facts.problems
    if !warnings.isEmpty {
      parts.append(.element("ul", class: "warnings", warnings.map { .element("li", $0) }))
    }
    return parts
  }

  private var lead: String {
    var text = "A LoRA adapter"
    if let lora = facts.recipe?.lora { text += " of rank \(lora.rank)" }
    if let base = facts.record?.base { text += " on \(base)" }
    text += ", trained for \(Words.count(facts.stepsDone, "step"))"
    if let batch = facts.recipe?.training.batchSize { text += " of \(Words.count(batch, "row"))" }
    text += "."
    if let first = facts.validations.first, first.step == 0, let best = facts.bestValidation {
      text += " The loss on rows that it did not learn from went from \(RunReport.figure(first.value)) to \(RunReport.figure(best.value))"
      text += " after step \(Words.grouped(best.step))"
      text += facts.hasBest && best.step < facts.stepsDone ? "; the adapter of that step is in best/." : "."
    }
    return text
  }

  private var tiles: [Markup] {
    var tiles: [(String, String)] = []
    if let best = facts.bestValidation { tiles.append(("best validation loss", RunReport.figure(best.value))) }
    if let bits = facts.bestValidation?.bitsPerByte { tiles.append(("bits per byte", RunReport.figure(bits))) }
    if let last = facts.losses.last { tiles.append(("last training loss", RunReport.figure(last.value))) }
    if let (right, asked) = exact(facts.metrics.samples.last) {
      tiles.append(("answered exactly", "\(Words.grouped(right)) of \(Words.grouped(asked))"))
    }
    tiles.append(("time", Words.duration(facts.stepSeconds + facts.validationSeconds)))
    if let rate = facts.examplesPerSecond { tiles.append(("examples a second", RunReport.rate(rate))) }
    if let memory = session.peakMemory { tiles.append(("most memory", Words.bytes(memory))) }
    return tiles.map { label, value in
      .element("div", class: "tile", [.element("b", value), .element("span", class: "quiet", [.text(label)])])
    }
  }

  /// How many answers are the reference, of those that have one.
  func exact(_ samples: RunHistory.Samples?) -> (right: Int, asked: Int)? {
    guard let judged = samples?.samples.filter({ $0.expected != nil }), !judged.isEmpty else { return nil }
    return (judged.count { $0.isExact }, judged.count)
  }

  static func figure(_ value: Double) -> String { String(format: value.magnitude < 1000 ? "%.4f" : "%.4g", value) }

  static func rate(_ value: Double) -> String {
    value >= 100 && value < 1e15 ? Words.grouped(Int(value.rounded())) : String(format: "%.3g", value)
  }

  // MARK: - How it went

  private var curves: Markup {
    let chart = LossChart(facts.metrics, title: "Loss", stepCount: facts.stepsPlanned)
    guard !chart.isEmpty else { return .nothing }
    let reading =
      "Loss: the mean surprise at each token that was to be learnt, in nats; lower is better. Training loss is of the rows of one step, "
      + "validation loss always of the same rows, which are never trained on. Where it rises while training loss falls, the adapter learns "
      + "its rows by heart."
    return section("curves", "How it went", [chart.markup, .element("p", class: "reading quiet", [.text(reading)])])
  }

  func section(_ id: String, _ title: String, _ parts: [Markup]) -> Markup {
    .element("section", [("aria-labelledby", id)], [.element("h2", [("id", id)], [.text(title)])] + parts)
  }

  func list(_ rows: [(String, String?)]) -> Markup {
    .element(
      "dl", [],
      rows.flatMap { label, value -> [Markup] in
        guard let value else { return [] }
        return [.element("dt", label), .element("dd", value)]
      })
  }

  // MARK: - From what, at what cost

  private var data: Markup {
    guard let data = facts.record?.data else { return .nothing }
    var rows: [(String, String?)] = [
      (data.files.count == 1 ? "file" : "files", data.files.joined(separator: ", ")), ("rows an epoch", Words.grouped(data.trainingRows)),
      ("rows held out", Words.grouped(data.validationRows)),
    ]
    if let last = facts.metrics.steps.last?.epoch { rows.append(("epochs", String(format: "%.2f", last))) }
    rows.append(("tokens seen", "\(Words.grouped(facts.tokens)), of which \(Words.grouped(facts.supervisedTokens)) learnt"))
    rows.append(("rows cut", data.truncatedRows.map(Words.grouped)))
    rows.append(("rows left out", data.droppedRows.map(Words.grouped)))
    let templates = facts.record?.templates.map(\.name) ?? []
    rows.append((templates.count == 1 ? "template" : "templates", templates.isEmpty ? nil : templates.joined(separator: ", ")))
    return section("data", "Data", [list(rows)])
  }

  private var cost: Markup {
    let steps = facts.metrics.steps.compactMap(\.seconds).sorted()
    let peak = session.peakRate.map { String(format: "%.0f GFLOP/s measured", $0 / 1e9) }
    return section(
      "cost", "Time and memory",
      [
        list([
          ("in steps", Words.duration(facts.stepSeconds)), ("in validation", Words.duration(facts.validationSeconds)),
          ("a step", steps.isEmpty ? nil : "\(Words.duration(steps[steps.count / 2])) (median)"),
          ("examples a second", facts.examplesPerSecond.map(RunReport.rate)),
          ("tokens a second", facts.tokensPerSecond.map(RunReport.rate)),
          ("drawing these curves", session.watchSeconds.map { String(format: "%.3f s", $0) }),
          ("processor", session.processor), ("threads", session.threads.map { "\($0)" }),
          ("its peak", peak),
          ("share of the peak", session.shareOfPeak.map { String(format: "%.0f %%, counting the work that the gradient needs", 100 * $0) }),
          ("most memory", session.peakMemory.map { "\(Words.bytes($0)), mapped pages of the base among it" }),
          ("planned", session.plannedMemory.map { "\(Words.bytes($0)), the whole base among it" }),
          ("rows in flight", session.rowsInFlight.map { "\(Words.grouped($0))\(session.recomputes ? ", blocks computed again" : "")" }),
        ])
      ])
  }

  private var settings: Markup {
    let record = facts.record
    return section(
      "recipe", "To run it again",
      [
        list([
          ("puna", record?.version), ("precision", record.map { "\($0.precision) on \($0.instructionSet)" }),
          ("seed", record.map { "\($0.seed)" }), ("base", record?.base), ("its fingerprint", record?.baseFingerprint),
          ("on top of", record.flatMap { $0.adapters.isEmpty ? nil : $0.adapters.map(\.path).joined(separator: ", ") }),
          ("continues", record?.startFrom),
        ]), .foreign("pre", class: "recipe", recipe),
      ])
  }
}
