import JSON

/// Conversations: OpenAI's `messages` of {role, content} and ShareGPT's `conversations` of {from, value}.
extension RowParser {
  /// Whoever ShareGPT files call the speakers.
  private static let speakers: [String: ScannedRow.Speaker] = [
    "system": .system, "user": .user, "human": .user, "assistant": .assistant, "gpt": .assistant, "chatgpt": .assistant, "bing": .assistant,
    "bard": .assistant,
  ]

  private struct Turn {
    let speaker: ScannedRow.Speaker
    let text: JSONText
  }

  func conversation(_ scanner: inout JSONScanner, _ row: Int) throws -> ScannedRow {
    var turns: [Turn]?
    var system: JSONText?
    var hasSystem = false
    var ignored: [String] = []
    try scanner.object { scanner, key in
      if scanner.matches(key, "messages") || scanner.matches(key, "conversations") {
        guard turns == nil else { throw bad(row, "has 'messages' or 'conversations' twice.") }
        turns = try readTurns(&scanner, scanner.string(key), row, &ignored)
      } else if scanner.matches(key, "system") {
        guard !hasSystem else { throw bad(row, "has 'system' twice.") }
        hasSystem = true
        if try scanner.kind() == .null { try scanner.null() } else { system = try text(&scanner, "system", row) }
        if system?.byteCount == 0 { system = nil }
      } else {
        ignored.append(scanner.string(key))
        try scanner.skipValue()
      }
    }
    guard var turns else { throw bad(row, "has neither 'messages' nor 'conversations'. \(expected)") }
    if let first = turns.first, first.speaker == .system {
      guard system == nil else { throw bad(row, "has a key 'system' and a system turn; there is room for one of them.") }
      system = first.text
      turns.removeFirst()
      try check(turns, from: 2, row)
    } else {
      try check(turns, from: 1, row)
    }
    return ScannedRow(fields: .conversation(system: system, turns: turns.map(\.text)), ignoredKeys: ignored)
  }

  /// - Parameter number: of the first of `turns` in the row's list.
  private func check(_ turns: [Turn], from number: Int, _ row: Int) throws {
    for (index, turn) in turns.enumerated() {
      let expected: ScannedRow.Speaker = index % 2 == 0 ? .user : .assistant
      if turn.speaker == .system { throw bad(row, "has a system text as turn \(index + number); it can only be the first turn.") }
      guard turn.speaker == expected else {
        throw bad(
          row,
          "has the \(turn.speaker.rawValue) as turn \(index + number) where the \(expected.rawValue) is due: "
            + "user and assistant take turns, and the user begins.")
      }
    }
    guard turns.count >= 2 else { throw bad(row, "has no turn of the assistant: there is nothing to learn.") }
  }

  private func readTurns(_ scanner: inout JSONScanner, _ key: String, _ row: Int, _ ignored: inout [String]) throws -> [Turn] {
    let kind = try scanner.kind()
    guard kind == .array else { throw bad(row, "has \(kind.rawValue) as '\(key)'; expected a list of turns.") }
    var turns: [Turn] = []
    var unused: Set<String> = []
    try scanner.array { scanner in turns.append(try readTurn(&scanner, turns.count + 1, row, &unused)) }
    // Once a row, however many of its turns have the key.
    ignored += unused.sorted().map { "\(key)[].\($0)" }
    return turns
  }

  private func readTurn(_ scanner: inout JSONScanner, _ number: Int, _ row: Int, _ unused: inout Set<String>) throws -> Turn {
    let form = "expected {\"role\": ..., \"content\": ...} or {\"from\": ..., \"value\": ...}."
    let kind = try scanner.kind()
    guard kind == .object else { throw bad(row, "has \(kind.rawValue) as turn \(number); \(form)") }
    var speaker: ScannedRow.Speaker?
    var contents: JSONText?
    try scanner.object { scanner, key in
      if scanner.matches(key, "role") || scanner.matches(key, "from") {
        guard speaker == nil else { throw bad(row, "has turn \(number) with two speakers.") }
        let name = try scanner.kind() == .string ? scanner.string(scanner.string()) : nil
        guard let known = name.flatMap({ RowParser.speakers[$0] }) else {
          let found = name.map { "'\($0)'" } ?? "no name"
          throw bad(row, "has \(found) as the speaker of turn \(number); expected system, user (human) or assistant (gpt).")
        }
        speaker = known
      } else if scanner.matches(key, "content") || scanner.matches(key, "value") {
        guard contents == nil else { throw bad(row, "has turn \(number) with two texts.") }
        contents = try readContents(&scanner, number, row)
      } else if scanner.matches(key, "tool_calls") || scanner.matches(key, "function_call") {
        guard try scanner.kind() == .null else {
          throw bad(row, "has '\(scanner.string(key))' in turn \(number); calls of tools are not supported.")
        }
        try scanner.null()
      } else {
        unused.insert(scanner.string(key))
        try scanner.skipValue()
      }
    }
    guard let speaker, let contents else { throw bad(row, "has turn \(number) without a \(speaker == nil ? "speaker" : "text"); \(form)") }
    guard contents.byteCount > 0 else { throw bad(row, "has nothing in turn \(number) (\(speaker.rawValue)).") }
    return Turn(speaker: speaker, text: contents)
  }

  /// A string, or a list with one part of text, as OpenAI writes it; several parts would need something to join them.
  private func readContents(_ scanner: inout JSONScanner, _ number: Int, _ row: Int) throws -> JSONText {
    let kind = try scanner.kind()
    if kind == .string { return try scanner.string() }
    guard kind == .array else { throw bad(row, "has \(kind.rawValue) as the text of turn \(number); expected a string.") }
    let problem = "has a list as the text of turn \(number); expected a string, or one part {\"type\": \"text\", \"text\": ...}."
    var contents: JSONText?
    var hasType = false
    try scanner.array { scanner in
      guard contents == nil, try scanner.kind() == .object else { throw bad(row, problem) }
      try scanner.object { scanner, key in
        guard try scanner.kind() == .string else { throw bad(row, problem) }
        let text = try scanner.string()
        if scanner.matches(key, "type") {
          guard scanner.matches(text, "text") else { throw bad(row, problem) }
          hasType = true
        } else {
          guard contents == nil, scanner.matches(key, "text") else { throw bad(row, problem) }
          contents = text
        }
      }
    }
    guard let contents, hasType else { throw bad(row, problem) }
    return contents
  }
}
