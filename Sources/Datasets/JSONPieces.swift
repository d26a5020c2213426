import JSON

/// Reads values one after another from a file of any size through a buffer of bounded size.
struct JSONPieces {
  let file: DataFile
  /// Bytes at a time; the buffer grows for a value that is longer.
  private let pieceSize: Int
  private var buffer: [UInt8] = []
  /// Place of the buffer in the file, and of what comes next in the buffer.
  private var base = 0
  private var next = 0

  init(_ file: DataFile, pieceSize: Int) {
    self.file = file
    self.pieceSize = pieceSize
  }

  /// Where reading stands in the file.
  var offset: Int { base + next }

  private var hasMore: Bool { base + buffer.count < file.byteCount }

  /// Reads on behind what was consumed: as much again as is left, and at least a piece.
  private mutating func extend() throws {
    buffer.removeFirst(next)
    base += next
    next = 0
    let end = base + buffer.count
    try file.append(end..<min(file.byteCount, end + max(pieceSize, buffer.count)), to: &buffer)
  }

  /// Passes over a byte order mark at the start.
  mutating func skipByteOrderMark() throws {
    while buffer.count < 3, hasMore { try extend() }
    if offset == 0, buffer.starts(with: [0xEF, 0xBB, 0xBF]) { next = 3 }
  }

  /// The byte that comes next after white space, not consumed; nil at the end. `newLine`: whether the white space held one.
  mutating func peek() throws -> (byte: UInt8?, newLine: Bool) {
    var newLine = false
    while true {
      while next < buffer.count {
        switch buffer[next] {
        case 0x0A: newLine = true
        case 0x20, 0x0D, 0x09: break
        default: return (buffer[next], newLine)
        }
        next += 1
      }
      guard hasMore else { return (nil, newLine) }
      try extend()
    }
  }

  /// Consumes the byte that `peek` has found.
  mutating func skip() { next += 1 }

  /// Reads a value. `body` may be called again with more bytes, and must leave nothing behind when it throws.
  ///
  /// - Throws: `DataError`, also for what is no JSON.
  mutating func value<Value>(_ body: (inout JSONScanner) throws -> Value) throws -> Value {
    var earlier: DataError?
    while true {
      let start = next
      var end = next
      do {
        let value = try buffer.withUnsafeBufferPointer { bytes in
          var scanner = JSONScanner(bytes, from: start)
          defer { end = scanner.offset }
          return try body(&scanner)
        }
        next = end
        return value
      } catch let error as JSONError {
        // The longest thing whose beginning can be blamed for its missing end is a pair of escapes, of 12 bytes.
        guard hasMore, error.offset + 16 > buffer.count else { throw try located(error) }
      } catch let error as DataError {
        // A number may be cut.
        guard hasMore, error != earlier else { throw error }
        earlier = error
      }
      try extend()
    }
  }

  /// An error at the place where reading stands.
  func error(_ problem: JSONError.Problem) throws -> DataError {
    try located(JSONError(offset: next, line: 0, column: 0, problem: problem))
  }

  private func located(_ error: JSONError) throws -> DataError {
    let place = base + error.offset
    let (line, column) = try file.position(of: place)
    var problem = error.problem
    if case .endInsideString(let start) = problem { problem = .endInsideString(start: base + start) }
    let error = JSONError(offset: place, line: line, column: column, problem: problem)
    return .notJSON(location: error.place(in: file.path), reason: error.message)
  }
}
