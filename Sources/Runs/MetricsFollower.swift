import Checkpoints
import Foundation

/// Follows `metrics.jsonl` while a run goes: keeps TensorBoard's events and `loss.svg` at what it says.
///
/// What goes wrong here never stops a run: it is told once.
public final class MetricsFollower {
  /// So much of the time at most is spent here, beginning and end aside.
  private static let share = 0.0005
  /// Seconds between two renewals.
  private static let least = 2.0

  public private(set) var metrics = RunHistory()
  private let run: String
  private let stepCount: Int
  private let tell: (String) -> Void
  private var events: EventFile?
  private var byteCount = 0
  private var next: ContinuousClock.Instant
  private var told: Set<String> = []
  /// Seconds spent here.
  public private(set) var seconds = 0.0

  /// Begins with what the metrics hold already, where a run goes on.
  ///
  /// - Parameters:
  ///   - stepCount: of the whole run.
  ///   - tell: takes a note for a person.
  public init(run: String, stepCount: Int, tell: @escaping (String) -> Void) {
    self.run = run
    self.stepCount = stepCount
    self.tell = tell
    next = .now
    renew(.now)
  }

  /// Renews the files if enough time has passed since the last time.
  public func follow() {
    let now = ContinuousClock.now
    if now >= next { renew(now) }
  }

  /// Renews the files at the end, finished or not.
  public func finish() { renew(.now) }

  private func renew(_ began: ContinuousClock.Instant) {
    attempt("metrics.jsonl") {
      let bytes = try GrowingFile.bytes("\(run)/metrics.jsonl", from: byteCount)
      byteCount += bytes.withUnsafeBytes { metrics.read($0) }
    }
    attempt(EventFile.folderName) {
      if let events { try events.append(metrics) } else { events = try EventFile(run: run, metrics) }
    }
    attempt(LossChart.fileName) {
      let chart = LossChart(metrics, title: RunFolderName.of(run), stepCount: stepCount)
      if !chart.isEmpty { try AtomicFile.write(chart.svg, to: "\(run)/\(LossChart.fileName)") }
    }
    let spent = Double((ContinuousClock.now - began) / .nanoseconds(1)) * 1e-9
    seconds += spent
    next = .now + .seconds(min(600, max(MetricsFollower.least, spent / MetricsFollower.share)))
  }

  private func attempt(_ what: String, _ body: () throws -> Void) {
    do { try body() } catch { if told.insert(what).inserted { tell("\(error) The run goes on without it.") } }
  }
}
