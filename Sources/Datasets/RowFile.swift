import JSON

/// Bounds on what is held in memory at a time. Tests set small ones.
package struct ReadingLimits: Sendable {
  /// Bytes of a file read at a time.
  package var pieceSize = 4 << 20
  /// Data files of at most so many bytes in all stay in memory as tokens, once encoded.
  package var keptByteCount = 256 << 20
  /// Of larger ones, so many tokens are encoded ahead of training.
  package var tokensAhead = 1 << 20
  /// Tokens of text beyond this are kept in a temporary file.
  package var textTokensInMemory = 16 << 20

  package init() {}
}

/// The rows of a JSON array or of JSON lines. What is kept of a row is its place: it is read again when it is encoded.
struct RowFile: Sendable {
  let file: DataFile
  let facts: DataFacts
  /// The first row that has a system text, and that has several user's turns; from 1.
  let firstRowWithSystem: Int?
  let firstRowWithTurns: Int?
  /// Of what each row says, equal for equal rows.
  let hashes: [Int]
  private let parser: RowParser
  /// First byte of each row, and the end of the last.
  private let bounds: [Int]

  var path: String { file.path }
  var format: DataOptions.Format { parser.format }
  var count: Int { bounds.count - 1 }
  /// Bytes of a row, with what stands between it and the next one.
  func bytes(_ index: Int) -> Range<Int> { bounds[index]..<bounds[index + 1] }

  /// Reads the whole file once and checks every row.
  ///
  /// - Parameters:
  ///   - vocabularySize: of the model; ids of token rows must lie below it. Nil: unknown.
  ///   - needsOutput: whether instructions have outputs.
  /// - Throws: `DataError` at the first thing that is wrong.
  init(
    _ file: DataFile, format: DataOptions.Format, vocabularySize: Int?, limits: ReadingLimits, needsOutput: Bool = true
  ) throws {
    var reader = RowReader(file, format, vocabularySize, limits)
    reader.parser.needsOutput = needsOutput
    try reader.read()
    self.file = file
    parser = reader.parser
    bounds = reader.bounds
    hashes = reader.hashes
    facts = reader.facts
    firstRowWithSystem = reader.firstRowWithSystem
    firstRowWithTurns = reader.firstRowWithTurns
  }

  /// What the first row decides, if nothing is requested; reading the file then finds the same.
  ///
  /// - Throws: `DataError` for a file without rows.
  static func format(of file: DataFile, _ requested: DataOptions.Format, limits: ReadingLimits) throws -> DataOptions.Format {
    var reader = RowReader(file, requested, nil, limits)
    _ = try reader.begin()
    return reader.parser.format
  }

  /// - Parameter index: from 0.
  /// - Throws: `DataError.changed`, `DataError.unreadable`.
  func content(_ index: Int) throws -> RowContent {
    try content(index, in: try file.bytes(bytes(index))[...])
  }

  /// The same from a row's bytes.
  func content(_ index: Int, in bytes: ArraySlice<UInt8>) throws -> RowContent {
    try bytes.withUnsafeBufferPointer { bytes in
      var scanner = JSONScanner(bytes)
      do {
        return try parser.parse(&scanner, row: index + 1).content(in: scanner)
      } catch is JSONError {
        // It was read before without a complaint.
        throw DataError.changed(path: path)
      }
    }
  }
}

/// Walks over the rows of a file once.
private struct RowReader {
  var parser: RowParser
  var bounds: [Int] = []
  var facts = DataFacts()
  var firstRowWithSystem: Int?
  var firstRowWithTurns: Int?

  private let requested: DataOptions.Format
  private var pieces: JSONPieces
  private(set) var hashes: [Int] = []

  init(_ file: DataFile, _ format: DataOptions.Format, _ vocabularySize: Int?, _ limits: ReadingLimits) {
    requested = format
    parser = RowParser(path: file.path, format: format == .auto ? .alpaca : format, vocabularySize: vocabularySize)
    pieces = JSONPieces(file, pieceSize: limits.pieceSize)
  }

  private var path: String { parser.path }

  mutating func read() throws {
    if try begin() { try readLines() } else { try readArray() }
    facts.duplicateRows = RowReader.duplicates(hashes)
  }

  /// Goes to the first row and decides the format.
  ///
  /// - Returns: whether the rows are JSON lines.
  mutating func begin() throws -> Bool {
    try pieces.skipByteOrderMark()
    guard let first = try pieces.peek().byte else {
      throw DataError.notRows(path: path, reason: pieces.file.byteCount == 0 ? "the file is empty." : "the file holds no rows.")
    }
    switch first {
    case UInt8(ascii: "["):
      pieces.skip()
      if try pieces.peek().byte == UInt8(ascii: "]") {
        throw DataError.notRows(path: path, reason: "the array is empty: there are no rows.")
      }
      try decideFormat(inLines: false)
      return false
    case UInt8(ascii: "{"):
      try decideFormat(inLines: true)
      return true
    default:
      let kind = try pieces.value { scanner in try scanner.kind() }
      throw DataError.notRows(path: path, reason: "the file is \(kind.rawValue). Expected an array of rows, or one row per line.")
    }
  }

  private mutating func readArray() throws {
    while true {
      try readRow()
      let byte = try pieces.peek().byte
      guard byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") else {
        throw try pieces.error(.unexpected(found: byte, expected: .commaOrBracket))
      }
      pieces.skip()
      if byte == UInt8(ascii: "]") { break }
    }
    if let byte = try pieces.peek().byte {
      throw try pieces.error(.refused("expected the end of the file after the array, found \(JSONError.name(of: byte))"))
    }
  }

  /// JSON lines. An object may take several lines, but no line has two.
  private mutating func readLines() throws {
    while true {
      try readRow()
      let (byte, newLine) = try pieces.peek()
      guard let byte else { return }
      guard newLine else {
        throw try pieces.error(.refused("expected a new line after row \(facts.rowsRead), found \(JSONError.name(of: byte))"))
      }
    }
  }

  private mutating func readRow() throws {
    // A second byte order mark is no white space.
    if try pieces.peek().byte == 0xEF { throw try pieces.error(.unexpected(found: 0xEF, expected: .value)) }
    let start = pieces.offset
    let row = facts.rowsRead + 1
    let parser = parser
    let (scanned, hash) = try pieces.value { scanner in
      let row = try parser.parse(&scanner, row: row)
      return (row, row.hash(in: scanner))
    }
    if bounds.isEmpty { bounds.append(start) } else { bounds[bounds.count - 1] = start }
    bounds.append(pieces.offset)
    hashes.append(hash)
    count(scanned)
  }

  private mutating func count(_ row: ScannedRow) {
    facts.rowsRead += 1
    for key in row.ignoredKeys { facts.ignoredKeys[key, default: 0] += 1 }
    switch row.fields {
    case .instruction(_, _, let output):
      if output?.byteCount == 0 { facts.rowsWithEmptyOutput += 1 }
    case .conversation(let system, let turns):
      if turns.count % 2 == 1 { facts.rowsWithUnansweredTurn += 1 }
      if system != nil, firstRowWithSystem == nil { firstRowWithSystem = facts.rowsRead }
      if turns.count >= 4, firstRowWithTurns == nil { firstRowWithTurns = facts.rowsRead }
    case .document, .tokens: break
    }
  }

  // MARK: - Formats

  /// Looks at the first row's keys.
  private mutating func decideFormat(inLines: Bool) throws {
    guard try pieces.peek().byte == UInt8(ascii: "{") else { return }
    var ahead = pieces
    let keys = try ahead.value { scanner in
      var keys: [String] = []
      try scanner.object { scanner, key in
        keys.append(scanner.string(key))
        try scanner.skipValue()
      }
      return keys
    }
    if inLines, RowParser.knownKeys.isDisjoint(with: keys), try ahead.peek().byte == nil {
      throw DataError.notRows(
        path: path, reason: "the file is one object (\(RowReader.listed(keys))). Expected an array of rows, or one row per line.")
    }
    guard requested == .auto else { return }
    guard let format = RowReader.format(of: keys) else {
      throw parser.bad(
        1,
        "is an object \(RowReader.listed(keys)): no known format. Expected 'instruction' and 'output', 'messages' or 'conversations', "
          + "'text', or 'ids' and 'prompt_length'.")
    }
    parser = RowParser(path: path, format: format, vocabularySize: parser.vocabularySize)
  }

  private static func format(of keys: [String]) -> DataOptions.Format? {
    if keys.contains("ids") { return .tokens }
    if keys.contains("messages") || keys.contains("conversations") { return .chat }
    if keys.contains("instruction") || keys.contains("output") { return .alpaca }
    return keys.contains("text") ? .text : nil
  }

  private static func listed(_ keys: [String]) -> String {
    let names = keys.prefix(6).map { "'\($0)'" }.joined(separator: ", ")
    return keys.isEmpty ? "without keys" : "with \(names)\(keys.count > 6 ? ", ..." : "")"
  }

  /// How many hashes occurred before.
  private static func duplicates(_ hashes: [Int]) -> Int {
    let sorted = hashes.sorted()
    return zip(sorted, sorted.dropFirst()).count { $0 == $1 }
  }
}
