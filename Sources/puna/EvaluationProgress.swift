import Evaluation
import Foundation

/// How far an evaluation is: a line that renews itself on a terminal, a line now and then elsewhere.
struct EvaluationProgress {
  private let isQuiet: Bool
  private let total: Int
  private let began = Date()
  private var lastShown = Date()
  /// Computed now, and answered earlier.
  private var done = 0
  private var known = 0
  private var title = ""
  private var sampleCount = 0
  /// Of the task that runs.
  private var open = 0

  /// - Parameter total: sizes of all requests of all models.
  init(total: Int, isQuiet: Bool) {
    self.total = total
    self.isQuiet = isQuiet
  }

  /// - Parameter kept: samples that an earlier evaluation has answered, and the sizes of their requests.
  mutating func begin(_ title: String, sampleCount: Int, size: Int, kept: (samples: Int, size: Int)) {
    self.title = title
    self.sampleCount = sampleCount
    open = size - kept.size
    known += kept.size
    lastShown = Terminal.isInteractive ? .distantPast : Date()
    if kept.samples > 0, !isQuiet { show("\(Terminal.grouped(kept.samples)) answers of an interrupted evaluation are used") }
  }

  mutating func update(samples: Int, share: Double) {
    guard !isQuiet, Date().timeIntervalSince(lastShown) >= (Terminal.isInteractive ? 0.5 : 30) else { return }
    lastShown = Date()
    var text = "\(title): \(Terminal.grouped(samples)) of \(Terminal.grouped(sampleCount)) questions"
    let computed = Double(done) + share * Double(open)
    if computed > 0 {
      text += ", about \(Terminal.duration(seconds / computed * max(0, Double(total - known) - computed))) left in all"
    }
    if Terminal.isInteractive { FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8)) } else { standardError(text) }
  }

  mutating func end(_ text: String) {
    done += open
    if !isQuiet { show(text) }
  }

  private func show(_ text: String) { standardError((Terminal.isInteractive ? "\r\u{1B}[K" : "") + "\(title): \(text)") }

  private var seconds: Double { Date().timeIntervalSince(began) }
}
