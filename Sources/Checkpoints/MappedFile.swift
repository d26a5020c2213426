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
    let (descriptor, byteCount) = try openRegularFile(path)
    defer { close(descriptor) }
    guard byteCount > 0 else { throw CheckpointError(path: path, reason: .empty) }
    guard let address = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0), address != MAP_FAILED else {
      throw CheckpointError(path: path, reason: .system(operation: "mapping", code: errno))
    }
    return MappedBytes(owner: MappedFile(address: UnsafeRawPointer(address), byteCount: byteCount))
  }

  /// Opens a file for reading; a symbolic link is followed.
  fileprivate static func openRegularFile(_ path: String) throws -> (descriptor: Int32, byteCount: Int) {
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
    var status = stat()
    let code = fstat(descriptor, &status) == 0 ? 0 : errno
    if code == 0, status.st_mode & S_IFMT == S_IFREG { return (descriptor, Int(status.st_size)) }
    close(descriptor)
    if code != 0 { throw failure(.system(operation: "reading its size", code: code)) }
    throw failure(status.st_mode & S_IFMT == S_IFDIR ? .isFolder : .notAFile)
  }
}

/// A file that another program may write to, or cut shorter, while it is read: copied, since a mapping does not survive that.
public enum GrowingFile {
  /// The bytes from `offset` to the end that the file has now; none where it is shorter.
  ///
  /// - Throws: `CheckpointError` for a file that is missing, unreadable or not a regular file.
  public static func bytes(_ path: String, from offset: Int = 0) throws -> [UInt8] {
    let (descriptor, byteCount) = try MappedFile.openRegularFile(path)
    defer { close(descriptor) }
    guard byteCount > offset else { return [] }
    var code: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: byteCount - offset) { buffer, count in
      while count < buffer.count, let address = buffer.baseAddress {
        let read = pread(descriptor, address + count, buffer.count - count, off_t(offset + count))
        if read < 0, errno == EINTR { continue }
        if read < 0 { code = errno }
        guard read > 0 else { return }
        count += read
      }
    }
    guard code == 0 else { throw CheckpointError(path: path, reason: .system(operation: "reading", code: code)) }
    return bytes
  }
}
