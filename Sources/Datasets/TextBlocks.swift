import Tokenizers

/// Documents as one stream of tokens, cut into blocks of equal length. Every document begins and ends as the model's sequences do.
struct TextBlocks: Sendable {
  let path: String
  let facts: DataFacts
  let tokenizer: any Tokenizer
  private let tokens: TokenStore
  /// Where each document ends in the stream.
  private let ends: [Int]
  private let blockLength: Int

  var count: Int { (tokens.count + blockLength - 1) / blockLength }

  /// Cuts the documents of the file `path`.
  init(_ documents: EncodedDocuments, path: String, tokenizer: any Tokenizer, blockLength: Int) {
    self.path = path
    self.tokenizer = tokenizer
    self.blockLength = blockLength
    tokens = documents.tokens
    ends = documents.ends
    var facts = documents.facts
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

  /// Whether a part of a block begins its document; else that began in the block before.
  ///
  /// - Parameters:
  ///   - index: from 0.
  ///   - part: from 1.
  func beginsDocument(_ index: Int, part: Int) -> Bool {
    let start = index * blockLength
    guard part == 1, start > 0 else { return true }
    let document = firstDocument(endingAfter: start)
    return document > 0 && ends[document - 1] == start
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
