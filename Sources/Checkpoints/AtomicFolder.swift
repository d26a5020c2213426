import Foundation

/// Folders that have their name only while they are whole.
public enum AtomicFolder {
  /// Writes a folder beside `path` and renames it, replacing one that had the name.
  ///
  /// - Parameter fill: writes the files, each flushed to disk as `AtomicFile` does.
  /// - Throws: `CheckpointError`, and what `fill` throws; what had the name before is untouched unless renaming itself fails.
  public static func write(_ path: String, fill: (_ temporary: String) throws -> Void) throws {
    let temporary = neighbour(of: path, "\(getpid())")
    try? FileManager.default.removeItem(atPath: temporary)
    do {
      try AtomicFile.createFolder(temporary)
      try fill(temporary)
      if FileManager.default.fileExists(atPath: path) { try remove(path) }
      guard rename(temporary, path) == 0 else { throw CheckpointError(path: path, reason: .system(operation: "renaming", code: errno)) }
    } catch {
      try? FileManager.default.removeItem(atPath: temporary)
      throw error
    }
  }

  /// Removes a folder, its name first: what is half removed is not taken for it.
  ///
  /// - Throws: `CheckpointError` when it cannot be renamed, or what removing files throws.
  public static func remove(_ path: String) throws {
    let temporary = neighbour(of: path, "old")
    try? FileManager.default.removeItem(atPath: temporary)
    guard rename(path, temporary) == 0 else { throw CheckpointError(path: path, reason: .system(operation: "removing", code: errno)) }
    try FileManager.default.removeItem(atPath: temporary)
  }

  /// A name that `AtomicFile.isLeftover` knows.
  private static func neighbour(of path: String, _ mark: String) -> String {
    let above = folder(of: path)
    return (above.isEmpty ? "" : above + "/") + ".\(path.split(separator: "/").last ?? "").\(mark).tmp"
  }
}

/// Keeps a folder to one process, until it is released or the process ends.
public final class FolderLock: Sendable {
  private let descriptor: Int32

  /// - Returns: `nil` when another process has it.
  /// - Throws: `CheckpointError` when the folder cannot be opened.
  public init?(_ path: String) throws {
    descriptor = try FolderLock.openFolder(path)
    // Again, since whoever only looks (`isHeld`) has it for a moment too.
    for attempt in 0..<5 {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
      if attempt < 4 { usleep(2_000) }
    }
    // A deinitializer does not run for an object that was not made.
    close(descriptor)
    return nil
  }

  /// Whether a process has the folder now.
  ///
  /// - Throws: `CheckpointError` when the folder cannot be opened.
  public static func isHeld(_ path: String) throws -> Bool {
    let descriptor = try openFolder(path)
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  private static func openFolder(_ path: String) throws -> Int32 {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CheckpointError(path: path, reason: .system(operation: "opening the folder", code: errno)) }
    return descriptor
  }

  deinit { close(descriptor) }
}
