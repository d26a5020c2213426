import Foundation

/// A file that appears under its name only when it is complete: written beside the name, flushed to the disk, then renamed.
///
/// Whoever has the old file open or mapped keeps the old bytes. Without `commit` nothing is left behind.
public final class AtomicFile {
  public let path: String
  /// Bytes written so far.
  public private(set) var byteCount = 0
  private let temporaryPath: String
  /// -1 once committed or discarded.
  private var descriptor: Int32

  /// Whether a name is that of a file which a killed process did not finish.
  public static func isLeftover(_ name: String) -> Bool { name.hasPrefix(".") && name.hasSuffix(".tmp") }

  /// Begins a file beside `path`.
  ///
  /// - Throws: `CheckpointError` when the folder is missing or not writable.
  public convenience init(_ path: String) throws {
    let folder = Checkpoints.folder(of: path)
    let name = path.split(separator: "/").last ?? ""
    // Part of the name, so that what a killed process leaves can be recognised without reaching the limit of 255 bytes.
    let temporaryName = ".\(name.prefix(40)).\(getpid())-\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).tmp"
    let temporaryPath = folder.isEmpty ? temporaryName : folder + (folder.hasSuffix("/") ? "" : "/") + temporaryName
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { throw CheckpointError(path: path, reason: .isFolder) }
    let descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw AtomicFile.failure(path, "creating the file", errno) }
    self.init(path: path, temporaryPath: temporaryPath, descriptor: descriptor)
  }

  /// For tests: writes to an open descriptor, which this owns from now on.
  package init(path: String, temporaryPath: String, descriptor: Int32) {
    self.path = path
    self.temporaryPath = temporaryPath
    self.descriptor = descriptor
  }

  deinit { discard() }

  /// Writes `bytes` at the end.
  ///
  /// - Throws: `CheckpointError` when the disk is full or fails; the file is then discarded.
  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(descriptor >= 0, "append to a file that is closed")
    var rest = bytes
    while let address = rest.baseAddress, !rest.isEmpty {
      let count = Foundation.write(descriptor, address, min(rest.count, 1 << 30))
      if count < 0 {
        if errno == EINTR { continue }
        throw abandon("writing")
      }
      byteCount += count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Flushes the file and gives it its name, replacing a file that had it.
  ///
  /// - Throws: `CheckpointError`; the file is then discarded and an older one is untouched.
  public func commit() throws {
    precondition(descriptor >= 0, "commit of a file that is closed")
    guard fsync(descriptor) == 0 else { throw abandon("flushing") }
    guard rename(temporaryPath, path) == 0 else { throw abandon("renaming") }
    close(descriptor)
    descriptor = -1
    // The new name must survive a crash too. A file system that cannot flush folders is not an error.
    let folder = Checkpoints.folder(of: path)
    let folderDescriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folderDescriptor >= 0 {
      fsync(folderDescriptor)
      close(folderDescriptor)
    }
  }

  /// Drops what was written; the name keeps what it had.
  public func discard() {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporaryPath)
    descriptor = -1
  }

  private func abandon(_ operation: String) -> CheckpointError {
    let code = errno
    discard()
    return AtomicFile.failure(path, operation, code, written: byteCount)
  }

  private static func failure(_ path: String, _ operation: String, _ code: Int32, written: Int = 0) -> CheckpointError {
    switch code {
    case ENOSPC, EDQUOT: CheckpointError(path: path, reason: .diskFull(written: written))
    case EACCES, EPERM, EROFS: CheckpointError(path: path, reason: .notWritable)
    case ENOENT, ENOTDIR: CheckpointError(path: path, reason: .folderMissing)
    case EISDIR: CheckpointError(path: path, reason: .isFolder)
    default: CheckpointError(path: path, reason: .system(operation: operation, code: code))
    }
  }
}

extension AtomicFile {
  /// Writes a whole text file in UTF-8.
  ///
  /// - Throws: `CheckpointError` as `init`, `append` and `commit`.
  public static func write(_ text: String, to path: String) throws {
    var text = text
    try text.withUTF8 { try write(UnsafeRawBufferPointer($0), to: path) }
  }

  /// Writes a whole file.
  ///
  /// - Throws: `CheckpointError` as `init`, `append` and `commit`.
  public static func write(_ data: Data, to path: String) throws {
    try data.withUnsafeBytes { try write($0, to: path) }
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws {
    let file = try AtomicFile(path)
    try file.append(bytes)
    try file.commit()
  }

  /// Creates a folder and those above it; one that exists is fine.
  ///
  /// - Throws: `CheckpointError` when it cannot be created, or a file has its name.
  public static func createFolder(_ path: String) throws {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
    var above = path
    while !above.isEmpty, above != "/" {
      if stat(above, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
        throw CheckpointError(path: path, reason: .fileInTheWay(above))
      }
      above = folder(of: above)
    }
    let parent = folder(of: path)
    if !parent.isEmpty, parent != path { try createFolder(parent) }
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw failure(path, "creating the folder", errno) }
  }
}
