import JSON

/// A tokenizer that can encode a long text in parts, with the ids of the whole.
public protocol PartwiseTokenizer: Tokenizer {
  /// The first place from `index` on where a text may be cut: not the end, and nil when there is none.
  func cut(in text: [UInt8], from index: Int) -> Int?

  /// Ids of what follows a cut.
  ///
  /// - Throws: `TokenizerError.invalidUTF8`.
  func encodeContinuation(utf8: [UInt8]) throws -> [Int32]
}

extension SentencePieceTokenizer: PartwiseTokenizer {
  /// Between two characters that no piece holds side by side: nothing is ever joined across that place.
  public func cut(in text: [UInt8], from wanted: Int) -> Int? {
    guard let joins = merging?.joins, finder.isEmpty else { return nil }
    return text.withUnsafeBufferPointer { text in
      var index = min(max(wanted, 1), text.count) - 1
      while index > 0, text[index] & 0xC0 == 0x80 { index -= 1 }
      var left: UInt32?
      while index < text.count {
        guard case .valid(let length) = UTF8Validity.sequence(in: text, at: index) else {
          (left, index) = (nil, index + 1)
          continue
        }
        let value = scalarValue(in: text, at: index).value
        let right = value == 0x20 ? 0x2581 : value  // As the vocabulary spells a space.
        if let left, index >= max(wanted, 1), !joins.joins(left, right) { return index }
        (left, index) = (right, index + length)
      }
      return nil
    }
  }

  public func encodeContinuation(utf8: [UInt8]) throws -> [Int32] {
    try utf8.withUnsafeBufferPointer { text in
      if let offset = UTF8Validity.firstInvalidOffset(in: text) { throw TokenizerError.invalidUTF8(offset: offset) }
      return try encode(text, isInner: true)
    }
  }
}
