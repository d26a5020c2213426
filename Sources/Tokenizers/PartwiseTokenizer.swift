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
  /// Before a space or newline that begins a word, where the vocabulary falls apart at words.
  public func cut(in text: [UInt8], from index: Int) -> Int? {
    guard let wordwise else { return nil }
    return text.withUnsafeBufferPointer { text in
      (max(index, 1)..<max(index, 1, text.count - 1)).first { wordwise.beginsWord(text, $0) }
    }
  }

  public func encodeContinuation(utf8: [UInt8]) throws -> [Int32] {
    // The library puts a space before a text: the one that begins a word, and one too many before a newline.
    if utf8 == [UInt8(ascii: " ")], let wordwise { return [wordwise.spaceID] }
    guard utf8.first == UInt8(ascii: " ") else { return Array(try encode(utf8: utf8).dropFirst()) }
    do {
      return try encode(utf8: Array(utf8.dropFirst()))
    } catch TokenizerError.invalidUTF8(let offset) {
      throw TokenizerError.invalidUTF8(offset: offset + 1)
    }
  }
}
