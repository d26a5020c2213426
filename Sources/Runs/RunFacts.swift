import Adapters
import Checkpoints
import Configuration
import FineTuning
import Foundation
import Recipes

/// What a run folder tells about the training that wrote it, finished or not.
public struct RunFacts: Sendable {
  public enum State: String, Sendable {
    /// All steps are done and the adapter is there.
    case finished
    /// A process has the folder.
    case running
    /// There is a checkpoint to go on from.
    case interrupted
    /// It ended before its first checkpoint, or what it needs to go on is gone.
    case incomplete
  }

  /// A loss and the step after which it was measured; step 0 is before training.
  public struct Loss: Sendable, Equatable {
    public let step: Int
    public let value: Double
    /// Of a validation on text.
    public var bitsPerByte: Double?
  }

  public let path: String
  /// `run.json`.
  public private(set) var record: RunRecord?
  /// `recipe.yaml`.
  public private(set) var recipe: Recipe?
  /// `metrics.jsonl`.
  public private(set) var metrics = RunHistory()
  public private(set) var state = State.incomplete
  /// The adapter of the last step is there.
  public private(set) var hasAdapter = false
  /// Names below `checkpoints`, of those with an adapter.
  public private(set) var checkpoints: [String] = []
  public private(set) var hasBest = false
  /// The step that `--resume` goes on from.
  public private(set) var resumableStep: Int?
  /// What a person should know although nothing is wrong, and what is wrong; a sentence each.
  public private(set) var notes: [String] = []
  public private(set) var problems: [String] = []

  /// Reads the folder `path`, which another process may be writing. What cannot be read is among `problems`.
  public init(folder path: String) {
    self.path = withoutTrailingSlash(path)
    hasAdapter = exists("adapter_config.json")
    if exists(RunRecord.fileName) {
      read { $0.record = try RunRecord(folder: $0.path) }
    } else {
      notes.append("has no run.json: nothing says which base it was trained on.")
    }
    if exists("recipe.yaml") { read { $0.recipe = try Recipe.read($0.file("recipe.yaml"), checksFiles: false) } }
    if exists("metrics.jsonl") { read { $0.metrics = try RunHistory(file: $0.file("metrics.jsonl")) } }
    if let line = metrics.unreadableLines.first {
      let more = metrics.unreadableLines.count - 1
      problems.append("metrics.jsonl:\(line): is no event of a run\(more > 0 ? ", and \(more) more lines are none" : "").")
    }
    for event in metrics.others where ["stopped", "not_finite"].contains(event.name) {
      if let text = event.value["text"]?.string { notes.append(text) }
    }
    if metrics.isCutOff { notes.append("metrics.jsonl:\(metrics.lineCount + 1): the last line is cut off.") }
    findAdapters()
    findState()
  }

  private mutating func findAdapters() {
    let manager = FileManager.default
    let names = ((try? manager.contentsOfDirectory(atPath: file("checkpoints"))) ?? []).sorted()
    for name in names.map({ "checkpoints/\($0)" }) + ["best"] {
      var isFolder: ObjCBool = false
      guard manager.fileExists(atPath: file(name), isDirectory: &isFolder), isFolder.boolValue else { continue }
      if AtomicFile.isLeftover(RunFolderName.of(name)) { continue }
      guard exists("\(name)/adapter_config.json") else {
        notes.append("\(name) is incomplete: it has no adapter_config.json.")
        continue
      }
      if name == "best" { hasBest = true } else { checkpoints.append(RunFolderName.of(name)) }
    }
  }

  private mutating func findState() {
    let newest = RunFolder.newestCheckpoint(of: path).checkpoint?.state.step
    resumableStep = newest
    let done = max(stepsDone, newest ?? 0)
    let isWhole = stepsPlanned.map { done >= $0 } ?? true
    if (try? FolderLock.isHeld(path)) == true {
      state = .running
    } else if hasAdapter, isWhole || stoppedEarly {
      state = .finished
    } else {
      state = newest != nil ? .interrupted : .incomplete
      if hasAdapter, let planned = stepsPlanned {
        notes.append("the adapter is there, but the metrics have \(stepsDone) steps of the \(planned) planned.")
      }
    }
  }

  private func file(_ name: String) -> String { "\(path)/\(name)" }
  private func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name)) }

  private mutating func read(_ body: (inout RunFacts) throws -> Void) {
    func add(_ text: String) { problems.append(text.hasPrefix("\(path)/") ? String(text.dropFirst(path.count + 1)) : text) }
    do {
      try body(&self)
    } catch let error as ConfigurationError {
      for problem in error.problems { add("\(problem)") }
    } catch {
      add("\(error)")
    }
  }
}

extension RunFacts {
  /// The last step of the metrics; steps without anything to learn count.
  public var stepsDone: Int {
    let skipped = metrics.others.lazy.filter { $0.name == "skipped" }.map(\.step).max() ?? 0
    return metrics.steps.reduce(max(0, skipped)) { max($0, $1.step) }
  }

  /// Steps of the whole run; nil where recipe or row count are missing.
  public var stepsPlanned: Int? {
    guard let recipe, let stepsPerEpoch else { return nil }
    // Both come from files: their product need not fit.
    if case .epochs(let epochs) = recipe.training.duration, stepsPerEpoch.multipliedReportingOverflow(by: epochs).overflow { return nil }
    return recipe.training.stepCount(stepsPerEpoch: stepsPerEpoch)
  }

  private var stepsPerEpoch: Int? {
    guard let recipe, let rows = record?.data?.trainingRows, rows > 0, recipe.training.batchSize > 0 else { return nil }
    return (rows - 1) / recipe.training.batchSize + 1
  }

  /// It ended before its last step since nothing became better.
  public var stoppedEarly: Bool { metrics.others.last { $0.name == "stopped" }.map { $0.step >= stepsDone } ?? false }

  /// The epoch at the last step.
  public var epoch: Double? { metrics.steps.last { $0.epoch != nil }?.epoch }

  public var losses: [Loss] { metrics.steps.compactMap { step in step.loss.map { Loss(step: step.step, value: $0) } } }
  public var lowestLoss: Loss? { losses.min { $0.value < $1.value } }
  public var validations: [Loss] {
    metrics.validations.compactMap { one in one.loss.map { Loss(step: one.step, value: $0, bitsPerByte: one.bitsPerByte) } }
  }
  /// Of those after a step: what `best/` holds.
  public var bestValidation: Loss? { validations.filter { $0.step > 0 }.min { $0.value < $1.value } }

  /// Seconds in steps, and in validation.
  public var stepSeconds: Double { metrics.steps.reduce(0) { $0 + ($1.seconds ?? 0) } }
  public var validationSeconds: Double { metrics.validations.reduce(0) { $0 + ($1.seconds ?? 0) } }

  public var tokens: Int { metrics.steps.reduce(0) { $0 &+ $1.tokens } }
  public var supervisedTokens: Int { metrics.steps.reduce(0) { $0 &+ $1.supervisedTokens } }

  public var tokensPerSecond: Double? { stepSeconds > 0 ? Double(tokens) / stepSeconds : nil }

  /// Rows of the steps in the metrics, by the recipe: the last batch of an epoch may be short.
  public var examplesPerSecond: Double? {
    guard let recipe, let stepsPerEpoch, let rows = record?.data?.trainingRows, stepSeconds > 0 else { return nil }
    let last = rows - (stepsPerEpoch - 1) * recipe.training.batchSize
    let examples = metrics.steps.reduce(0.0) { $0 + Double($1.step % stepsPerEpoch == 0 ? last : recipe.training.batchSize) }
    return examples / stepSeconds
  }
}

/// How runs are called.
package enum RunFolderName {
  /// The last part of a path.
  package static func of(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
