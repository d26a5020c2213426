import Foundation
import Tensors

/// A file mapped read-only: its bytes cost address space, no private memory, and stay where they are until the last owner lets go.
///
/// The mapping sees the file as it was opened even if another file is renamed over its name; whoever writes a file that may be mapped
/// must write beside it and rename (`AtomicFile`). A file that another program cuts shorter while it is mapped cannot be survived.
public final class MappedFile: ByteOwner, @unchecked Sendable {  // Both fields are constants, and nobody can write the pages.
  private let address: UnsafeRawPointer
  public let byteCount: Int

  private init(address: UnsafeRawPointer, byteCount: Int) {
    self.address = address
    self.byteCount = byteCount
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: address), byteCount) }

  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try body(UnsafeRawBufferPointer(start: address, count: byteCount))
  }

  /// Maps the file at `path`; a symbolic link is followed.
  ///
  /// - Throws: `CheckpointError` for a file that is missing, empty, unreadable or not a regular file.
  public static func open(_ path: String) throws -> MappedBytes {
    func failure(_ reason: CheckpointError.Reason) -> CheckpointError { CheckpointError(path: path, reason: reason) }

    // Non-blocking, so that a named pipe is refused below and not waited for.
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      switch code {
      case ENOENT, ENOTDIR:
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
        throw failure(target.map { .danglingLink(target: $0) } ?? .missing)
      case ELOOP: throw failure(.linkLoop)
      case EACCES, EPERM: throw failure(.notReadable)
      case ENXIO: throw failure(.notAFile)
      default: throw failure(.system(operation: "opening", code: code))
      }
    }
    defer { close(descriptor) }

    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(.system(operation: "reading its size", code: errno)) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw failure(.isFolder)
    default: throw failure(.notAFile)
    }
    let byteCount = Int(status.st_size)
    guard byteCount > 0 else { throw failure(.empty) }
    guard let address = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0), address != MAP_FAILED else {
      throw failure(.system(operation: "mapping", code: errno))
    }
    return MappedBytes(owner: MappedFile(address: UnsafeRawPointer(address), byteCount: byteCount))
  }
}
