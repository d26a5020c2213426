import JSON

/// Walks over the rows of a file and checks each.
struct RowReader {
  let path: String
  let vocabularySize: Int?
  /// Of the first row, where the options leave it open.
  var format: DataOptions.Format = .alpaca
  var textRows: [RowFile.TextRow] = []
  var tokenRows: [RowFile.TokenRow] = []
  var ids: [Int32] = []
  var facts = DataFacts()

  private var seen: Set<Int> = []
  private static let textKeys = "Expected objects with 'instruction', 'output' and optional 'input'."
  private static let tokenKeys = "Expected objects with 'ids' and 'prompt_length'."

  init(path: String, vocabularySize: Int?) {
    self.path = path
    self.vocabularySize = vocabularySize
  }

  private var expected: String { format == .tokens ? RowReader.tokenKeys : RowReader.textKeys }
  private var row: Int { facts.rowsRead + 1 }

  private func bad(_ problem: String) -> DataError { .badRow(path: path, row: row, problem: problem) }

  /// - Throws: `DataError` and `JSONError`.
  mutating func read(_ bytes: UnsafeBufferPointer<UInt8>, format: DataOptions.Format) throws {
    var scanner = JSONScanner(bytes)
    scanner.skipWhitespace()
    guard !scanner.isAtEnd else {
      throw DataError.notRows(path: path, reason: bytes.isEmpty ? "the file is empty." : "the file holds no rows.")
    }
    switch try scanner.kind() {
    case .array:
      try scanner.array { scanner in try readRow(&scanner, format) }
      scanner.skipWhitespace()
      guard scanner.isAtEnd else { throw scanner.error("expected the end of the file after the array, found \(scanner.found)") }
      if facts.rowsRead == 0 { throw DataError.notRows(path: path, reason: "the array is empty: there are no rows.") }
    case .object:
      try readLines(&scanner, format)
    case let kind:
      throw DataError.notRows(path: path, reason: "the file is \(kind.rawValue). Expected an array of rows, or one row per line.")
    }
  }

  /// JSON lines. An object may take several lines, but no line has two.
  private mutating func readLines(_ scanner: inout JSONScanner, _ format: DataOptions.Format) throws {
    if let keys = try onlyObject(scanner), !keys.contains(where: { RowReader.knownKeys.contains($0) }) {
      throw DataError.notRows(
        path: path,
        reason: "the file is one object (\(RowReader.listed(keys))). Expected an array of rows, or one row per line.")
    }
    while true {
      try readRow(&scanner, format)
      let end = scanner.offset
      scanner.skipWhitespace()
      if scanner.isAtEnd { return }
      guard scanner.bytes[end..<scanner.offset].contains(UInt8(ascii: "\n")) else {
        throw scanner.error("expected a new line after row \(facts.rowsRead), found \(scanner.found)")
      }
    }
  }

  private static let knownKeys: Set<String> = [
    "instruction", "input", "output", "ids", "prompt_length", "messages", "conversations", "text",
  ]

  private static func listed(_ keys: [String]) -> String {
    let names = keys.prefix(6).map { "'\($0)'" }.joined(separator: ", ")
    return keys.isEmpty ? "without keys" : "with \(names)\(keys.count > 6 ? ", ..." : "")"
  }

  /// The keys of the object that begins here, if nothing follows it.
  private func onlyObject(_ scanner: JSONScanner) throws -> [String]? {
    var scanner = scanner
    let keys = try RowReader.keys(&scanner)
    scanner.skipWhitespace()
    return scanner.isAtEnd ? keys : nil
  }

  private static func keys(_ scanner: inout JSONScanner) throws -> [String] {
    var keys: [String] = []
    try scanner.object { scanner, key in
      keys.append(scanner.string(key))
      try scanner.skipValue()
    }
    return keys
  }

  // MARK: - Rows

  private mutating func readRow(_ scanner: inout JSONScanner, _ requested: DataOptions.Format) throws {
    let kind = try scanner.kind()
    if facts.rowsRead == 0 { format = requested == .auto ? .alpaca : requested }
    guard kind == .object else { throw bad("is \(kind.rawValue). \(expected)") }
    if facts.rowsRead == 0 {
      if requested == .auto { format = try detectedFormat(scanner) }
      guard format == .alpaca || format == .tokens else { throw DataError.unsupportedFormat(path: path, format: format) }
    }
    if format == .tokens { try readTokens(&scanner) } else { try readTexts(&scanner) }
    facts.rowsRead += 1
  }

  private func detectedFormat(_ scanner: JSONScanner) throws -> DataOptions.Format {
    var scanner = scanner
    let keys = try RowReader.keys(&scanner)
    if keys.contains("ids") { return .tokens }
    if keys.contains("messages") || keys.contains("conversations") { return .chat }
    if keys.contains("instruction") || keys.contains("output") { return .alpaca }
    if keys.contains("text") { return .text }
    throw bad("is an object \(RowReader.listed(keys)): no known format. \(RowReader.textKeys)")
  }

  private mutating func readTexts(_ scanner: inout JSONScanner) throws {
    var instruction: JSONText?
    var input: JSONText?
    var hasInput = false
    var output: JSONText?
    try scanner.object { scanner, key in
      if scanner.matches(key, "instruction") {
        guard instruction == nil else { throw bad("has 'instruction' twice.") }
        instruction = try text(&scanner, "instruction")
      } else if scanner.matches(key, "input") {
        guard !hasInput else { throw bad("has 'input' twice.") }
        hasInput = true
        if try scanner.kind() == .null { try scanner.null() } else { input = try text(&scanner, "input") }
      } else if scanner.matches(key, "output") {
        guard output == nil else { throw bad("has 'output' twice.") }
        output = try text(&scanner, "output")
      } else {
        try ignore(&scanner, key)
      }
    }
    guard let instruction else { throw bad("has no 'instruction'. \(expected)") }
    guard let output else { throw bad("has no 'output'. \(expected)") }
    if input?.byteCount == 0 { input = nil }
    if output.byteCount == 0 { facts.rowsWithEmptyOutput += 1 }
    let bytes = UnsafeRawBufferPointer(scanner.bytes)
    var hasher = Hasher()
    for text in [instruction, input, output] {
      hasher.combine(text?.byteCount)
      guard let text else { continue }
      hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes[text.offset..<text.offset + text.byteCount]))
    }
    count(hasher)
    textRows.append(RowFile.TextRow(instruction: instruction, input: input, output: output))
  }

  private func text(_ scanner: inout JSONScanner, _ key: String) throws -> JSONText {
    let kind = try scanner.kind()
    guard kind == .string else { throw bad("has \(kind.rawValue) as '\(key)'; expected a string.") }
    return try scanner.string()
  }

  private mutating func ignore(_ scanner: inout JSONScanner, _ key: JSONText) throws {
    facts.ignoredKeys[scanner.string(key), default: 0] += 1
    try scanner.skipValue()
  }

  private mutating func readTokens(_ scanner: inout JSONScanner) throws {
    let start = ids.count
    var hasIDs = false
    var promptLength: Int?
    try scanner.object { scanner, key in
      if scanner.matches(key, "ids") {
        guard !hasIDs else { throw bad("has 'ids' twice.") }
        hasIDs = true
        try readIDs(&scanner)
      } else if scanner.matches(key, "prompt_length") {
        guard promptLength == nil else { throw bad("has 'prompt_length' twice.") }
        guard try scanner.kind() == .number, let length = try scanner.integer(), length >= 0 else {
          throw bad("has a 'prompt_length' that is not a whole number from 0.")
        }
        promptLength = length
      } else {
        try ignore(&scanner, key)
      }
    }
    guard hasIDs else { throw bad("has no 'ids'. \(expected)") }
    guard let promptLength else { throw bad("has no 'prompt_length'. \(expected)") }
    let range = start..<ids.count
    guard !range.isEmpty else { throw bad("has an empty list of 'ids'.") }
    guard promptLength <= range.count else {
      throw bad("has a 'prompt_length' of \(promptLength), but only \(range.count) ids.")
    }
    var hasher = Hasher()
    for id in ids[range] { hasher.combine(id) }
    hasher.combine(promptLength)
    count(hasher)
    tokenRows.append(RowFile.TokenRow(ids: range, promptLength: promptLength))
  }

  private mutating func readIDs(_ scanner: inout JSONScanner) throws {
    let kind = try scanner.kind()
    guard kind == .array else { throw bad("has \(kind.rawValue) as 'ids'; expected a list of whole numbers.") }
    let start = ids.count
    try scanner.array { scanner in
      let index = ids.count - start
      guard try scanner.kind() == .number, let id = try scanner.integer() else {
        throw bad("has ids[\(index)] that is not a whole number.")
      }
      guard id >= 0, let token = Int32(exactly: id) else { throw bad("has ids[\(index)] = \(id), which is no token id.") }
      if let vocabularySize, id >= vocabularySize {
        throw bad("has ids[\(index)] = \(id), outside the vocabulary of \(vocabularySize).")
      }
      ids.append(token)
    }
  }

  private mutating func count(_ hasher: Hasher) {
    if !seen.insert(hasher.finalize()).inserted { facts.duplicateRows += 1 }
  }
}
