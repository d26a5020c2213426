import Adapters
import Foundation
import Llama

/// What a merge did, for a person.
struct MergeTable {
  let report: MergeReport
  let output: String

  var text: String {
    var lines: [String] = []
    let added = report.changes.filter(\.isMerged)
    if !added.isEmpty {
      lines.append(row(["merged", "tensors", "change", "largest", "rounding", "changed"]))
      let groups = Dictionary(grouping: added) { change in
        Projection.allCases.first { change.name.hasSuffix(".\($0.path).weight") }?.rawValue ?? change.name
      }
      let order = Projection.allCases.map(\.rawValue)
      for name in groups.keys.sorted(by: { (order.firstIndex(of: $0) ?? order.count, $0) < (order.firstIndex(of: $1) ?? order.count, $1) })
      {
        lines.append(row(name, groups[name] ?? []))
      }
      lines.append("change and rounding: norms as shares of the weights'; changed: elements that are stored as something else now")
    }
    if let logits = report.logits {
      lines.append(
        String(
          format:
            "logits: largest difference %.2e, mean %.2e on %d tokens; root mean square %.2e, of which rounding explains %.2e (logits %.2g)",
          logits.largestDifference, logits.meanDifference, logits.tokenCount, logits.difference, logits.explained, logits.size))
      lines.append("greedy tokens: \(logits.equalGreedyCount) of \(logits.tokenCount) the same")
    }
    lines.append("\(output): \(report.tensorCount) tensors, \(report.dtype.rawValue), every element proved")
    return lines.joined(separator: "\n") + "\n"
  }

  private func row(_ name: String, _ changes: [TensorChange]) -> String {
    func norm(_ part: KeyPath<TensorChange, Double>) -> Double {
      changes.reduce(0) { $0 + $1[keyPath: part] * $1[keyPath: part] }.squareRoot()
    }
    let weight = max(norm(\.weightNorm), .leastNormalMagnitude)
    let count = changes.reduce(0) { $0 + $1.elementCount }
    let changed = changes.reduce(0) { $0 + $1.changedCount }
    return row([
      name, "\(changes.count)", String(format: "%.3f %%", 100 * norm(\.changeNorm) / weight),
      String(format: "%.2e", changes.map(\.largestChange).max() ?? 0), String(format: "%.3f %%", 100 * norm(\.roundingNorm) / weight),
      String(format: "%.1f %%", 100 * Double(changed) / Double(max(1, count))),
    ])
  }

  private func row(_ cells: [String]) -> String {
    cells.enumerated().map { index, cell in
      let padding = String(repeating: " ", count: max(0, (index == 0 ? 12 : 10) - cell.count))
      return index == 0 ? cell + padding : padding + cell
    }.joined()
  }
}

/// How far a merge is: one line that renews itself on a terminal; elsewhere a line for each part with its time.
final class MergeDisplay {
  let isQuiet: Bool
  private var part = ""
  private var began = Date()
  private var shown = Date.distantPast

  init(isQuiet: Bool) { self.isQuiet = isQuiet }

  func show(_ progress: Merge.Progress) {
    switch progress {
    case .merging(let done, let all): show("merging", done, all)
    case .proving(let done, let all): show("proving", done, all)
    case .comparingLogits: show("comparing logits", 0, 0)
    case .hashing: show("hashing", 0, 0)
    }
  }

  /// Ends the last part.
  func finish() { show("", 0, 0) }

  private func show(_ name: String, _ done: Int, _ all: Int) {
    guard !isQuiet else { return }
    let now = Date()
    if name != part {
      if !part.isEmpty {
        standardError((Terminal.isInteractive ? "\r\u{1B}[K" : "") + String(format: "%@: %.1f s", part, now.timeIntervalSince(began)))
      }
      (part, began, shown) = (name, now, .distantPast)
    }
    guard Terminal.isInteractive, !name.isEmpty, now.timeIntervalSince(shown) > 0.1 else { return }
    shown = now
    let share = all > 0 ? " \(100 * done / all) % of \(Terminal.bytes(all))" : ""
    FileHandle.standardError.write(Data("\r\u{1B}[K\(name)\(share)".utf8))
  }
}
