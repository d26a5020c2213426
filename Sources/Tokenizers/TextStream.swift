import JSON

/// Text of ids that arrive one after another, as generation makes them. Bytes of a character are held back until it is complete; the
/// pieces joined are what `Tokenizer.decode` gives for all ids.
public struct TextStream: Sendable {
  private let tokenizer: any Tokenizer
  private var atStart: Bool
  /// The beginning of a character.
  private var pending: [UInt8] = []

  /// - Parameter continues: whether text comes before it, so that a leading space is kept.
  public init(_ tokenizer: any Tokenizer, continues: Bool = false) {
    self.tokenizer = tokenizer
    atStart = !continues
  }

  /// The characters that `id` completes; empty while one is incomplete.
  ///
  /// - Throws: `TokenizerError.idOutOfRange`.
  public mutating func append(_ id: Int32) throws -> String {
    let bytes = try tokenizer.bytes(of: id, atStart: &atStart)
    guard try tokenizer.kind(id) != .control else { return finish() }
    return valid(pending + bytes, isLast: false)
  }

  /// What was held back, one U+FFFD for each byte.
  public mutating func finish() -> String { valid(pending, isLast: true) }

  private mutating func valid(_ bytes: [UInt8], isLast: Bool) -> String {
    pending = []
    return bytes.withUnsafeBufferPointer { bytes in
      var text = ""
      var index = 0
      while index < bytes.count {
        switch UTF8Validity.sequence(in: bytes, at: index) {
        case .valid(let length):
          text += String(decoding: bytes[index..<index + length], as: UTF8.self)
          index += length
        case .cutShort where !isLast:
          pending = Array(bytes[index...])
          return text
        case .cutShort, .invalid:
          text += "\u{FFFD}"
          index += 1
        }
      }
      return text
    }
  }
}
