import JSON

/// Reads one row of a format and checks it.
struct RowParser: Sendable {
  let path: String
  let format: DataOptions.Format
  /// Of the model; ids of token rows must lie below it. Nil: unknown.
  let vocabularySize: Int?
  /// Whether instructions have outputs; those that are only asked need none.
  var needsOutput = true

  static let alpacaKeys = "Expected objects with 'instruction', 'output' and optional 'input'."
  static let questionKeys = "Expected objects with 'instruction' and optional 'input'."
  static let tokenKeys = "Expected objects with 'ids' and 'prompt_length'."
  static let chatKeys = "Expected objects with 'messages' or 'conversations'."
  static let textKeys = "Expected objects with 'text'."
  static let knownKeys: Set<String> = [
    "instruction", "input", "output", "ids", "prompt_length", "messages", "conversations", "text",
  ]

  var expected: String {
    switch format {
    case .tokens: RowParser.tokenKeys
    case .chat: RowParser.chatKeys
    case .text: RowParser.textKeys
    case .alpaca, .auto: needsOutput ? RowParser.alpacaKeys : RowParser.questionKeys
    }
  }

  func bad(_ row: Int, _ problem: String) -> DataError { .badRow(path: path, row: row, problem: problem) }

  /// - Parameter row: from 1.
  /// - Throws: `DataError`, `JSONError`.
  func parse(_ scanner: inout JSONScanner, row: Int) throws -> ScannedRow {
    let kind = try scanner.kind()
    guard kind == .object else { throw bad(row, "is \(kind.rawValue). \(expected)") }
    switch format {
    case .tokens: return try tokens(&scanner, row)
    case .chat: return try conversation(&scanner, row)
    case .text: return try document(&scanner, row)
    case .alpaca, .auto: return try instruction(&scanner, row)
    }
  }

  // MARK: - Formats

  private func instruction(_ scanner: inout JSONScanner, _ row: Int) throws -> ScannedRow {
    var instruction: JSONText?
    var input: JSONText?
    var hasInput = false
    var output: JSONText?
    var ignored: [String] = []
    try scanner.object { scanner, key in
      if scanner.matches(key, "instruction") {
        guard instruction == nil else { throw bad(row, "has 'instruction' twice.") }
        instruction = try text(&scanner, "instruction", row)
      } else if scanner.matches(key, "input") {
        guard !hasInput else { throw bad(row, "has 'input' twice.") }
        hasInput = true
        if try scanner.kind() == .null { try scanner.null() } else { input = try text(&scanner, "input", row) }
      } else if needsOutput, scanner.matches(key, "output") {
        guard output == nil else { throw bad(row, "has 'output' twice.") }
        output = try text(&scanner, "output", row)
      } else {
        ignored.append(scanner.string(key))
        try scanner.skipValue()
      }
    }
    guard let instruction else { throw bad(row, "has no 'instruction'. \(expected)") }
    if output == nil, needsOutput { throw bad(row, "has no 'output'. \(expected)") }
    if input?.byteCount == 0 { input = nil }
    return ScannedRow(fields: .instruction(instruction, input: input, output: output), ignoredKeys: ignored)
  }

  private func document(_ scanner: inout JSONScanner, _ row: Int) throws -> ScannedRow {
    var contents: JSONText?
    var ignored: [String] = []
    try scanner.object { scanner, key in
      if scanner.matches(key, "text") {
        guard contents == nil else { throw bad(row, "has 'text' twice.") }
        contents = try text(&scanner, "text", row)
      } else {
        ignored.append(scanner.string(key))
        try scanner.skipValue()
      }
    }
    guard let contents else { throw bad(row, "has no 'text'. \(expected)") }
    return ScannedRow(fields: .document(contents), ignoredKeys: ignored)
  }

  func text(_ scanner: inout JSONScanner, _ key: String, _ row: Int) throws -> JSONText {
    let kind = try scanner.kind()
    guard kind == .string else { throw bad(row, "has \(kind.rawValue) as '\(key)'; expected a string.") }
    return try scanner.string()
  }

  private func tokens(_ scanner: inout JSONScanner, _ row: Int) throws -> ScannedRow {
    var ids: [Int32]?
    var promptLength: Int?
    var ignored: [String] = []
    try scanner.object { scanner, key in
      if scanner.matches(key, "ids") {
        guard ids == nil else { throw bad(row, "has 'ids' twice.") }
        ids = try readIDs(&scanner, row)
      } else if scanner.matches(key, "prompt_length") {
        guard promptLength == nil else { throw bad(row, "has 'prompt_length' twice.") }
        guard try scanner.kind() == .number, let length = try scanner.integer(), length >= 0 else {
          throw bad(row, "has a 'prompt_length' that is not a whole number from 0.")
        }
        promptLength = length
      } else {
        ignored.append(scanner.string(key))
        try scanner.skipValue()
      }
    }
    guard let ids else { throw bad(row, "has no 'ids'. \(expected)") }
    guard let promptLength else { throw bad(row, "has no 'prompt_length'. \(expected)") }
    guard !ids.isEmpty else { throw bad(row, "has an empty list of 'ids'.") }
    guard promptLength <= ids.count else { throw bad(row, "has a 'prompt_length' of \(promptLength), but only \(ids.count) ids.") }
    return ScannedRow(fields: .tokens(ids, promptLength: promptLength), ignoredKeys: ignored)
  }

  private func readIDs(_ scanner: inout JSONScanner, _ row: Int) throws -> [Int32] {
    let kind = try scanner.kind()
    guard kind == .array else { throw bad(row, "has \(kind.rawValue) as 'ids'; expected a list of whole numbers.") }
    var ids: [Int32] = []
    try scanner.array { scanner in
      guard try scanner.kind() == .number, let id = try scanner.integer() else {
        throw bad(row, "has ids[\(ids.count)] that is not a whole number.")
      }
      guard id >= 0, let token = Int32(exactly: id) else { throw bad(row, "has ids[\(ids.count)] = \(id), which is no token id.") }
      if let vocabularySize, id >= vocabularySize {
        throw bad(row, "has ids[\(ids.count)] = \(id), outside the vocabulary of \(vocabularySize).")
      }
      ids.append(token)
    }
    return ids
  }
}
