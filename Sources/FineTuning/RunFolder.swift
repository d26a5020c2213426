import Adapters
import Checkpoints
import Foundation
import Llama

/// The folder that a run writes: the adapter as PEFT reads it, the best one, checkpoints, the resolved recipe, facts and metrics.
///
/// Every file is written beside its name and renamed, and `adapter_config.json` comes last: without it the folder holds no adapter.
public struct RunFolder: Sendable {
  public let path: String

  private static let ownEntries = [
    "adapter_config.json", "adapter_model.safetensors", "best", "checkpoints", "metrics.jsonl", "recipe.yaml", "run.json",
  ]

  /// Makes the folder, or empties that of an earlier run.
  /// - Throws: `TrainingError.outputExists` when it holds anything and is not to be replaced, or holds what no run wrote;
  ///   `CheckpointError` when it cannot be made.
  public init(creating path: String, overwrites: Bool) throws {
    self.path = path
    let manager = FileManager.default
    if manager.fileExists(atPath: path) {
      let entries = (try? manager.contentsOfDirectory(atPath: path)) ?? [path]
      let foreign = entries.filter { !RunFolder.ownEntries.contains($0) && !AtomicFile.isLeftover($0) }.sorted()
      if !entries.isEmpty && !overwrites { throw TrainingError.outputExists(path) }
      if let first = foreign.first { throw TrainingError.outputHoldsOther(path, first) }
      for entry in entries { try manager.removeItem(atPath: "\(path)/\(entry)") }
    }
    try AtomicFile.createFolder(path)
    try AtomicFile.write("", to: "\(path)/metrics.jsonl")
  }

  public func write(_ text: String, to name: String) throws { try AtomicFile.write(text, to: "\(path)/\(name)") }

  /// Adds a line to `metrics.jsonl`.
  public func appendMetric(_ line: String) throws {
    let file = "\(path)/metrics.jsonl"
    guard let handle = FileHandle(forWritingAtPath: file) else { throw TrainingError.cannotWrite(file, "it cannot be opened") }
    defer { try? handle.close() }
    do {
      try handle.seekToEnd()
      try handle.write(contentsOf: Data((line + "\n").utf8))
    } catch {
      throw TrainingError.cannotWrite(file, error.localizedDescription)
    }
  }

  public var bestPath: String { "\(path)/best" }

  public func checkpointPath(step: Int) -> String {
    let digits = String(step)
    return "\(path)/checkpoints/step-\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits)"
  }

  /// Removes all but the newest `keep` checkpoints.
  public func removeOldCheckpoints(keep: Int) throws {
    let folder = "\(path)/checkpoints"
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasPrefix("step-") }.sorted()
    for name in names.dropLast(keep) { try FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
  }
}
