import ArgumentParser
import Chains
import Checkpoints
import Foundation

/// Takes a chain through its steps, each a process of its own.
struct ChainRun {
  private let chain: Chain
  private let history: ChainHistory
  private let isQuiet: Bool

  init(_ chain: Chain, _ history: ChainHistory, isQuiet: Bool) {
    self.chain = chain
    self.history = history
    self.isQuiet = isQuiet
  }

  /// - Throws: `ChainError` when another process has the chain, `Failure` for what stands in the way and for a step that failed, `ExitCode`
  ///   when interrupted, `CheckpointError` for what cannot be read or written.
  func run() throws {
    try history.begin()
    // Days of steps for nothing are worse than a second look.
    try requireNothing(inTheWayOf: chain.steps)
    Interruption.watch()
    for step in chain.steps {
      // Earlier steps may have made other inputs.
      try requireNothing(inTheWayOf: [step])
      if case .done(let seconds) = try history.state(of: step) {
        say("\(place(step)): \(step.name): done before (\(Terminal.duration(seconds)))")
        continue
      }
      if Interruption.isAsked { throw interruption(before: step) }
      try run(step)
    }
  }

  /// - Throws: `Failure` with every step that cannot begin, or that nobody asked to make again.
  private func requireNothing(inTheWayOf steps: [Chain.Step]) throws {
    var stale: [ChainError.Stale] = []
    var errors: [ChainError] = []
    for step in steps {
      switch try history.state(of: step) {
      case .done, .toDo, .toContinue: break
      case .stale(let changes): stale.append(ChainError.Stale(step: step.title, name: step.name, changes: changes))
      case .blocked(let error): errors.append(error)
      }
    }
    if !stale.isEmpty { errors.append(.stale(stale, command: command)) }
    if !errors.isEmpty { throw Failure(errors.map(\.description).joined(separator: "\npuna: ")) }
  }

  private func run(_ step: Chain.Step) throws {
    var words = step.words
    let preparation = try history.preparation(of: step)
    switch preparation {
    case .plain, .removing: break
    case .resume: words.append("--resume")
    case .overwrite: words.append("--overwrite")
    }
    if isQuiet, step.description.acceptsQuiet, !words.contains("--quiet") { words.append("--quiet") }
    say("\(place(step)): \(step.name) (\(CommandWords.joined(words)))")
    let before = try history.start(step, continuing: preparation == .resume)
    if case .removing(let paths) = preparation { for path in paths { try remove(path) } }
    for folder in step.description.writes.map({ folder(of: $0) }) where !folder.isEmpty { try AtomicFile.createFolder(folder) }
    let began = Date()
    let end = try ChildProcess(words: words).wait()
    let seconds = before + Date().timeIntervalSince(began)
    guard end != .exited(0) else {
      try history.finish(step, seconds: seconds)
      return
    }
    try history.stop(step, seconds: seconds)
    if Interruption.isAsked || end == .exited(Interruption.status) || end == .killed(signal: SIGINT) { throw interruption(in: step) }
    let next =
      "Go on with: \(command)" + (preparation == .resume ? " (or --from \(CommandWords.joined([step.name])), which begins it anew)" : "")
    switch end {
    case .exited(let status):
      throw Failure("\(place(step)) (\(step.name)) failed with status \(status); what is wrong stands above. \(next)")
    case .killed(let signal):
      let reason = signal == SIGKILL ? ", as the system does when memory runs out" : ""
      throw Failure("\(place(step)) (\(step.name)) was ended by signal \(signal)\(reason). \(next)")
    }
  }

  private func remove(_ path: String) throws {
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      try AtomicFolder.remove(withoutTrailingSlash(path))
    } else {
      try FileManager.default.removeItem(atPath: path)
    }
  }

  private func interruption(in step: Chain.Step) -> ExitCode {
    standardError("puna: interrupted in \(place(step)) (\(step.name)). Go on with: \(command)")
    return ExitCode(Interruption.status)
  }

  private func interruption(before step: Chain.Step) -> ExitCode {
    standardError("puna: interrupted before \(place(step)) (\(step.name)). Go on with: \(command)")
    return ExitCode(Interruption.status)
  }

  /// `step 3 of 7`
  private func place(_ step: Chain.Step) -> String { "step \(step.number) of \(chain.steps.count)" }

  /// What goes on with the chain.
  private var command: String { "puna chain \(CommandWords.joined([chain.path]))" }

  private func say(_ text: String) { if !isQuiet { standardError(text) } }
}
