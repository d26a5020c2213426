import Foundation

/// A file held open, which is closed with its last owner.
final class OpenFile: Sendable {
  let descriptor: Int32

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Fills `bytes` from a place of the file.
  ///
  /// - Throws: `SystemError`, with `EIO` where the file ends before.
  func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      let count = pread(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, offset + done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw SystemError(code: count < 0 ? errno : EIO) }
      done += count
    }
  }

  /// - Throws: `SystemError`.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      let count = pwrite(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, offset + done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw SystemError(code: count < 0 ? errno : EIO) }
      done += count
    }
  }

  /// Numbers that lie one after another.
  ///
  /// - Throws: `SystemError`.
  func numbers<Number: FixedWidthInteger>(_ count: Int, at offset: Int) throws -> [Number] {
    var numbers = [Number](repeating: 0, count: count)
    try numbers.withUnsafeMutableBytes { try read(into: $0, at: offset) }
    return numbers
  }
}

/// What the system says when something fails.
struct SystemError: Error, CustomStringConvertible {
  let code: Int32
  var description: String { String(cString: strerror(code)) }
}
