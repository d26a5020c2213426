import Checkpoints
import Foundation
import JSON

/// Where an adapter comes from, as far as the record of its run tells.
struct AdapterOrigin {
  /// Names the run that wrote the adapter, or the adapter's folder where there is no record: the same for every path to it, for its
  /// `best` and its checkpoints.
  let identity: String
  /// The adapter's folder, absolute and with links followed.
  let path: String
  /// Of the base; nil without a record.
  var fingerprint: String?
  /// Frozen adapters that it was trained over.
  var below: [RunRecord.AdapterReference] = []
  /// The adapter that it continued.
  var startFrom: String?
  /// `run.json`, if there is one.
  var record: String?

  /// Looks for the record beside the adapter, or above `best` and `checkpoints/step-...`.
  ///
  /// - Throws: `AdapterError` when there is a record that cannot be read.
  init(of path: String) throws {
    let real = AdapterOrigin.realPath(path)
    let parent = folder(of: real)
    var folders = [(name: path, real: real)]
    if real.hasSuffix("/best") { folders.append((parent, parent)) }
    if parent.hasSuffix("/checkpoints") { folders.append((folder(of: parent), folder(of: parent))) }
    for folder in folders {
      let file = "\(folder.name)/\(RunRecord.fileName)"
      guard FileManager.default.fileExists(atPath: file) else { continue }
      do {
        guard let origin = try AdapterOrigin(record: JSONValue(file: file), file: file, identity: folder.real, path: real) else { break }
        self = origin
        return
      } catch {
        throw AdapterError(path: path, problems: [AdapterError.Problem(error, file: file)])
      }
    }
    identity = real
    self.path = real
  }

  /// Nil for a file of another tool: others use this name too.
  private init?(record: JSONValue, file: String, identity: String, path: String) throws {
    guard let fingerprint = record["base_fingerprint"]?.string else { return nil }
    self.identity = identity
    self.path = path
    self.fingerprint = fingerprint
    self.record = file
    startFrom = record["start_from"]?.string
    guard let adapters = record["adapters"], !adapters.isNull else { return }
    let references = adapters.array?.map { element in
      element["path"]?.string.flatMap { path in
        element["weight"]?.double.map {
          RunRecord.AdapterReference(path: path, weight: $0, fingerprint: element["fingerprint"]?.string)
        }
      }
    }
    guard let references, !references.contains(nil) else {
      throw CheckpointError(
        path: file, reason: .malformed("'adapters' is \(adapters.excerpt); expected a list of objects with path and weight."))
    }
    below = references.compactMap { $0 }
  }

  /// The identities of the adapters that it continued, one after the other; their deltas are in its own.
  ///
  /// - Throws: `AdapterError` when a record cannot be read.
  func continued() throws -> Set<String> {
    var identities: Set<String> = []
    var next = startFrom
    while let path = next {
      let origin = try AdapterOrigin(of: path)
      guard identities.insert(origin.identity).inserted else { break }
      next = origin.startFrom
    }
    return identities
  }

  /// Absolute, links followed as far as they lead to something.
  private static func realPath(_ path: String) -> String {
    URL(fileURLWithPath: withoutTrailingSlash(path)).standardizedFileURL.resolvingSymlinksInPath().path
  }
}
