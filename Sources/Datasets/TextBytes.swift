import Tokenizers

/// Counts the bytes of text that supervised tokens stand for, so that models with other vocabularies can be compared.
///
/// Tokens that add no text, such as an end of sequence, stand for none, and neither does the space that an encoder puts before a document;
/// a token of one byte stands for it alone.
struct TextBytes {
  private struct Token {
    let byteCount: Int
    let atStart: Bool
  }

  private let tokenizer: any Tokenizer
  /// Of tokens inside a text, which stand for the same everywhere.
  private var inside: [Token?]

  init(_ tokenizer: any Tokenizer) {
    self.tokenizer = tokenizer
    inside = [Token?](repeating: nil, count: tokenizer.vocabularySize)
  }

  /// - Parameter atStart: whether the sequence begins its document.
  /// - Throws: `TokenizerError.idOutOfRange`.
  mutating func count(_ sequence: MaskedSequence, atStart: Bool) throws -> Int {
    var atStart = atStart
    var count = 0
    var supervised = sequence.supervised[...]
    for (index, id) in sequence.ids.enumerated() {
      let token = try token(id, atStart: atStart)
      atStart = token.atStart
      if let range = supervised.first, index >= range.upperBound { supervised.removeFirst() }
      if supervised.first?.contains(index) == true { count += token.byteCount }
    }
    return count
  }

  private mutating func token(_ id: Int32, atStart: Bool) throws -> Token {
    if !atStart, inside.indices.contains(Int(id)), let known = inside[Int(id)] { return known }
    var start = atStart
    let token = Token(byteCount: try tokenizer.bytes(of: id, atStart: &start).count, atStart: start)
    if !atStart { inside[Int(id)] = token }
    return token
  }
}

extension TrainingSet {
  /// Bytes of text that the supervised tokens of some sequences stand for; nil if not all of them are text, or there are none.
  ///
  /// - Throws: `TokenizerError.idOutOfRange`.
  public func textByteCount(of sequences: [MaskedSequence]) throws -> Int? {
    let files = rows.encoder.files
    guard let first = sequences.first, files.indices.contains(first.origin.source),
      case .blocks(let blocks) = files[first.origin.source].contents
    else { return nil }
    // All files have the run's tokenizer.
    var counter = TextBytes(blocks.tokenizer)
    var count = 0
    for sequence in sequences {
      let origin = sequence.origin
      guard files.indices.contains(origin.source), case .blocks(let blocks) = files[origin.source].contents else { return nil }
      count += try counter.count(sequence, atStart: blocks.beginsDocument(origin.row - 1, part: origin.part))
    }
    return count
  }
}
