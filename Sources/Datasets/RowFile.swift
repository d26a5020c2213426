import Foundation
import JSON

/// The rows of one data file. Texts stay in the file's bytes and are taken out when a row is encoded.
struct RowFile: Sendable {
  struct TextRow: Sendable {
    let instruction: JSONText
    /// Nil: none, null or "".
    let input: JSONText?
    let output: JSONText
  }

  struct TokenRow: Sendable {
    /// In `ids`.
    let ids: Range<Int>
    let promptLength: Int
  }

  enum Rows: Sendable {
    case texts([TextRow])
    case tokens([TokenRow])
  }

  let path: String
  let bytes: [UInt8]
  let rows: Rows
  /// Of all token rows.
  let ids: [Int32]
  /// What could be said on reading; lengths are known after encoding.
  let facts: DataFacts

  var count: Int {
    switch rows {
    case .texts(let rows): rows.count
    case .tokens(let rows): rows.count
    }
  }

  /// Reads a JSON array or JSON lines.
  ///
  /// - Parameter vocabularySize: of the model; ids of token rows must lie below it. Nil: unknown.
  /// - Throws: `DataError` at the first thing that is wrong.
  init(path: String, format: DataOptions.Format, vocabularySize: Int?) throws {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { throw DataError.missingFile(path: path) }
    guard !isDirectory.boolValue else { throw DataError.unreadable(path: path, reason: "it is a folder") }
    let bytes: [UInt8]
    do {
      bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw DataError.unreadable(path: path, reason: error.localizedDescription)
    }
    try self.init(bytes: bytes, path: path, format: format, vocabularySize: vocabularySize)
  }

  init(bytes: [UInt8], path: String, format: DataOptions.Format, vocabularySize: Int?) throws {
    var reader = RowReader(path: path, vocabularySize: vocabularySize)
    try bytes.withUnsafeBufferPointer { buffer in
      do {
        try reader.read(buffer, format: format)
      } catch let error as JSONError {
        throw DataError.notJSON(location: error.place(in: path), reason: error.message)
      }
    }
    self.path = path
    self.bytes = bytes
    rows = reader.format == .tokens ? .tokens(reader.tokenRows) : .texts(reader.textRows)
    ids = reader.ids
    facts = reader.facts
  }

  func utf8(_ text: JSONText?) -> [UInt8] {
    guard let text else { return [] }
    var utf8: [UInt8] = []
    bytes.withUnsafeBufferPointer { JSONScanner($0).append(text, to: &utf8) }
    return utf8
  }
}
