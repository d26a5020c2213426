import Checkpoints
import Foundation

/// A folder that appears under its name only when everything in it is written and proved: filled beside the name, then renamed.
///
/// While it is filled it is hidden and locked, so that a later merge can tell what a killed one left from what a living one writes.
package final class MergeFolder {
  /// Where it will be.
  let output: String
  /// Where it is filled.
  let path: String
  private var descriptor: Int32
  private var isFinished = false

  /// Makes the hidden folder, after removing those that killed merges left.
  ///
  /// - Throws: `MergeError` when the output is taken; `CheckpointError` when the folder cannot be made.
  init(output: String) throws {
    self.output = output
    let parent = try MergeFolder.parent(of: output)
    try AtomicFile.createFolder(parent)
    try MergeFolder.removeLeftovers(of: output, in: parent)
    path = "\(parent)/\(MergeFolder.prefix(output))\(getpid())-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))\(MergeFolder.suffix)"
    guard mkdir(path, 0o777) == 0 else { throw CheckpointError(path: path, reason: .system(operation: "creating the folder", code: errno)) }
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // File systems without locks do without: leftovers then stay until somebody removes them.
    if descriptor >= 0 { flock(descriptor, LOCK_EX | LOCK_NB) }
  }

  deinit { discard() }

  /// Gives the folder its name.
  ///
  /// - Throws: `CheckpointError` when that fails, for instance because another folder took the name meanwhile.
  func finish() throws {
    // Every file was flushed when it got its name; the names themselves come here.
    if descriptor >= 0 { fsync(descriptor) }
    guard rename(path, output) == 0 else { throw CheckpointError(path: output, reason: .system(operation: "renaming", code: errno)) }
    isFinished = true
    let above = open(try MergeFolder.parent(of: output), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if above >= 0 {
      fsync(above)
      close(above)
    }
    discard()
  }

  /// Removes what was written, unless it is finished.
  func discard() {
    if !isFinished { try? FileManager.default.removeItem(atPath: path) }
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    isFinished = true
  }

  // MARK: - Before the first byte

  /// Refuses an output that exists, or that lies in what is read.
  ///
  /// - Parameter inputs: folders, and what a message calls them.
  static func check(_ output: String, inputs: [(path: String, what: String)]) throws {
    var status = stat()
    if lstat(output, &status) == 0 {
      guard stat(output, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { throw MergeError([.outputIsFile(output)]) }
      let entries: [String]
      do {
        entries = try FileManager.default.contentsOfDirectory(atPath: output)
      } catch {
        throw CheckpointError(path: output, reason: .notReadable)
      }
      if let entry = entries.min() { throw MergeError([.outputNotEmpty(output, entry: entry)]) }
    }
    let resolved = realPath(output)
    for (path, what) in inputs {
      let folder = realPath(path)
      if resolved == folder || resolved.hasPrefix(folder == "/" ? "/" : folder + "/") {
        throw MergeError([.outputInside(output, what: what, folder: path)])
      }
    }
  }

  /// Makes sure that `byteCount` bytes fit.
  ///
  /// - Parameter available: for tests; nil asks the file system.
  package static func checkSpace(for byteCount: Int, at output: String, available: Int? = nil) throws {
    var existing = try parent(of: output)
    while existing != "/", existing != ".", access(existing, F_OK) != 0 { existing = try parent(of: existing) }
    var status = statvfs()
    guard available != nil || statvfs(existing, &status) == 0 else { return }
    let free = available ?? Int(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    // Headers, the index, the report, and blocks that are not full.
    let needed = byteCount + (4 << 20)
    if free < needed { throw MergeError([.tooLittleSpace(output: output, needed: needed, available: free)]) }
  }

  // MARK: - Names

  private static let suffix = ".merging"

  private static func name(of output: String) -> String { String(output.split(separator: "/").last ?? "") }

  /// Names stay below 255 bytes.
  private static func prefix(_ output: String) -> String { ".\(name(of: output).prefix(60))." }

  private static func parent(of output: String) throws -> String {
    guard let slash = output.lastIndex(of: "/") else { return "." }
    return slash == output.startIndex ? "/" : String(output[..<slash])
  }

  private static func removeLeftovers(of output: String, in parent: String) throws {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    for name in names where name.hasPrefix(prefix(output)) && name.hasSuffix(suffix) {
      let path = "\(parent)/\(name)"
      let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      // A living merge holds its lock.
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        if errno == EWOULDBLOCK { throw MergeError([.outputBusy(output)]) }
        continue
      }
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  /// The path without links, where the last parts may not exist yet.
  private static func realPath(_ path: String) -> String {
    var existing = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    var rest: [Substring] = []
    while true {
      if let resolved = realpath(existing, nil) {
        defer { free(resolved) }
        let beginning = String(cString: resolved)
        let whole = (beginning == "/" ? "" : beginning) + rest.reversed().map { "/\($0)" }.joined()
        return whole.isEmpty ? "/" : URL(fileURLWithPath: whole).standardizedFileURL.path
      }
      guard let slash = existing.lastIndex(of: "/"), existing.count > 1 else { return path }
      let last = existing[existing.index(after: slash)...]
      if !last.isEmpty { rest.append(last) }
      existing = slash == existing.startIndex ? "/" : String(existing[..<slash])
    }
  }
}
