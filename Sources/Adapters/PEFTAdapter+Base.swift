import Bases
import Checkpoints
import Foundation
import JSON

extension PEFTAdapter {
  /// Reads the adapter at `path` and makes sure that it was trained on `base`, as far as its run's `run.json` tells. An adapter from
  /// elsewhere has no such record: its shapes are checked, and a note says so.
  ///
  /// - Parameter allowOtherBase: Go on with a note when the record names a base of another fingerprint.
  /// - Throws: `AdapterError` with everything that is wrong with it.
  public static func open(_ path: String, for base: Base, use: Use = .network, allowOtherBase: Bool = false) throws -> PEFTAdapter {
    let path = withoutTrailingSlash(path)
    let adapter = try read(path, shape: base.configuration, use: use)
    func noting(_ notes: [String]) -> PEFTAdapter {
      PEFTAdapter(
        path: path, configuration: adapter.configuration, modules: adapter.modules, vocabularyDeltas: adapter.vocabularyDeltas,
        savedWeights: adapter.savedWeights, notes: adapter.notes + notes)
    }
    guard let record = try record(of: path) else {
      return noting(["\(path): no run.json says which base it was trained on; only its shapes were checked against \(base.path)."])
    }
    var notes: [String] = []
    let fingerprint = base.fingerprint()
    if record.fingerprint != fingerprint {
      let problem = AdapterError.Problem.otherBase(
        fingerprint: record.fingerprint, base: base.path, baseFingerprint: fingerprint)
      guard allowOtherBase else { throw AdapterError(path: path, problems: [problem]) }
      notes.append("\(path): was trained on a base with fingerprint \(record.fingerprint.prefix(4))..., not on \(base.path).")
    }
    if !record.adaptersBelow.isEmpty {
      notes.append("\(path): was trained on top of \(record.adaptersBelow.joined(separator: ", ")); it means little without.")
    }
    return noting(notes)
  }

  /// The record of the run that wrote the adapter: beside it, or above `best` and `checkpoints/step-...`.
  private static func record(of path: String) throws -> (fingerprint: String, adaptersBelow: [String])? {
    let url = URL(fileURLWithPath: path).standardizedFileURL
    let parent = url.deletingLastPathComponent()
    var folders = [path]
    if url.lastPathComponent == "best" { folders.append(parent.path) }
    if parent.lastPathComponent == "checkpoints" { folders.append(parent.deletingLastPathComponent().path) }
    for folder in folders {
      let file = "\(folder)/\(RunRecord.fileName)"
      guard FileManager.default.fileExists(atPath: file) else { continue }
      let document: JSONValue
      do {
        document = try JSONValue(file: file)
      } catch {
        throw AdapterError(path: path, problems: [AdapterError.Problem(error, file: file)])
      }
      // Other tools write files of this name too: only what is needed here is asked for.
      guard let fingerprint = document.object?["base_fingerprint"]?.string else { return nil }
      let below = document.object?["adapters"]?.array?.compactMap { $0.object?["path"]?.string } ?? []
      return (fingerprint, below)
    }
    return nil
  }
}
