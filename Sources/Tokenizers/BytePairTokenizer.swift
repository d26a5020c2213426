import JSON

/// A byte-pair tokenizer of our own: Hugging Face's `tokenizer.json` with a BPE model, and Llama 3's list of tiktoken ranks.
///
/// A text is searched for added tokens, normalised, cut into words, and each word merged. Control tokens named in a text are text.
public final class BytePairTokenizer: Tokenizer {
  /// Everything a file says, checked.
  struct Parts {
    let identity: String
    /// How pieces are spelled in the vocabulary.
    enum Spelling {
      /// As they are.
      case characters
      /// Their bytes as printable characters.
      case bytes
      /// Ranks of bytes: as text where they are some, else byte by byte.
      case ranks
    }

    /// Bytes of every id: those of the text for added tokens and where bytes are symbols, else the vocabulary's spelling.
    var pieces: PieceTable
    var kinds: [PieceKind]
    var spelling: Spelling
    var model: BytePairModel
    var addedTokens: [AddedToken] = []
    var normalizer = TextNormalizer()
    var splitter = WordSplitter()
    var decoder = PieceDecoder()
    var beginOfSequence: Int32?
    var endOfSequence: Int32?
    var addsBeginOfSequence = false
    var addsEndOfSequence = false
  }

  let parts: Parts
  private let addedIDs: Set<Int32>
  let rawFinder: AddedTokenFinder
  let normalizedFinder: AddedTokenFinder
  private let memories = EncoderMemories()

  public let specials: [String: Int32]
  public var vocabularySize: Int { parts.kinds.count }
  public var identity: String { parts.identity }
  public var beginOfSequence: Int32? { parts.beginOfSequence }
  public var endOfSequence: Int32? { parts.endOfSequence }
  public var addsBeginOfSequence: Bool { parts.addsBeginOfSequence }
  public var addsEndOfSequence: Bool { parts.addsEndOfSequence }

  init(_ parts: Parts, _ path: String) throws {
    self.parts = parts
    let added = parts.addedTokens
    addedIDs = Set(added.map(\.id))
    rawFinder = try AddedTokenFinder(added.filter { !$0.isNormalized }, path)
    normalizedFinder = try AddedTokenFinder(added.filter(\.isNormalized), path) { token in
      try Array(token.content.utf8).withUnsafeBufferPointer { try parts.normalizer.normalized($0).text }
    }
    var specials: [String: Int32] = [:]
    for token in added where parts.kinds[Int(token.id)] != .unknown { specials[token.content] = token.id }
    self.specials = specials
  }

  // MARK: - Text to ids

  public func encode(utf8: [UInt8]) throws -> [Int32] {
    try utf8.withUnsafeBufferPointer { text in
      if let offset = UTF8Validity.firstInvalidOffset(in: text) { throw TokenizerError.invalidUTF8(offset: offset) }
      guard text.count < Int(Int32.max) / 4 else { throw TokenizerError.textTooLong(byteCount: text.count) }
      var ids: [Int32] = []
      ids.reserveCapacity(text.count / 4)
      do {
        try memories.use { memory in
          try parts(of: text, by: rawFinder, into: &ids) { range, ids in
            try encodePlain(UnsafeBufferPointer(rebasing: text[range]), isFirst: range.lowerBound == 0, to: &ids, &memory)
          }
        }
      } catch let error as BytePairModel.Unspellable {
        throw TokenizerError.unspellable(bytes: error.bytes, offset: firstOffset(of: error.bytes, in: text))
      } catch is TextNormalizer.Growth {
        throw TokenizerError.textTooLong(byteCount: text.count)
      }
      return ids
    }
  }

  private func parts(
    of text: UnsafeBufferPointer<UInt8>, by finder: AddedTokenFinder, into ids: inout [Int32],
    _ encode: (Range<Int>, inout [Int32]) throws -> Void
  ) throws {
    guard !finder.isEmpty else { return try encode(0..<text.count, &ids) }
    try finder.find(in: text) { part in
      switch part {
      case .token(let id): ids.append(id)
      case .text(let range): try encode(range, &ids)
      }
    }
  }

  private func encodePlain(
    _ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, to ids: inout [Int32], _ memory: inout EncoderMemory
  ) throws {
    guard !parts.normalizer.steps.isEmpty else { return try encodeNormalized(text, isFirst: isFirst, to: &ids, &memory) }
    let (normalized, isStripped) = try parts.normalizer.normalized(text)
    try normalized.withUnsafeBufferPointer { try encodeNormalized($0, isFirst: isFirst && !isStripped, to: &ids, &memory) }
  }

  private func encodeNormalized(
    _ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, to ids: inout [Int32], _ memory: inout EncoderMemory
  ) throws {
    try parts(of: text, by: normalizedFinder, into: &ids) { range, ids in
      let part = UnsafeBufferPointer(rebasing: text[range])
      try parts.splitter.split(part, isFirst: isFirst && range.lowerBound == 0) { try parts.model.append($0, to: &ids, &memory) }
    }
  }

  /// Where a character that cannot be spelled stands, if the text was not changed before.
  private func firstOffset(of character: [UInt8], in text: UnsafeBufferPointer<UInt8>) -> Int? {
    text.indices.first { text[$0...].starts(with: character) }
  }

  // MARK: - Ids to text

  public func decode(_ ids: [Int32]) throws -> String {
    try decodeByPieces(ids)
  }

  public func piece(_ id: Int32) throws -> String {
    try check(id)
    let bytes = parts.pieces[id]
    if addedIDs.contains(id) { return String(decoding: bytes, as: UTF8.self) }
    switch parts.spelling {
    case .characters: return String(decoding: bytes, as: UTF8.self)
    case .bytes: return ByteSpelling.spelling(of: bytes)
    case .ranks:
      if let text = String(validating: bytes, as: UTF8.self) { return text }
      return bytes.map { "<0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) + ">" }.joined()
    }
  }

  public func kind(_ id: Int32) throws -> PieceKind {
    try check(id)
    return parts.kinds[Int(id)]
  }

  public func bytes(of id: Int32, atStart: inout Bool) throws -> [UInt8] {
    try check(id)
    let piece = parts.pieces[id]
    switch parts.kinds[Int(id)] {
    case .control: return []
    case .byte:
      // Spelled `<0x0A>`.
      let byte = UInt8(String(decoding: piece.dropFirst(3).dropLast(), as: UTF8.self), radix: 16)
      return parts.decoder.bytes([byte ?? 0], atStart: &atStart)
    case .normal, .unknown, .userDefined, .unused: return parts.decoder.bytes(piece, atStart: &atStart)
    }
  }
}
