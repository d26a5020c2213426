import Chains
import Foundation
import Pages
import Vocabularies

/// The steps of a chain as a table: where they stand, or what they made.
struct ChainTable {
  private let chain: Chain
  private let history: ChainHistory

  init(_ chain: Chain, _ history: ChainHistory) {
    self.chain = chain
    self.history = history
  }

  // MARK: - Before

  /// What would happen to each step.
  var plan: String {
    get throws {
      var page = Page()
      let states = try chain.steps.map { try history.state(of: $0) }
      page.table(
        [["step", "", "state", "command"]]
          + zip(chain.steps, states).map { step, state in
            ["\(step.number)", step.name, words(state), VisibleText.shortened(CommandWords.joined(step.words), to: 70)]
          })
      for (step, state) in zip(chain.steps, states) {
        switch state {
        case .stale(let changes):
          page.gap()
          page.line("\(step.title) was done, but since then:")
          page.list(changes.map { "\($0)" })
        case .blocked(let error):
          page.gap()
          page.line("\(error)")
        default: break
        }
      }
      return page.text
    }
  }

  private func words(_ state: StepState) -> String {
    switch state {
    case .done(let seconds): "done (\(Terminal.duration(seconds)))"
    case .toDo: "to do"
    case .toContinue(let step?): "to continue from training step \(Terminal.grouped(step))"
    case .toContinue(nil): "to continue"
    case .stale: "stale"
    case .blocked: "blocked"
    }
  }

  // MARK: - After

  /// What each step took and made.
  var result: String {
    var page = Page()
    page.table(
      [["step", "", "time", "made"]]
        + chain.steps.map { step in
          [
            "\(step.number)", step.name, history.seconds(of: step).map { Terminal.duration($0) } ?? "-",
            step.description.writes.map(made).joined(separator: "; "),
          ]
        }, right: [2])
    return page.text
  }

  /// `work/zh.model (2,000 pieces)`, `adapters/zh (validation loss 4.5 -> 3.1)`, `models/zh (5.7 MB)`
  private func made(_ path: String) -> String {
    let path = withoutSlash(path)
    if FileManager.default.fileExists(atPath: "\(path)/adapter_config.json") {
      let gain = TrainingGain(run: path).text
      return gain.isEmpty ? path : "\(path) (\(gain))"
    }
    if path.hasSuffix(".model"), let model = try? SentencePieceModel(path: path) {
      return "\(path) (\(Terminal.grouped(model.pieceCount)) pieces)"
    }
    return "\(path) (\(Words.bytes(byteCount(path))))"
  }

  private func withoutSlash(_ path: String) -> String { path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path }

  private func byteCount(_ path: String) -> Int {
    let manager = FileManager.default
    func size(_ path: String) -> Int { ((try? manager.attributesOfItem(atPath: path))?[.size] as? Int) ?? 0 }
    guard let names = try? manager.contentsOfDirectory(atPath: path) else { return size(path) }
    return names.reduce(0) { $0 + size("\(path)/\($1)") }
  }
}
