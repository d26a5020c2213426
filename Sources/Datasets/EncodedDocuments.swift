import Tokenizers

/// The documents of a text file as one stream of tokens.
struct EncodedDocuments: Sendable {
  let tokens: TokenStore
  /// Where each document ends in the stream; empty documents are not in it.
  let ends: [Int]
  /// Of what each row says, those of empty documents too; empty for a file that is one document.
  let hashes: [Int]
  /// What was found when the file was read.
  let facts: DataFacts

  init(tokens: TokenStore, ends: [Int], hashes: [Int], facts: DataFacts) {
    self.tokens = tokens
    self.ends = ends
    self.hashes = hashes
    self.facts = facts
  }

  /// Reads a file and encodes all of its documents.
  ///
  /// - Throws: `DataError`, `TokenizerError` for a tokenizer without an end of sequence.
  init(_ source: DocumentReader.Source, _ tokenizer: any Tokenizer, vocabularySize: Int?, limits: ReadingLimits) throws {
    var writer = TokenWriter(path: source.path, limit: limits.textTokensInMemory)
    var reader = try DocumentReader(source, tokenizer, vocabularySize, limits)
    ends = try reader.read(into: &writer)
    tokens = try writer.store()
    facts = reader.facts
    if case .rows(let rows) = source { hashes = rows.hashes } else { hashes = [] }
    guard tokens.count > 0 else { throw DataError.notRows(path: source.path, reason: "the file holds no text.") }
  }
}
