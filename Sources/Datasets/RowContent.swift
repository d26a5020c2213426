import JSON
import Tokenizers

/// What a row of data says.
enum RowContent: Sendable {
  /// UTF-8; an empty input is no input.
  case instruction([UInt8], input: [UInt8], output: [UInt8])
  case conversation(Conversation)
  case document([UInt8])
  case tokens([Int32], promptLength: Int)
}

/// A row checked, with its texts still in the bytes that were scanned.
struct ScannedRow {
  enum Speaker: String { case system, user, assistant }

  enum Fields {
    /// No output: only where none is needed.
    case instruction(JSONText, input: JSONText?, output: JSONText?)
    case conversation(system: JSONText?, turns: [JSONText])
    case document(JSONText)
    case tokens([Int32], promptLength: Int)
  }

  var fields: Fields
  /// Keys that are not used.
  var ignoredKeys: [String]

  /// Takes the texts out of the bytes.
  func content(in scanner: JSONScanner) -> RowContent {
    func utf8(_ text: JSONText?) -> [UInt8] {
      var utf8: [UInt8] = []
      if let text { scanner.append(text, to: &utf8) }
      return utf8
    }
    switch fields {
    case .instruction(let instruction, let input, let output):
      return .instruction(utf8(instruction), input: utf8(input), output: utf8(output))
    case .conversation(let system, let turns):
      let exchanges = stride(from: 0, to: turns.count, by: 2).map { index in
        Conversation.Exchange(
          user: scanner.string(turns[index]), assistant: index + 1 < turns.count ? scanner.string(turns[index + 1]) : nil)
      }
      return .conversation(Conversation(system: system.map(scanner.string), exchanges: exchanges))
    case .document(let text): return .document(utf8(text))
    case .tokens(let ids, let promptLength): return .tokens(ids, promptLength: promptLength)
    }
  }

  /// Equal for rows that say the same: however JSON spells it, white space around their texts aside.
  func hash(in scanner: JSONScanner) -> Int {
    var hash = ContentHash()
    func combine(_ bytes: UnsafeRawBufferPointer) {
      let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
      let start = bytes.firstIndex { !isSpace($0) } ?? bytes.endIndex
      let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
      hash.update(end - start)
      hash.update(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
    }
    func combine(_ text: JSONText?) {
      guard let text, text.byteCount > 0 else { return hash.update(0) }
      guard text.hasEscapes else {
        return combine(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scanner.bytes)[text.offset..<text.offset + text.byteCount]))
      }
      var utf8: [UInt8] = []
      utf8.reserveCapacity(text.byteCount)
      scanner.append(text, to: &utf8)
      utf8.withUnsafeBytes(combine)
    }
    switch fields {
    case .instruction(let instruction, let input, let output):
      combine(instruction)
      combine(input)
      combine(output)
    case .conversation(let system, let turns):
      combine(system)
      for turn in turns { combine(turn) }
    case .document(let text): combine(text)
    case .tokens(let ids, let promptLength):
      for id in ids { hash.update(Int(id)) }
      hash.update(promptLength)
    }
    return hash.number
  }
}
