/// Where a step of a chain stands.
public enum StepState: Equatable, Sendable {
  /// Done, in so many seconds, and everything it read and wrote is what it was.
  case done(seconds: Double)
  case toDo
  /// A run folder holds what an interrupted training saved; nil before its first checkpoint.
  case toContinue(step: Int?)
  /// Done, but something has changed since.
  case stale([StepChange])
  /// It cannot begin: something is there that the chain did not make.
  case blocked(ChainError)
}

/// What makes a step that was done another one.
public enum StepChange: Equatable, Sendable, CustomStringConvertible {
  /// Of a recipe or a command line.
  case setting(String, old: String?, new: String?)
  case inputChanged(String, writtenBy: String?)
  case inputAdded(String)
  case inputRemoved(String)
  /// Somebody else wrote there.
  case outputChanged(String)

  public var description: String {
    switch self {
    case .setting(let key, let old, let new): "\(key) is \(new ?? "absent") and was \(old ?? "absent")"
    case .inputChanged(let path, let writer?): "\(path) has changed: \(writer) made it anew"
    case .inputChanged(let path, nil): "\(path) has changed"
    case .inputAdded(let path): "it reads \(path), and did not"
    case .inputRemoved(let path): "it no longer reads \(path)"
    case .outputChanged(let path): "\(path) is no longer what it wrote"
    }
  }
}

/// How a step is begun.
public enum StepPreparation: Equatable, Sendable {
  case plain
  /// With `--resume`.
  case resume
  /// With `--overwrite`.
  case overwrite
  /// After these files and folders, which the chain made, are gone.
  case removing([String])
}

/// Why a chain does not go on. Each case tells what to do.
public enum ChainError: Error, Equatable, CustomStringConvertible {
  /// A step that was done, with what has changed since.
  public struct Stale: Equatable, Sendable {
    public let step: String
    public let name: String
    public let changes: [StepChange]

    public init(step: String, name: String, changes: [StepChange]) {
      self.step = step
      self.name = name
      self.changes = changes
    }
  }

  /// `command` is what runs the chain.
  case stale([Stale], command: String)
  /// An output that is there, and that the record does not prove to be the chain's.
  case notOwn(step: String, path: String, record: String)
  case notMade(step: String, path: String)
  case inUse(String)

  public var description: String {
    switch self {
    case .stale(let steps, let command):
      let lines = steps.map { step in "\(step.step) was done, but since then:\n" + step.changes.map { "  \($0)\n" }.joined() }.joined()
      let outputs = steps.flatMap(\.changes).compactMap { if case .outputChanged(let path) = $0 { path } else { nil } }
      let first = steps.first.map { CommandWords.joined([$0.name]) } ?? "1"
      return "\(lines)Nothing of it was touched. Put back what was there, or make \(steps.count == 1 ? "that" : "the first") step and all "
        + "after it anew with:\n  \(command) --from \(first)"
        + (outputs.isEmpty ? "" : "\nWhat the chain did not write is never removed: move \(outputs.joined(separator: ", ")) away first.")
    case .notOwn(let step, let path, let record):
      return "\(step) would write \(path), which is there, and \(record) does not say that this chain made it. Move it away or remove it."
    case .notMade(let step, let path): return "\(step) ended well, but \(path) is not there. Did something remove it?"
    case .inUse(let path): return "\(path): another process is running a chain there. Wait for it, or choose another output."
    }
  }
}
