import Foundation
import Tokenizers

/// A data file held open and read in pieces, always as it was when it was opened.
///
/// Another file that is renamed over its name does no harm; bytes that are changed in place are an error from the next reading on.
package final class DataFile: Sendable {
  package let path: String
  package let byteCount: Int
  private let descriptor: Int32
  private let modified: [Int]

  /// - Throws: `DataError` for what is missing, unreadable or no file.
  package init(path: String) throws {
    // Non-blocking, so that a named pipe is refused below and not waited for.
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      if code == ENOENT || code == ENOTDIR { throw DataError.missingFile(path: path) }
      throw DataError.unreadable(path: path, reason: String(cString: strerror(code)))
    }
    var status = stat()
    let isKnown = fstat(descriptor, &status) == 0
    guard isKnown, status.st_mode & S_IFMT == S_IFREG else {
      let isFolder = isKnown && status.st_mode & S_IFMT == S_IFDIR
      close(descriptor)
      throw DataError.unreadable(path: path, reason: isFolder ? "it is a folder" : "it is not a regular file")
    }
    self.path = path
    self.descriptor = descriptor
    byteCount = Int(status.st_size)
    modified = DataFile.times(status)
  }

  deinit { close(descriptor) }

  private static func times(_ status: stat) -> [Int] {
    [status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec].map { Int($0) }
  }

  /// Appends the bytes of a range.
  ///
  /// - Precondition: the range lies within the file.
  /// - Throws: `DataError.changed`, `DataError.unreadable`.
  package func append(_ range: Range<Int>, to bytes: inout [UInt8]) throws {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "bytes outside the file")
    let start = bytes.count
    bytes.reserveCapacity(start + range.count)
    bytes.append(contentsOf: repeatElement(0, count: range.count))
    var done = 0
    while done < range.count {
      let count = bytes.withUnsafeMutableBytes { buffer in
        pread(descriptor, buffer.baseAddress.map { $0 + start + done }, range.count - done, range.lowerBound + done)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw DataError.unreadable(path: path, reason: String(cString: strerror(errno))) }
      if count == 0 { throw DataError.changed(path: path) }
      done += count
    }
    // After reading, so that what was read is known to be the file that was opened.
    var status = stat()
    guard fstat(descriptor, &status) == 0, DataFile.times(status) == modified else { throw DataError.changed(path: path) }
  }

  /// - Throws: `DataError.changed`, `DataError.unreadable`.
  package func bytes(_ range: Range<Int>) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try append(range, to: &bytes)
    return bytes
  }

  /// Line and column of a byte, from 1; columns in characters.
  ///
  /// - Throws: `DataError.changed`, `DataError.unreadable`.
  func position(of place: Int) throws -> (line: Int, column: Int) {
    var (line, column) = (1, 1)
    for start in stride(from: 0, to: place, by: 1 << 20) {
      for byte in try bytes(start..<min(place, start + 1 << 20)) {
        if byte == UInt8(ascii: "\n") {
          line += 1
          column = 1
        } else if byte & 0xC0 != 0x80 {
          column += 1
        }
      }
    }
    return (line, column)
  }
}

extension DataFile {
  /// A fingerprint of all bytes: 32 hexadecimal digits.
  ///
  /// - Throws: `DataError.changed`, `DataError.unreadable`.
  func fingerprint() throws -> String {
    var hash = ContentHash()
    for start in stride(from: 0, to: byteCount, by: 4 << 20) { hash.update(try bytes(start..<min(byteCount, start + 4 << 20))) }
    return hash.text
  }
}
