import Checkpoints
import Foundation
import Runs

/// What a chain has done, held against what is there now. Keeps the folder to one process once it is `begun`.
public final class ChainHistory {
  private let chain: Chain
  private var record: ChainRecord
  private let fingerprints = ContentFingerprints()
  private var lock: FolderLock?

  /// - Parameter from: this step and all after it are to be made again.
  /// - Throws: `CheckpointError` for a record that cannot be read.
  public init(_ chain: Chain, from: Chain.Step? = nil) throws {
    self.chain = chain
    record = try ChainRecord.read(folder: chain.output)
    guard let from else { return }
    for step in chain.steps[(from.number - 1)...] {
      guard let index = record.index(of: step, in: chain) else { continue }
      // Where a training was begun over an older one, what is there is the chain's, whatever it is by now.
      if record.steps[index].state == .unfinished, step.description.existingOutput == .continued { record.steps[index].written = [:] }
      record.steps[index].state = .anew
    }
  }

  /// Makes and locks the folder of the record.
  ///
  /// - Throws: `ChainError.inUse`, and `CheckpointError` when it cannot be made.
  public func begin() throws {
    try AtomicFile.createFolder(chain.output)
    guard let lock = try FolderLock(chain.output) else { throw ChainError.inUse(chain.output) }
    self.lock = lock
  }

  private func recorded(_ step: Chain.Step) -> ChainRecord.Step? { record.index(of: step, in: chain).map { record.steps[$0] } }

  // MARK: - Looking

  /// Where a step stands now. Inputs that an earlier step has yet to make again are passed over.
  ///
  /// - Throws: `CheckpointError` for what cannot be read.
  public func state(of step: Chain.Step) throws -> StepState {
    let recorded = recorded(step)
    guard let recorded, recorded.state == .done else { return try stateOfUndone(step) }
    var changes = try changes(of: step, since: recorded)
    var isMissing = step.description.writes.isEmpty
    var isThere = false
    for path in step.description.writes {
      let found = try output(path)
      // Where another output was named, this one is still to be made.
      guard let found, let written = recorded.written[path] else {
        isMissing = true
        continue
      }
      isThere = true
      if found != written { changes.append(.outputChanged(path)) }
    }
    // Of what is gone nothing can be overwritten, and nothing is used again.
    if isMissing, !isThere { return try stateOfUndone(step) }
    if !changes.isEmpty { return .stale(changes) }
    return isMissing ? try stateOfUndone(step) : .done(seconds: recorded.seconds)
  }

  private func stateOfUndone(_ step: Chain.Step) throws -> StepState {
    do {
      guard try preparation(of: step) == .resume else { return .toDo }
      return .toContinue(step: step.description.writes.first.flatMap { RunFacts(folder: $0).resumableStep })
    } catch let error as ChainError {
      return .blocked(error)
    }
  }

  private func changes(of step: Chain.Step, since earlier: ChainRecord.Step) throws -> [StepChange] {
    let settings = step.description.settings
    var changes: [StepChange] = Set(settings.keys).union(earlier.settings.keys).sorted().compactMap { key in
      settings[key] == earlier.settings[key] ? nil : .setting(key, old: earlier.settings[key], new: settings[key])
    }
    // Another command line names its files itself.
    let isOtherCommand = !changes.isEmpty && settings[StepDescription.commandKey] != nil
    let now = try inputs(of: step)
    for path in inputPaths(of: step) where !isOtherCommand {
      guard let old = earlier.read[path] else {
        changes.append(.inputAdded(path))
        continue
      }
      let maker = maker(of: path, before: step)
      // Half of what will be there again is no change yet.
      if let maker, recorded(maker)?.state != .done { continue }
      if let new = now[path], new != old { changes.append(.inputChanged(path, writtenBy: maker?.title)) }
    }
    let paths = Set(inputPaths(of: step))
    if !isOtherCommand { changes += earlier.read.keys.filter { !paths.contains($0) }.sorted().map { .inputRemoved($0) } }
    return changes
  }

  /// The step that writes an input.
  private func maker(of path: String, before step: Chain.Step) -> Chain.Step? {
    let place = FilePlace(path)
    return chain.steps.prefix { $0.number < step.number }.last { earlier in
      earlier.description.writes.contains { FilePlace($0).holds(place) || place.holds(FilePlace($0)) }
    }
  }

  private func inputPaths(of step: Chain.Step) -> [String] {
    var paths: [String] = []
    for file in step.description.reads where !paths.contains(file.path) { paths.append(file.path) }
    return paths
  }

  /// Fingerprints of the inputs that are there.
  private func inputs(of step: Chain.Step) throws -> [String: String] {
    // A folder of data may lie around what the chain makes from it.
    let own = chain.steps.filter { $0.number >= step.number }.flatMap(\.description.writes) + ["\(chain.output)/\(ChainRecord.fileName)"]
    let excluded = own.map { FilePlace($0) }
    var inputs: [String: String] = [:]
    for path in inputPaths(of: step) { inputs[path] = try fingerprints.fingerprint(of: path, excluding: excluded) }
    return inputs
  }

  private func output(_ path: String) throws -> String? { try fingerprints.fingerprint(of: path) }

  // MARK: - Running

  /// How a step that is not done is begun, without harm to anything that the chain did not make.
  ///
  /// - Throws: `ChainError.notOwn` for an output that is there without being the chain's; `CheckpointError`.
  public func preparation(of step: Chain.Step) throws -> StepPreparation {
    let recorded = recorded(step)
    var own: [String] = []
    for path in step.description.writes {
      guard let found = try output(path) else { continue }
      if let written = recorded?.written[path], written == found {
        own.append(path)
        continue
      }
      guard step.description.existingOutput == .continued else { throw notOwn(path, step) }
      if recorded?.state == .anew {
        // What is not what a finished training left was begun by the chain, or put there by somebody else.
        guard recorded?.written[path] == nil else { throw notOwn(path, step) }
        return .overwrite
      }
      let run = RunFacts(folder: path)
      // Without a checkpoint a run begins at its beginning; a finished adapter would be lost.
      guard run.resumableStep != nil || !run.hasAdapter else { throw notOwn(path, step) }
      return .resume
    }
    if own.isEmpty { return .plain }
    switch step.description.existingOutput {
    case .continued: return .overwrite
    case .refused: return .removing(own)
    case .replaced: return .plain
    }
  }

  private func notOwn(_ path: String, _ step: Chain.Step) -> ChainError {
    .notOwn(step: step.title, path: path, record: "\(chain.output)/\(ChainRecord.fileName)")
  }

  /// Notes that a step begins, with what it reads.
  ///
  /// - Returns: seconds of its attempts before this one.
  /// - Throws: `CheckpointError`.
  public func start(_ step: Chain.Step, continuing: Bool) throws -> Double {
    let old = recorded(step)
    var new = ChainRecord.Step(
      name: step.name, words: step.words, state: .unfinished, seconds: continuing ? old?.seconds ?? 0 : 0,
      settings: step.description.settings, read: try inputs(of: step))
    new.written = old?.written ?? [:]
    try save(new, for: step)
    return new.seconds
  }

  /// Notes that a step was interrupted or failed after so many seconds in all.
  public func stop(_ step: Chain.Step, seconds: Double) throws {
    guard var record = recorded(step) else { return }
    record.seconds = seconds
    try save(record, for: step)
  }

  /// Notes that a step is done, with what it wrote.
  ///
  /// - Throws: `ChainError.notMade` when an output is not there; `CheckpointError`.
  public func finish(_ step: Chain.Step, seconds: Double) throws {
    guard var record = recorded(step) else { return }
    record.state = .done
    record.seconds = seconds
    record.written = [:]
    for path in step.description.writes {
      guard let fingerprint = try output(path) else { throw ChainError.notMade(step: step.title, path: path) }
      record.written[path] = fingerprint
    }
    try save(record, for: step)
  }

  private func save(_ new: ChainRecord.Step, for step: Chain.Step) throws {
    if let index = record.index(of: step, in: chain) { record.steps[index] = new } else { record.steps.append(new) }
    try record.write(to: chain.output)
  }

  /// Seconds of a step, all its attempts together; nil if it never began.
  public func seconds(of step: Chain.Step) -> Double? { recorded(step)?.seconds }
}

extension StepDescription {
  /// The setting that holds a command line.
  static let commandKey = "the command"

  /// Settings of a command that is told everything by its flags.
  public static func settings(ofCommand words: [String]) -> [String: String] { [commandKey: "'\(CommandWords.joined(words))'"] }
}
