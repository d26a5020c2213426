import Adapters
import CPUBackend
import Checkpoints
import Configuration
import FineTuning
import Foundation
import Recipes
import Tensors

/// The run in a recipe's output, which `--resume` goes on with and `--verify` repeats.
struct EarlierRun: Sendable {
  let folder: String
  /// The newest that is whole.
  let checkpoint: Checkpoint?
  let record: RunRecord
  /// What the run was started with, all defaults filled in.
  let recipe: Recipe

  /// - Throws: what reading the record and the recipe of the run throws.
  init(folder: String, checkpoint: Checkpoint?) throws {
    self.folder = folder
    self.checkpoint = checkpoint
    record = try RunRecord(folder: folder)
    recipe = try Recipe.read("\(folder)/recipe.yaml", checksFiles: false)
  }

  /// - Returns: the run in `output`, at its newest complete checkpoint; `nil` without one. What was passed over is told.
  static func resumable(in output: String) throws -> EarlierRun? {
    let (checkpoint, broken) = RunFolder.newestCheckpoint(of: output)
    for text in broken { note("passed over: \(text)") }
    guard let checkpoint else {
      note("\(output) has no complete checkpoint: training starts at step 0.")
      return nil
    }
    return try EarlierRun(folder: output, checkpoint: checkpoint)
  }

  /// What the run computed on, if this machine has it too.
  var instructionSet: InstructionSet? { InstructionSet(rawValue: record.instructionSet).flatMap { $0.isAvailable ? $0 : nil } }
  var precision: Precision? { Precision(rawValue: record.precision) }

  /// Rows in flight, and whether blocks are recomputed: what `auto` became.
  var rows: Int? { checkpoint?.state.rows ?? record.microBatchTokens }
  var recomputes: Bool? { checkpoint?.state.recomputes ?? record.recompute }
}

/// What differs between a run and the same recipe now.
struct RunComparison {
  /// What makes it another run.
  private(set) var differences: [(text: String, location: Location)] = []
  /// What only rounds otherwise, or changes nothing that is learnt.
  private(set) var notes: [String] = []
  /// Said where the run was started on other instructions.
  private(set) var otherMachine: String?

  /// - Parameter resolved: the recipe with everything filled in.
  init(_ run: EarlierRun, _ resolved: Recipe, _ now: RunRecord) throws {
    let record = run.record
    for change in try resolved.changes(since: run.recipe) {
      let words = "\(change.key) is \(change.new ?? "absent") and was \(change.old ?? "absent")"
      switch change.effect {
      case .none: notes.append("\(words).")
      case .rounding: notes.append("\(words): from here on the result differs by rounding.")
      case .result: add("\(words).", resolved.location(of: change.key))
      }
    }
    if now.baseFingerprint != record.baseFingerprint {
      add(
        "the base \(resolved.base) has other weights than at the start: fingerprint \(now.baseFingerprint.prefix(12))..., "
          + "was \(record.baseFingerprint.prefix(12))...", resolved.location(of: "base"))
    }
    if let old = record.tokenizerFingerprint, let new = now.tokenizerFingerprint, old != new {
      add("the tokenizer has other pieces than at the start.", resolved.location(of: "tokenizer"))
    }
    for (old, new) in zip(record.adapters, now.adapters) where old.fingerprint != nil && old.fingerprint != new.fingerprint {
      add("the adapter \(new.path) has other weights than at the start.", resolved.location(of: "adapters"))
    }
    if let old = record.startFromFingerprint, let new = now.startFromFingerprint, old != new {
      add("the adapter \(now.startFrom ?? "") has other weights than at the start.", resolved.location(of: "lora.start_from"))
    }
    if let old = record.data, let new = now.data {
      for (path, (old, new)) in zip(new.files, zip(old.fingerprints ?? [], new.fingerprints ?? [])) where old != new {
        add("the data file \(path) is not what it was at the start.", resolved.location(of: "data"))
      }
    }
    if record.templates != now.templates {
      add("the text of a template has changed since the start.", resolved.location(of: "data"))
    }
    if record.instructionSet != now.instructionSet {
      otherMachine = "the run was started on \(record.instructionSet); \(now.instructionSet) gives results that differ by rounding."
    }
  }

  private mutating func add(_ text: String, _ location: Location) { differences.append((text, location)) }

  /// - Throws: `ConfigurationError` with everything that makes it another run.
  func requireTheSame(_ output: String) throws(ConfigurationError) {
    if differences.isEmpty { return }
    throw ConfigurationError(
      differences.map { text, location in
        Problem("\(text) \(output) was not trained so: put it back, or start anew with --overwrite.", at: location)
      })
  }
}
