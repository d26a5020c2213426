import Adapters
import Checkpoints
import Foundation
import Llama

/// The folder that a run writes: the adapter as PEFT reads it, the best one, checkpoints, the resolved recipe, facts and metrics.
///
/// Every file is written beside its name and renamed, and `adapter_config.json` comes last: without it the folder holds no adapter. Only
/// one process at a time has it.
public struct RunFolder: Sendable {
  public let path: String
  private let lock: FolderLock

  private static let ownEntries =
    [
      "adapter_config.json", "adapter_model.safetensors", "best", "checkpoints", "loss.svg", "metrics.jsonl", "recipe.yaml", "report.html",
      "run.json", "tensorboard",
    ] + ModelFiles.tokenizerNames

  /// Makes the folder, or empties that of an earlier run.
  ///
  /// - Throws: `TrainingError.outputExists` when it holds anything and is not to be replaced, or holds what no run wrote, or is in use;
  ///   `CheckpointError` when it cannot be made.
  public init(creating path: String, overwrites: Bool) throws {
    self.path = path
    let manager = FileManager.default
    if manager.fileExists(atPath: path) {
      let entries = (try? manager.contentsOfDirectory(atPath: path)) ?? [path]
      let foreign = entries.filter { !RunFolder.ownEntries.contains($0) && !AtomicFile.isLeftover($0) }.sorted()
      if !entries.isEmpty && !overwrites { throw TrainingError.outputExists(path) }
      if let first = foreign.first { throw TrainingError.outputHoldsOther(path, first) }
      lock = try RunFolder.lock(path)
      for entry in entries { try manager.removeItem(atPath: "\(path)/\(entry)") }
    } else {
      try AtomicFile.createFolder(path)
      lock = try RunFolder.lock(path)
    }
    try AtomicFile.write("", to: metricsPath)
  }

  /// Takes the folder of a run up where a checkpoint of it was saved: what was written since is forgotten.
  ///
  /// - Throws: `TrainingError` when it is in use, or its metrics are not those of the checkpoint.
  public init(resuming path: String, from checkpoint: Checkpoint) throws {
    self.path = path
    lock = try RunFolder.lock(path)
    let manager = FileManager.default
    for folder in [path, "\(path)/checkpoints", bestPath] {
      for name in (try? manager.contentsOfDirectory(atPath: folder)) ?? [] where AtomicFile.isLeftover(name) {
        try? manager.removeItem(atPath: "\(folder)/\(name)")
      }
    }
    let length = try onMetrics { Int(try $0.offset()) }
    guard length >= checkpoint.state.metricsByteCount else {
      throw TrainingError.metricsLost(metricsPath, expected: checkpoint.state.metricsByteCount, found: length, checkpoint: checkpoint.path)
    }
    try onMetrics { try $0.truncate(atOffset: UInt64(checkpoint.state.metricsByteCount)) }
  }

  private static func lock(_ path: String) throws -> FolderLock {
    guard let lock = try FolderLock(path) else { throw TrainingError.outputInUse(path) }
    return lock
  }

  public func write(_ text: String, to name: String) throws { try AtomicFile.write(text, to: "\(path)/\(name)") }

  // MARK: - Metrics

  private var metricsPath: String { "\(path)/metrics.jsonl" }

  /// Adds a line to `metrics.jsonl`.
  public func appendMetric(_ line: String) throws { try onMetrics { try $0.write(contentsOf: Data((line + "\n").utf8)) } }

  /// What was answered before the first step, if anything.
  var firstSamples: SampleReport? {
    (try? RunMetrics(folder: path))?.events.lazy.compactMap { SampleReport($0) }.first { $0.step == 0 }
  }

  /// The length of `metrics.jsonl`, all of which is on disk then.
  func flushMetrics() throws -> Int {
    try onMetrics { handle in
      try handle.synchronize()
      return Int(try handle.offset())
    }
  }

  /// - Parameter body: gets the file at its end.
  private func onMetrics<Result>(_ body: (FileHandle) throws -> Result) throws -> Result {
    guard let handle = FileHandle(forWritingAtPath: metricsPath) else {
      throw TrainingError.cannotWrite(metricsPath, "it cannot be opened")
    }
    defer { try? handle.close() }
    do {
      try handle.seekToEnd()
      return try body(handle)
    } catch {
      let isFull = (error as? CocoaError)?.code == .fileWriteOutOfSpace
      throw TrainingError.cannotWrite(metricsPath, isFull ? "the disk is full" : error.localizedDescription)
    }
  }

  // MARK: - Adapters

  public var bestPath: String { "\(path)/best" }

  public func checkpointPath(step: Int) -> String {
    let digits = String(step)
    return "\(path)/checkpoints/step-\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits)"
  }

  /// Removes all but the newest `keep` checkpoints.
  public func removeOldCheckpoints(keep: Int) throws {
    for checkpoint in RunFolder.checkpoints(of: path).dropLast(keep) { try AtomicFolder.remove(checkpoint.path) }
  }

  /// The newest checkpoint of a run that is whole; those that are not are in `broken`, with the reason.
  public static func newestCheckpoint(of path: String) -> (checkpoint: Checkpoint?, broken: [String]) {
    var broken: [String] = []
    for (_, path) in checkpoints(of: path).reversed() {
      do {
        return (try Checkpoint(path: path), broken)
      } catch {
        broken.append("\(error)")
      }
    }
    return (nil, broken)
  }

  /// By step.
  private static func checkpoints(of path: String) -> [(step: Int, path: String)] {
    let folder = "\(path)/checkpoints"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap { name in
      guard name.hasPrefix("step-") else { return nil }
      return Int(name.dropFirst("step-".count)).map { ($0, "\(folder)/\(name)") }
    }.sorted { $0.0 < $1.0 }
  }
}
