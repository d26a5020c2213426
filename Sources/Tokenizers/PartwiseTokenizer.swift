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

extension BytePairTokenizer: PartwiseTokenizer {
  /// At newlines, where the pattern of the words ends one whatever else is around; nil for tokenizers that change the text before, or put
  /// something in front of it.
  public func cut(in text: [UInt8], from wanted: Int) -> Int? {
    guard parts.normalizer.steps.isEmpty, rawFinder.isEmpty, normalizedFinder.isEmpty, let pattern = cutPattern else { return nil }
    return text.withUnsafeBufferPointer { text in
      let newline = UInt8(ascii: "\n")
      return (max(wanted, 1)..<max(wanted, 1, text.count)).first { index in
        switch pattern {
        // Words take newlines at their end only, and all that come.
        case .llama3: text[index - 1] == newline && !BytePairTokenizer.isSpaceOrBroken(text, at: index)
        // White space goes by what follows its run, but nothing else ends later for a newline.
        case .gpt2:
          text[index] == newline && !BytePairTokenizer.isSpaceOrBroken(text, at: BytePairTokenizer.start(of: text, before: index))
        }
      }
    }
  }

  public func encodeContinuation(utf8: [UInt8]) throws -> [Int32] { try encode(utf8: utf8) }

  /// The first pattern, where the steps look at nothing but the characters around a place.
  private var cutPattern: WordPattern? {
    var found: WordPattern?
    for step in parts.splitter.steps {
      switch step {
      case .pattern(let pattern): found = found ?? pattern
      case .digits: break
      case .delimiter, .replace, .prefix: return nil
      }
    }
    return found
  }

  private static func isSpaceOrBroken(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
    guard case .valid = UTF8Validity.sequence(in: text, at: index) else { return true }
    return Unicode.Scalar(scalarValue(in: text, at: index).value)?.properties.isWhitespace ?? true
  }

  private static func start(of text: UnsafeBufferPointer<UInt8>, before index: Int) -> Int {
    var start = index - 1
    while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }
}
