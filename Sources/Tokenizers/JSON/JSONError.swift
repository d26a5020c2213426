/// Where and why bytes are not JSON. Files name themselves through `located(in:of:)`.
package struct JSONError: Error, Equatable {
  /// Byte offset from 0.
  package let offset: Int
  package let message: String

  package init(offset: Int, message: String) {
    self.offset = offset
    self.message = message
  }

  /// `datasets/alpaca.json:12:5 (byte 345): expected ...`: line and column from 1, columns in characters.
  package func located(in path: String, of bytes: UnsafeBufferPointer<UInt8>) -> String {
    let (line, column) = JSONError.position(of: offset, in: bytes)
    return "\(path):\(line):\(column) (byte \(offset)): \(message)"
  }

  package static func position(of offset: Int, in bytes: UnsafeBufferPointer<UInt8>) -> (line: Int, column: Int) {
    var line = 1
    var lineStart = 0
    let end = min(max(offset, 0), bytes.count)
    for index in 0..<end where bytes[index] == UInt8(ascii: "\n") {
      line += 1
      lineStart = index + 1
    }
    // Continuation bytes are not characters of their own.
    let column = 1 + (lineStart..<end).count { bytes[$0] & 0xC0 != 0x80 }
    return (line, column)
  }
}
