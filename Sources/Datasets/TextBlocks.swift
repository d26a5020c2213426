import Tokenizers

/// Documents as one stream of tokens, cut into blocks of equal length. Every document begins and ends as the model's sequences do.
struct TextBlocks: Sendable {
  let path: String
  let facts: DataFacts
  private let tokens: TokenStore
  /// Where each document ends in the stream.
  private let ends: [Int]
  private let blockLength: Int

  var count: Int { (tokens.count + blockLength - 1) / blockLength }

  /// Encodes the documents of a file.
  ///
  /// - Throws: `DataError`, `TokenizerError` for a tokenizer without an end of sequence.
  init(
    _ documents: DocumentReader.Source, _ tokenizer: any Tokenizer, blockLength: Int, vocabularySize: Int?, limits: ReadingLimits
  ) throws {
    var writer = TokenWriter(path: documents.path, limit: limits.textTokensInMemory)
    var reader = try DocumentReader(documents, tokenizer, vocabularySize, limits)
    ends = try reader.read(into: &writer)
    path = documents.path
    self.blockLength = blockLength
    tokens = try writer.store()
    var facts = reader.facts
    guard tokens.count > 0 else { throw DataError.notRows(path: path, reason: "the file holds no text.") }
    facts.rowsRead = (tokens.count + blockLength - 1) / blockLength
    self.facts = facts
  }

  /// The documents of a block, or the parts of them that lie in it, each a sequence of its own.
  ///
  /// - Parameter index: from 0.
  /// - Throws: `DataError`.
  func sequences(_ index: Int, _ origin: MaskedSequence.Origin) throws -> [MaskedSequence] {
    let block = index * blockLength..<min((index + 1) * blockLength, tokens.count)
    let ids = try tokens.ids(block)
    var sequences: [MaskedSequence] = []
    var start = block.lowerBound
    var document = firstDocument(endingAfter: start)
    while start < block.upperBound {
      let end = min(ends[document], block.upperBound)
      let part = Array(ids[start - block.lowerBound..<end - block.lowerBound])
      sequences.append(
        MaskedSequence(
          ids: part, supervised: part.count > 1 ? [1..<part.count] : [],
          origin: MaskedSequence.Origin(source: origin.source, row: origin.row, part: sequences.count + 1)))
      start = end
      document += 1
    }
    return sequences
  }

  private func firstDocument(endingAfter place: Int) -> Int {
    var (low, high) = (0, ends.count)
    while low < high {
      let middle = (low + high) / 2
      if ends[middle] > place { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
