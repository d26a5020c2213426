import Checkpoints
import Foundation
import JSON

/// The run folders below a folder, and what else is there.
public struct RunList: Sendable {
  /// Folders below folders are looked at, to this depth.
  private static let depth = 4
  /// Folders that are looked at; a whole disk is not.
  private static let most = 10_000

  public struct Other: Sendable, Equatable {
    public let path: String
    public let reason: String
  }

  /// By path.
  public private(set) var runs: [RunFacts] = []
  /// Folders that hold no run, and what could not be looked at.
  public private(set) var others: [Other] = []
  private var visited = 0

  /// - Throws: `CheckpointError` when `path` is no folder.
  public init(folder path: String) throws {
    let path = withoutTrailingSlash(path)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CheckpointError(path: path, reason: .missing)
    }
    guard isFolder.boolValue else { throw CheckpointError(path: path, reason: .malformed("is a file; give the folder that holds runs.")) }
    _ = look(at: path, depth: 0)
    runs.sort { $0.path.localizedStandardCompare($1.path) == .orderedAscending }
  }

  /// - Returns: whether there is a run in it or below.
  private mutating func look(at path: String, depth: Int) -> Bool {
    visited += 1
    guard visited <= RunList.most else {
      if visited == RunList.most + 1 {
        others.append(Other(path: path, reason: "not looked at, nor what follows: there are too many folders"))
      }
      return true
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      others.append(Other(path: path, reason: "cannot be read"))
      return true
    }
    if RunList.isRun(names) {
      runs.append(RunFacts(folder: path))
      return true
    }
    var holdsRuns = false
    for name in names where !name.hasPrefix(".") {
      let inner = path == "/" ? "/\(name)" : "\(path)/\(name)"
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: inner, isDirectory: &isFolder), isFolder.boolValue else { continue }
      guard depth < RunList.depth else {
        others.append(Other(path: inner, reason: "not looked at: too deep"))
        continue
      }
      if look(at: inner, depth: depth + 1) { holdsRuns = true }
    }
    if !holdsRuns, depth > 0 {
      // Of folders without a run the uppermost says it.
      others.removeAll { $0.path.hasPrefix("\(path)/") }
      others.append(Other(path: path, reason: RunList.reason(names)))
    }
    return holdsRuns
  }

  /// Two of the files that every run writes at its beginning: one alone may be anything's.
  private static func isRun(_ names: [String]) -> Bool {
    ["run.json", "recipe.yaml", "metrics.jsonl"].count { names.contains($0) } >= 2
  }

  private static func reason(_ names: [String]) -> String {
    if names.isEmpty { return "empty" }
    if names.contains("adapter_config.json") { return "an adapter without the files of a run" }
    if names.contains("config.json") || names.contains("params.json") { return "a base" }
    let own = ["run.json", "recipe.yaml", "metrics.jsonl", "checkpoints"].filter { names.contains($0) }
    return own.isEmpty ? "no run in it" : "a broken run: \(own.joined(separator: ", ")) and nothing else of one"
  }
}
