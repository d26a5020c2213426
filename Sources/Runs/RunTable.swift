import Configuration
import Foundation
import JSON
import Pages
import Recipes

/// Several runs beside each other: what came of them, and what their recipes differ in.
public struct RunTable: Sendable {
  /// A setting that not all recipes agree on.
  public struct Difference: Sendable, Equatable {
    /// `training.learning_rate`
    public let key: String
    /// Of the runs in their order; nil where a recipe does not have it.
    public let values: [String?]
  }

  public let list: RunList
  /// By key; of runs whose recipe can be read.
  public let differences: [Difference]
  private let settings: [[String: String]?]
  private let names: [String]
  private let prefix: String

  public init(_ list: RunList, below path: String) {
    self.list = list
    let settings = list.runs.map { run in run.recipe.flatMap { try? $0.settings } }
    self.settings = settings
    let known = settings.compactMap { $0 }
    let keys = Set(known.flatMap(\.keys)).subtracting(["output"])
    differences = keys.sorted().compactMap { key in
      Set(known.map { $0[key] }).count > 1 ? Difference(key: key, values: settings.map { $0?[key] }) : nil
    }
    prefix = path.hasSuffix("/") ? path : path + "/"
    names = list.runs.map { [prefix] in RunTable.name(of: $0.path, below: prefix) }
  }

  private static func name(of path: String, below prefix: String) -> String {
    VisibleText.visible(path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path)
  }

  // MARK: - For people

  /// Lines for a terminal.
  public var text: String {
    var page = Page()
    if list.runs.isEmpty { page.line("no runs") } else { describeRuns(&page) }
    if !differences.isEmpty { describeDifferences(&page) }
    let problems = zip(names, list.runs).flatMap { name, run in run.problems.map { "\(name): \(VisibleText.visible($0))" } }
    if !problems.isEmpty {
      page.gap()
      page.line("problems")
      page.list(problems)
    }
    if !list.others.isEmpty {
      page.gap()
      page.line("not runs")
      page.list(list.others.map { "\(RunTable.name(of: $0.path, below: prefix)): \($0.reason)" })
    }
    return page.text
  }

  private func describeRuns(_ page: inout Page) {
    let best = list.runs.compactMap(\.bestValidation?.value).min()
    // A column only where some run has it: text.
    let hasBits = list.runs.contains { $0.bestValidation?.bitsPerByte != nil }
    var rows = [["run", "state", "steps", "best validation"] + (hasBits ? ["bits/byte"] : []) + ["last loss", "time", "examples/s"]]
    for (name, run) in zip(names, list.runs) {
      let validation = run.bestValidation.map { loss in
        String(format: "%.4f", loss.value) + " at \(Words.grouped(loss.step))" + (loss.value == best && list.runs.count > 1 ? " *" : "")
      }
      rows.append([
        name, run.state.rawValue + (run.problems.isEmpty ? "" : ", broken"),
        Words.grouped(run.stepsDone) + (run.stepsPlanned.map { " of \(Words.grouped($0))" } ?? ""), validation ?? "-",
      ])
      if hasBits { rows[rows.count - 1].append(run.bestValidation?.bitsPerByte.map { String(format: "%.4f", $0) } ?? "-") }
      rows[rows.count - 1] += [
        run.losses.last.map { String(format: "%.4f", $0.value) } ?? "-",
        run.stepSeconds > 0 ? Words.duration(run.stepSeconds + run.validationSeconds) : "-",
        run.examplesPerSecond.map { String(format: "%.1f", $0) } ?? "-",
      ]
    }
    page.table(rows, right: hasBits ? [4, 5, 6, 7] : [4, 5, 6])
    let validated = ["data.validation", "training.seed"]
    guard best != nil, list.runs.count > 1 else { return }
    let isComparable = !differences.contains { $0.key.hasPrefix("data.") || validated.contains($0.key) }
    page.list([
      "* the lowest" + (isComparable ? "" : "; the runs differ in their data or seed, so that their validation rows may differ")
    ])
  }

  /// Each setting with its values and the runs that have them.
  private func describeDifferences(_ page: inout Page) {
    page.gap()
    page.line("their recipes differ in")
    page.table(
      differences.flatMap { difference -> [[String]] in
        var groups: [(value: String?, runs: [String])] = []
        for (index, value) in difference.values.enumerated() where settings[index] != nil {
          if let group = groups.firstIndex(where: { $0.value == value }) {
            groups[group].runs.append(names[index])
          } else {
            groups.append((value, [names[index]]))
          }
        }
        return groups.enumerated().map { index, group in
          [
            index == 0 ? difference.key : "", VisibleText.shortened(VisibleText.visible(group.value ?? "absent"), to: 40),
            Words.list(group.runs, atMost: 5),
          ]
        }
      })
  }

  // MARK: - For programs

  /// Paths, facts and settings of all runs, the keys they differ in, and what is no run.
  package var json: JSONValue {
    .object([
      "runs": .array(
        zip(list.runs, settings).map { run, settings in
          .object([
            "path": .string(run.path), "run": run.json, "settings": settings.map { .object($0.mapValues { .string($0) }) } ?? .null,
            "notes": .array(run.notes.map { .string($0) }), "problems": .array(run.problems.map { .string($0) }),
          ])
        }),
      "differences": .array(differences.map { .string($0.key) }),
      "others": .array(list.others.map { .object(["path": .string($0.path), "reason": .string($0.reason)]) }),
    ])
  }
}
