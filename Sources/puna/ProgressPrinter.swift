import FineTuning
import Foundation

/// Shows a run: one line that renews itself on a terminal, plain lines now and then elsewhere.
struct ProgressPrinter {
  private let run: TrainingRun
  private let isQuiet: Bool
  private let began = Date()
  private var lastLine = Date.distantPast
  private var progress: ProgressLine
  private var before: SampleReport?
  private var hasOpenLine = false
  private var firstValidation: Double?
  private var skippedCount = 0
  private var spikeCount = 0
  private var isOver = false

  /// - Parameter peak: of the processor, in operations a second.
  init(run: TrainingRun, isQuiet: Bool, peak: Double? = nil) {
    self.run = run
    progress = ProgressLine(run, peak: peak)
    self.isQuiet = isQuiet
  }

  mutating func show(_ event: TrainingEvent) {
    switch event {
    case .started(let facts): showStart(facts)
    case .step(let report): show(report)
    case .skipped(let step, let rows):
      skippedCount += 1
      if skippedCount <= 3 {
        line("note: step \(step) has nothing to learn and was skipped: \(rows.joined(separator: ", "))", isNote: true)
      }
    case .validation(let report): show(report)
    case .samples(let report): show(report)
    case .warning(let warning):
      if warning.kind == .lossSpike { spikeCount += 1 }
      if warning.kind != .lossSpike || spikeCount <= 3 { line("warning: \(warning.text)", isNote: true) }
    case .stopped(let stop): line(stop.text, isNote: true)
    case .saved(let path, let step):
      isOver = path == run.recipe.output
      line("step \(step): saved \(path)")
    }
  }

  /// Before anything else is printed.
  mutating func pause() { closeLine() }

  mutating func finish() {
    if skippedCount > 3 { line("note: \(skippedCount) steps in all had nothing to learn and were skipped", isNote: true) }
    if spikeCount > 3 { line("warning: \(spikeCount) loss spikes in all; metrics.jsonl has them", isNote: true) }
    line("done in \(Terminal.duration(Date().timeIntervalSince(began))): adapter in \(run.recipe.output)")
  }

  private mutating func showStart(_ facts: TrainingFacts) {
    line("base       \(run.recipe.base): \(Terminal.grouped(facts.baseParameters)) parameters, \(run.base.dtype.rawValue)")
    line("adapter    \(run.adapterText): \(run.trainedParameters.text)")
    line(
      "data       \(Terminal.grouped(run.examples.rowsPerEpoch)) rows, \(Terminal.grouped(run.examples.validationRowCount)) held out; "
        + "\(facts.stepCount) steps of \(run.recipe.training.batchSize), \(facts.stepsPerEpoch) an epoch")
    if facts.firstStep > 0 {
      line("resumed    after step \(facts.firstStep)\(facts.firstStep >= facts.stepCount ? ", the last: nothing is left to do" : "")")
    }
    line(
      "compute    \(run.precision.rawValue) on \(run.instructionSet.rawValue); at most \(facts.plan.rows) rows in flight"
        + (facts.plan.recomputes ? ", blocks recomputed" : "") + "; about \(Terminal.bytes(facts.plan.privateBytes)) beside the mapped base"
    )
  }

  private mutating func show(_ report: StepReport) {
    progress.add(report)
    let isLast = report.step == report.stepCount
    guard !isQuiet, isLast || report.step == 1 || Date().timeIntervalSince(lastLine) > interval else { return }
    lastLine = Date()
    if Terminal.isInteractive {
      FileHandle.standardError.write(Data("\r\u{1B}[K\(progress.text(columns: Terminal.progressWidth))".utf8))
      hasOpenLine = true
    } else {
      standardError(progress.text(columns: nil))
    }
  }

  /// Seconds between two lines: what a person can read, and what a file of hours should hold.
  private var interval: Double { Terminal.isInteractive ? 0.1 : min(60, max(5, Date().timeIntervalSince(began) / 20)) }

  private mutating func show(_ report: ValidationReport) {
    progress.add(report)
    let start = firstValidation.map { String(format: " (%.4f at the start)", $0) } ?? ""
    if report.step == 0 { firstValidation = report.loss }
    line("step \(report.step): validation loss \(String(format: "%.4f", report.loss))\(start)")
  }

  private mutating func show(_ report: SampleReport) {
    guard isOver, let before else {
      if report.step == 0 { self.before = report } else { showBetween(report) }
      return
    }
    closeLine()
    let rows = zip(before.samples, report.samples)
    // Some that training changed tell more than the first ones.
    let shown = rows.filter { $0.answer != $1.answer }.prefix(4)
    print("\(report.referenceCount > 0 ? "held-out instructions" : "instructions"), answered before and after:")
    for (old, new) in shown {
      print("  \(oneLine(new.instruction))\(new.input.isEmpty ? "" : " | \(oneLine(new.input))")")
      print("    before:   \(oneLine(old.answer))")
      print("    after:    \(oneLine(new.answer))")
      if let reference = new.reference { print("    expected: \(oneLine(reference))") }
    }
    guard report.referenceCount > 0 else { return }
    print(
      "answered exactly: \(before.exactCount) of \(before.referenceCount) before, \(report.exactCount) of \(report.referenceCount) after"
        + " (\(String(format: "%.0f", 100 * Double(report.exactCount) / Double(max(1, report.referenceCount)))) %)")
  }

  /// While the run goes on.
  private mutating func showBetween(_ report: SampleReport) {
    if report.referenceCount > 0 {
      line("step \(report.step): answered exactly: \(report.exactCount) of \(report.referenceCount)")
    }
    for sample in report.samples.prefix(4) where sample.reference == nil {
      line("  \(oneLine(sample.instruction))\(sample.input.isEmpty ? "" : " | \(oneLine(sample.input))")")
      line("    step \(report.step): \(oneLine(sample.answer))")
    }
  }

  private func oneLine(_ text: String) -> String {
    let line = text.split(whereSeparator: \.isNewline).joined(separator: " ").trimmingCharacters(in: .whitespaces)
    return line.count > 100 ? line.prefix(97) + "..." : line
  }

  private mutating func line(_ text: String, isNote: Bool = false) {
    closeLine()
    if !isQuiet || isNote { standardError(text) }
  }

  private mutating func closeLine() {
    if hasOpenLine { standardError("") }
    hasOpenLine = false
  }
}
