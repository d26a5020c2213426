import Datasets

/// A published file: what it is, and its rows when they are asked for.
package struct DataTable: Sendable {
  package let path: String
  /// Names of the file and of folders that it is in, from the one that was named: some sets differ in nothing else.
  package let location: String
  /// What it is for; nil where no name says it.
  package let split: DataSplit?
  /// What the file's name says besides the split, or its folder's where the file's says nothing else.
  package let subject: String
  package let form: DataForm
  /// Nil for a text and for what cannot be read.
  package let first: DataRow?

  static let maximumBytes = 1 << 30
  private static let headSize = 1 << 16

  /// Looks at the beginning of a file.
  ///
  /// - Throws: what opening it throws. A content that cannot be read is `DataForm.unreadable`.
  init(path: String, location: String, split: DataSplit?, subject: String) throws {
    self.path = path
    self.location = location
    self.split = split
    self.subject = subject
    var found: DataHead?
    do {
      let head = try DataTable.read(path, headOnly: true)
      found = DataHead(head.bytes, path: path, isWhole: head.isWhole)
      if found == nil { found = DataHead(try DataTable.read(path, headOnly: false).bytes, path: path, isWhole: true) }
    } catch let error as EvaluationError {
      found = DataHead(unreadable: error)
    }
    form = found?.form ?? .text
    first = found?.first
  }

  /// All rows, read anew each time. A text is one row with the field `text`.
  ///
  /// - Throws: `EvaluationError.file` for what is broken, `DataError` for what cannot be opened.
  package func rows() throws -> [DataRow] {
    let form = form
    return try DataTable.read(path, headOnly: false).bytes.withUnsafeBufferPointer { bytes in
      try RowParser(path: path, bytes: bytes).rows(form)
    }
  }

  /// The content as text, whatever its form.
  ///
  /// - Throws: `EvaluationError.file` for what is no UTF-8, `DataError` for what cannot be opened.
  package func text() throws -> String {
    if case .unreadable(let reason) = form { throw EvaluationError.file(path: path, place: nil, reason: reason + ".") }
    return try DataTable.read(path, headOnly: false).bytes.withUnsafeBufferPointer { bytes in
      try RowParser(path: path, bytes: bytes).text()
    }
  }

  /// The file's bytes, expanded.
  private static func read(_ path: String, headOnly: Bool) throws -> (bytes: [UInt8], isWhole: Bool) {
    let file = try DataFile(path: path)
    guard headOnly || file.byteCount <= maximumBytes else {
      throw EvaluationError.file(path: path, place: nil, reason: "larger than \(maximumBytes >> 20) MB. Split it into several files.")
    }
    let bytes = try file.bytes(0..<(headOnly ? min(file.byteCount, headSize) : file.byteCount))
    guard let compression = Compression(bytes) else { return (bytes, bytes.count == file.byteCount) }
    // A block of bzip2 has up to 900 kB: the whole of it is needed for a first byte.
    let given = headOnly && compression == .bzip2 ? try file.bytes(0..<min(file.byteCount, 1 << 20)) : bytes
    do {
      let limit = headOnly ? headSize : maximumBytes
      let expanded = try compression.expand(given, limit: limit, headOnly: headOnly)
      return (expanded, !headOnly || expanded.count < headSize && given.count == file.byteCount)
    } catch let problem as Compression.Problem {
      throw EvaluationError.file(path: path, place: nil, reason: problem.reason)
    }
  }
}
