import Adapters
import CPUBackend
import Checkpoints
import Configuration
import FineTuning
import Recipes
import Tensors

/// The run in a recipe's output that `--resume` goes on with.
struct ResumePoint: Sendable {
  let checkpoint: Checkpoint
  let record: RunRecord
  /// What the run was started with, all defaults filled in.
  let recipe: Recipe

  /// - Returns: the newest complete checkpoint of the run in `output`; `nil` without one. What was passed over is told.
  /// - Throws: what reading the record and the recipe of the run throws.
  static func find(in output: String) throws -> ResumePoint? {
    let (checkpoint, broken) = RunFolder.newestCheckpoint(of: output)
    for text in broken { note("passed over: \(text)") }
    guard let checkpoint else {
      note("\(output) has no complete checkpoint: training starts at step 0.")
      return nil
    }
    return ResumePoint(
      checkpoint: checkpoint, record: try RunRecord(folder: output), recipe: try Recipe.read("\(output)/recipe.yaml", checksFiles: false))
  }

  /// What the run computed on, if this machine has it too.
  var instructionSet: InstructionSet? { InstructionSet(rawValue: record.instructionSet).flatMap { $0.isAvailable ? $0 : nil } }
  var precision: Precision? { Precision(rawValue: record.precision) }

  /// Compares what a run was started with and what it would go on with.
  ///
  /// - Parameter resolved: the recipe with everything filled in.
  /// - Returns: what a person should know.
  /// - Throws: `ConfigurationError` with everything that makes it another run.
  func check(_ resolved: Recipe, _ now: RunRecord) throws -> [String] {
    var notes: [String] = []
    var problems: [Problem] = []
    func refuse(_ text: String, at location: Location) {
      problems.append(Problem("\(text) \(resolved.output) was not trained so: put it back, or start anew with --overwrite.", at: location))
    }
    for change in try resolved.changes(since: recipe) {
      let words = "\(change.key) is \(change.new ?? "absent") and was \(change.old ?? "absent")"
      switch change.effect {
      case .none: notes.append("\(words).")
      case .rounding: notes.append("\(words): from here on the result differs by rounding.")
      case .result: refuse("\(words).", at: resolved.location(of: change.key))
      }
    }
    if now.baseFingerprint != record.baseFingerprint {
      refuse(
        "the base \(resolved.base) has other weights than at the start: fingerprint \(now.baseFingerprint.prefix(12))..., "
          + "was \(record.baseFingerprint.prefix(12))...", at: resolved.location(of: "base"))
    }
    if let old = record.tokenizerFingerprint, let new = now.tokenizerFingerprint, old != new {
      refuse("the tokenizer has other pieces than at the start.", at: resolved.location(of: "tokenizer"))
    }
    for (old, new) in zip(record.adapters, now.adapters) where old.fingerprint != nil && old.fingerprint != new.fingerprint {
      refuse("the adapter \(new.path) has other weights than at the start.", at: resolved.location(of: "adapters"))
    }
    if let old = record.data, let new = now.data {
      for (path, (old, new)) in zip(new.files, zip(old.fingerprints ?? [], new.fingerprints ?? [])) where old != new {
        refuse("the data file \(path) is not what it was at the start.", at: resolved.location(of: "data"))
      }
    }
    if record.templates != now.templates {
      refuse("the text of a template has changed since the start.", at: resolved.location(of: "data"))
    }
    if !problems.isEmpty { throw ConfigurationError(problems) }
    if record.instructionSet != now.instructionSet {
      notes.append(
        "the run was started on \(record.instructionSet) and goes on on \(now.instructionSet): from here on the result differs by rounding."
      )
    }
    return notes
  }
}
