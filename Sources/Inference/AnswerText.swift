import Tokenizers

/// An answer as text while it is made: cut before the stop text that is complete first, wherever that falls among tokens.
///
/// What could be the beginning of a stop text is held back until it is decided.
public struct AnswerText: Sendable {
  private var stream: TextStream
  private let stops: [[UInt8]]
  /// A beginning of a stop text.
  private var held: [UInt8] = []
  /// Whether a stop text was met; nothing comes after it.
  public private(set) var isStopped = false

  /// - Parameters:
  ///   - stops: texts that end an answer; they are not part of it. Empty ones are none.
  ///   - continues: whether the answer goes on with a text, so that a leading space is kept.
  public init(_ tokenizer: any Tokenizer, stops: [String] = [], continues: Bool = false) {
    stream = TextStream(tokenizer, continues: continues)
    self.stops = stops.filter { !$0.isEmpty }.map { Array($0.utf8) }
  }

  /// The text that `id` decides.
  ///
  /// - Throws: `TokenizerError.idOutOfRange`.
  public mutating func append(_ id: Int32) throws -> String {
    guard !isStopped else { return "" }
    return take(try stream.append(id))
  }

  /// What was held back, when no more tokens come.
  public mutating func finish() -> String {
    guard !isStopped else { return "" }
    let text = take(stream.finish())
    defer { held = [] }
    return isStopped ? text : text + String(decoding: held, as: UTF8.self)
  }

  private mutating func take(_ text: String) -> String {
    // Byte by byte, so that it does not matter how a text is cut into tokens. Stop texts are whole characters.
    for byte in text.utf8 {
      held.append(byte)
      let ended = stops.filter { held.count >= $0.count && held.suffix($0.count).elementsEqual($0) }
      guard let longest = ended.map(\.count).max() else { continue }
      isStopped = true
      defer { held = [] }
      return String(decoding: held.dropLast(longest), as: UTF8.self)
    }
    let start = held.indices.first { start in stops.contains { $0.starts(with: held[start...]) } } ?? held.endIndex
    defer { held = Array(held[start...]) }
    return String(decoding: held[..<start], as: UTF8.self)
  }
}
