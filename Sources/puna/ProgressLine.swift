import CPUBackend
import FineTuning
import Foundation

/// How a run goes, in one line.
struct ProgressLine {
  /// What each step leaves of what was before: figures are those of about the last twenty.
  private static let memory = 0.95

  private let work: TrainingWork
  private let peak: Double?
  private let evaluateEvery: Int
  private var last: StepReport?
  private var weight = 0.0
  private var loss = 0.0
  private var seconds = 0.0
  private var examples = 0.0
  private var tokens = 0.0
  private var operations = 0.0
  private var validationSeconds = 0.0

  /// - Parameter peak: of the processor, in operations a second.
  init(_ run: TrainingRun, peak: Double?) {
    work = TrainingWork(run)
    self.peak = peak
    evaluateEvery = run.recipe.training.evaluateEvery
  }

  mutating func add(_ report: StepReport) {
    last = report
    let needed = work.operations(computed: report.tokensComputed, supervised: report.supervisedTokens)
    func remember(_ sum: inout Double, _ value: Double) { sum = ProgressLine.memory * sum + value }
    remember(&weight, 1)
    remember(&loss, report.loss)
    remember(&seconds, report.seconds)
    remember(&examples, Double(report.examples))
    remember(&tokens, Double(report.tokens))
    remember(&operations, needed)
  }

  mutating func add(_ report: ValidationReport) { validationSeconds = report.seconds }

  private var secondsLeft: Double {
    guard let last, weight > 0 else { return 0 }
    let validations = (last.stepCount + evaluateEvery - 1) / evaluateEvery - last.step / evaluateEvery
    return seconds / weight * Double(last.stepCount - last.step) + validationSeconds * Double(validations)
  }

  /// - Parameter columns: what it must fit in; what matters least is left out first.
  func text(columns: Int?) -> String {
    guard let last, weight > 0, seconds > 0 else { return "" }
    let share = peak.flatMap { $0 > 0 ? 100 * operations / seconds / $0 : nil }
    // With how much each matters: the least first to go.
    var fields: [(worth: Int, text: String)] = [
      (10, "step \(last.step)/\(last.stepCount)"), (6, "epoch \(String(format: "%.2f", last.epoch))"),
      (9, "loss \(String(format: "%.4f", loss / weight))"), (3, "rate \(String(format: "%.1e", last.learningRate))"),
      (2, "gradient \(String(format: "%.2f", last.gradientNorm))"), (4, "\(ProgressLine.rate(examples / seconds)) examples/s"),
      (7, "\(ProgressLine.rate(tokens / seconds)) tokens/s"),
    ]
    if let share { fields.append((1, "\(String(format: "%.0f", share)) % of peak")) }
    fields.append((5, Terminal.bytes(SystemMemory.resident)))
    if last.step < last.stepCount { fields.append((8, "\(Terminal.duration(secondsLeft)) left")) }
    func line() -> String { fields.map(\.text).joined(separator: "  ") }
    // The last column stays free: some terminals begin a new line after it.
    while let columns, line().count >= columns, fields.count > 1,
      let least = fields.indices.min(by: { fields[$0].worth < fields[$1].worth })
    {
      fields.remove(at: least)
    }
    return line()
  }

  /// `3.21`, `32.1`, `321`, `3,210`, `32.1k`
  private static func rate(_ value: Double) -> String {
    guard value.isFinite, value < 1e15 else { return "-" }
    if value >= 1e4 { return String(format: "%.1fk", value / 1e3) }
    return value < 10 ? String(format: "%.2f", value) : value < 100 ? String(format: "%.1f", value) : Terminal.grouped(Int(value.rounded()))
  }
}
