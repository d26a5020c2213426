/// Reads records of RFC 4180: fields between separators, in quotes where they hold separators, quotes or line breaks.
struct DelimitedText {
  struct Problem: Error {
    let line: Int
    let reason: String
  }

  struct Record {
    /// Where it begins, from 1.
    let line: Int
    let fields: [String]
    /// Whether a line break follows it: without one it may go on behind the bytes.
    let isEnded: Bool
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  private let separator: UInt8
  /// Tab-separated files have no quotes.
  private let hasQuotes: Bool
  private var place: Int
  private var line = 1

  static let maximumFields = 4096

  init(_ bytes: UnsafeBufferPointer<UInt8>, separator: Unicode.Scalar) {
    self.bytes = bytes
    self.separator = UInt8(ascii: separator)
    hasQuotes = separator == ","
    place = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  /// The next record; nil at the end. Empty lines are none.
  ///
  /// - Throws: `Problem`.
  mutating func next() throws(Problem) -> Record? {
    while place < bytes.count, passesLineBreak() {}
    guard place < bytes.count else { return nil }
    let start = line
    var fields: [String] = []
    while true {
      fields.append(try field())
      guard fields.count <= DelimitedText.maximumFields else {
        throw Problem(line: start, reason: "the row has more than \(DelimitedText.maximumFields) fields.")
      }
      guard place < bytes.count else { return Record(line: start, fields: fields, isEnded: false) }
      if bytes[place] == separator {
        place += 1
        continue
      }
      if passesLineBreak() { return Record(line: start, fields: fields, isEnded: true) }
      throw Problem(line: line, reason: "there is text after the closing quote of a field. A quote inside a field is written twice.")
    }
  }

  private mutating func passesLineBreak() -> Bool {
    guard place < bytes.count else { return false }
    if bytes[place] == 0x0D, place + 1 < bytes.count, bytes[place + 1] == 0x0A {
      place += 2
    } else if bytes[place] == 0x0A || bytes[place] == 0x0D {
      place += 1
    } else {
      return false
    }
    line += 1
    return true
  }

  private mutating func field() throws(Problem) -> String {
    guard hasQuotes, place < bytes.count, bytes[place] == UInt8(ascii: "\"") else {
      let start = place
      while place < bytes.count, bytes[place] != separator, bytes[place] != 0x0A, bytes[place] != 0x0D { place += 1 }
      return try text(bytes[start..<place])
    }
    let start = line
    var content: [UInt8] = []
    place += 1
    while place < bytes.count {
      let byte = bytes[place]
      place += 1
      if byte == UInt8(ascii: "\"") {
        guard place < bytes.count, bytes[place] == byte else { return try text(content[...]) }
        place += 1
      } else if byte == 0x0A || byte == 0x0D && (place >= bytes.count || bytes[place] != 0x0A) {
        line += 1
      }
      content.append(byte)
    }
    throw Problem(line: start, reason: "a quoted field that begins here has no end.")
  }

  private func text(_ bytes: some Collection<UInt8>) throws(Problem) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Problem(line: line, reason: "not valid UTF-8. Convert the file to UTF-8.")
    }
    return text
  }
}
