import Tokenizers

/// Where the tokens of a text file came from.
public struct TextTokens: Sendable, Equatable {
  public enum Origin: Sendable, Equatable {
    /// Tokenized when the file was opened.
    case tokenized
    /// Tokenized, and kept in this file for the next time.
    case kept(String)
    /// Read from this file.
    case cached(String)
  }

  public let path: String
  /// Of the text.
  public let byteCount: Int
  public let tokenCount: Int
  public let origin: Origin
}

/// Opens text files: with the tokens that a cache has, else by tokenizing them, and then the cache gets them.
struct TextFiles {
  private(set) var opened: [TextTokens] = []
  /// What a person should know of the cache.
  private(set) var notes: [String] = []
  private let cache: TokenCache?
  private let vocabularySize: Int?
  private let limits: ReadingLimits

  init(_ cache: TokenCache?, _ vocabularySize: Int?, _ limits: ReadingLimits) {
    self.cache = cache
    self.vocabularySize = vocabularySize
    self.limits = limits
  }

  /// - Parameters:
  ///   - fingerprint: of the file's bytes.
  ///   - isPlain: whether the file is one document; else rows of text.
  /// - Throws: `DataError`, `TokenizerError`. What is wrong with the cache is only noted.
  mutating func open(
    _ file: DataFile, fingerprint: String, isPlain: Bool, _ tokenizer: any Tokenizer
  ) throws -> EncodedDocuments {
    guard let cache, file.byteCount >= cache.minimumByteCount, let end = tokenizer.endOfSequence else {
      return try encoded(file, isPlain, tokenizer)
    }
    let key = TokenCache.Key(
      fingerprint: fingerprint, byteCount: file.byteCount, tokenizer: tokenizer.identity, isPlain: isPlain,
      begin: tokenizer.addsBeginOfSequence ? tokenizer.beginOfSequence : nil, end: end)
    let idLimit = min(vocabularySize ?? Int.max, tokenizer.vocabularySize)
    switch cache.find(key, of: file.path, vocabularySize: idLimit) {
    case .found(let documents, let path):
      note(file, documents, .cached(path))
      return documents
    case .broken(let path, let reason):
      notes.append("\(path): the tokens of \(file.path) are not read from it: \(reason). The text is tokenized again.")
    case .absent: break
    }
    let documents = try encoded(file, isPlain, tokenizer, isNoted: false)
    do {
      let path = try cache.keep(documents, key)
      note(file, documents, .kept(path))
      // The temporary file goes.
      if !documents.tokens.isInMemory, case .found(let kept, _) = cache.find(key, of: file.path, vocabularySize: idLimit) { return kept }
    } catch let error as SystemError {
      notes.append(
        "\(cache.folder): cannot keep the tokens of \(file.path): \(error). The run goes on, and the next one tokenizes the text again; "
          + "data.token_cache names another folder, or none.")
      note(file, documents, .tokenized)
    }
    return documents
  }

  private mutating func encoded(
    _ file: DataFile, _ isPlain: Bool, _ tokenizer: any Tokenizer, isNoted: Bool = true
  ) throws -> EncodedDocuments {
    let source: DocumentReader.Source =
      isPlain ? .plain(file) : .rows(try RowFile(file, format: .text, vocabularySize: vocabularySize, limits: limits))
    let documents = try EncodedDocuments(source, tokenizer, vocabularySize: vocabularySize, limits: limits)
    if isNoted { note(file, documents, .tokenized) }
    return documents
  }

  private mutating func note(_ file: DataFile, _ documents: EncodedDocuments, _ origin: TextTokens.Origin) {
    opened.append(TextTokens(path: file.path, byteCount: file.byteCount, tokenCount: documents.tokens.count, origin: origin))
  }
}
