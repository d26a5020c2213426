import CSentencePiece
import JSON

/// A SentencePiece model (`tokenizer.model` of LLaMA 1 and 2), through the SentencePiece library.
///
/// Ids are the library's own. A control piece's name inside a text (`</s>`) is text. Sequences begin with `<s>` unless the
/// configuration says otherwise. Tokens that the configuration adds follow the model's pieces.
public final class SentencePieceTokenizer: Tokenizer {
  /// Immutable after loading; the library's encoding and decoding are safe to call from any number of threads.
  private nonisolated(unsafe) let model: OpaquePointer
  package let file: SentencePieceModelFile
  private let kinds: [PieceKind]
  private let pieceCount: Int
  /// Past the model's pieces.
  private let addedTokens: [AddedToken]
  let finder: AddedTokenFinder
  private let isLegacy: Bool
  let merging: BytePairModel?
  private let memories = EncoderMemories()

  public let vocabularySize: Int
  public let identity: String
  public let specials: [String: Int32]
  public let beginOfSequence: Int32?
  public let endOfSequence: Int32?
  public let unknown: Int32?
  public let padding: Int32?
  public let addsBeginOfSequence: Bool
  public let addsEndOfSequence: Bool

  /// A model from the bytes of a `.model` file.
  ///
  /// - Parameters:
  ///   - name: the file's name in messages.
  ///   - configuration: what `tokenizer_config.json` says, where there is one.
  ///   - usesLibrary: encodes with the library also where this is slower; the ids are the same.
  /// - Throws: `TokenizerError` when the bytes are no SentencePiece model, or not all of one.
  public init(
    bytes: [UInt8], name: String = "tokenizer.model", configuration: TokenizerConfiguration = TokenizerConfiguration(),
    usesLibrary: Bool = false
  ) throws {
    let (model, file) = try bytes.withUnsafeBufferPointer { try SentencePieceTokenizer.load($0, name) }
    self.model = model
    self.file = file
    identity = configuration.identity("SentencePiece", bytes)
    let pieces = file.kinds.indices.map { SentencePieceTokenizer.piece(model, Int32($0)) }
    pieceCount = pieces.count
    let (past, within) = try configuration.tokensAdded(to: pieces, name)
    addedTokens = past
    vocabularySize = pieces.count + past.count
    finder = try AddedTokenFinder(past + within.filter { file.kinds[Int($0.id)] == .normal }, name)
    isLegacy = configuration.isLegacy

    var kinds = file.kinds
    for token in within where kinds[Int(token.id)] == .normal { kinds[Int(token.id)] = token.isSpecial ? .control : .userDefined }
    let controls = Set(within.filter { file.kinds[Int($0.id)] == .normal && $0.isSpecial }.map(\.id))
    kinds += past.map { $0.isSpecial ? .control : .userDefined }
    self.kinds = kinds
    var specials: [String: Int32] = [:]
    for (id, piece) in pieces.enumerated() where kinds[id] == .control || kinds[id] == .userDefined {
      specials[String(decoding: piece, as: UTF8.self)] = Int32(id)
    }
    for token in past { specials[token.content] = token.id }
    self.specials = specials
    merging = usesLibrary ? nil : BytePairModel(file, pieces: pieces, controls: controls)
    if merging == nil, !usesLibrary, !controls.isEmpty || !isLegacy && !finder.isEmpty {
      throw TokenizerError.unsupported(path: name, what: "a model of this kind with tokens added beside it")
    }

    func id(_ piece: String?) throws -> Int32? {
      guard let piece else { return nil }
      if let id = specials[piece] { return id }
      throw TokenizerError.inconsistent(
        path: name, reason: "the token '\(piece)', which the configuration beside it names, is no control piece and nothing gives it an id")
    }
    beginOfSequence = try id(configuration.beginOfSequence) ?? existing(puna_sentencepiece_bos(model))
    endOfSequence = try id(configuration.endOfSequence) ?? existing(puna_sentencepiece_eos(model))
    unknown = existing(puna_sentencepiece_unk(model))
    padding = existing(puna_sentencepiece_pad(model))
    addsBeginOfSequence = configuration.addsBeginOfSequence ?? (beginOfSequence != nil)
    addsEndOfSequence = configuration.addsEndOfSequence ?? false
  }

  deinit { puna_sentencepiece_free(model) }

  private static func load(_ bytes: UnsafeBufferPointer<UInt8>, _ name: String) throws -> (OpaquePointer, SentencePieceModelFile) {
    let file: SentencePieceModelFile
    do {
      file = try SentencePieceModelFile(bytes)
    } catch .cutShort {
      throw TokenizerError.cutShort(path: name, byteCount: bytes.count)
    } catch .malformed(let reason) {
      throw TokenizerError.notATokenizer(path: name, reason: "not a SentencePiece model (\(reason))")
    }
    var message: UnsafeMutablePointer<CChar>?
    guard let model = puna_sentencepiece_load(bytes.baseAddress, bytes.count, &message) else {
      throw TokenizerError.notATokenizer(path: name, reason: "SentencePiece refuses it (\(take(message)))")
    }
    guard Int(puna_sentencepiece_count(model)) == file.kinds.count else {
      puna_sentencepiece_free(model)
      throw TokenizerError.notATokenizer(path: name, reason: "its pieces cannot be counted")
    }
    return (model, file)
  }

  private static func take(_ message: UnsafeMutablePointer<CChar>?) -> String {
    guard let message else { return "no reason given" }
    defer { puna_sentencepiece_release(message) }
    return String(cString: message)
  }

  // MARK: - Text to ids

  public func encode(utf8: [UInt8]) throws -> [Int32] {
    try utf8.withUnsafeBufferPointer { text in
      if let offset = UTF8Validity.firstInvalidOffset(in: text) { throw TokenizerError.invalidUTF8(offset: offset) }
      guard !finder.isEmpty else { return try encode(text, isInner: false) }
      var ids: [Int32] = []
      try finder.find(in: text) { part in
        switch part {
        case .token(let id): ids.append(id)
        case .text(let range):
          ids += try encode(UnsafeBufferPointer(rebasing: text[range]), isInner: !isLegacy && range.lowerBound > 0)
        }
      }
      return ids
    }
  }

  /// - Parameter isInner: whether no space goes before the text.
  func encode(_ text: UnsafeBufferPointer<UInt8>, isInner: Bool) throws -> [Int32] {
    guard let merging, text.count < Int(Int32.max) / 4 else { return try SentencePieceTokenizer.encode(model, text) }
    let normalized = try (isInner ? BytePairModel.innerSpaceNormalizer : BytePairModel.spaceNormalizer).normalized(text).text
    var ids: [Int32] = []
    ids.reserveCapacity(text.count / 3)
    try normalized.withUnsafeBufferPointer { text in
      guard !text.isEmpty else { return }
      try memories.use { try merging.append(text, to: &ids, &$0) }
    }
    return ids
  }

  private static func encode(_ model: OpaquePointer, _ text: UnsafeBufferPointer<UInt8>) throws -> [Int32] {
    guard !text.isEmpty else { return [] }
    var ids: UnsafeMutablePointer<Int32>?
    var count = 0
    var message: UnsafeMutablePointer<CChar>?
    let isDone = text.withMemoryRebound(to: CChar.self) { text in
      puna_sentencepiece_encode(model, text.baseAddress, text.count, &ids, &count, &message)
    }
    guard isDone, let ids else { throw TokenizerError.library(take(message)) }
    defer { puna_sentencepiece_release(ids) }
    return Array(UnsafeBufferPointer(start: ids, count: count))
  }

  // MARK: - Ids to text

  public func decode(_ ids: [Int32]) throws -> String {
    guard !ids.isEmpty else { return "" }
    // The library does not know added tokens, and takes long.
    if merging != nil || kinds != file.kinds { return try decodeByPieces(ids) }
    for id in ids { try check(id) }
    var text: UnsafeMutablePointer<CChar>?
    var byteCount = 0
    var message: UnsafeMutablePointer<CChar>?
    let isDone = ids.withUnsafeBufferPointer { ids in
      puna_sentencepiece_decode(model, ids.baseAddress, ids.count, &text, &byteCount, &message)
    }
    guard isDone, let text else { throw TokenizerError.library(SentencePieceTokenizer.take(message)) }
    defer { puna_sentencepiece_release(text) }
    return String(decoding: UnsafeRawBufferPointer(start: text, count: byteCount), as: UTF8.self)
  }

  public func piece(_ id: Int32) throws -> String {
    try check(id)
    guard id < pieceCount else { return addedTokens[Int(id) - pieceCount].content }
    return String(decoding: SentencePieceTokenizer.piece(model, id), as: UTF8.self)
  }

  private static func piece(_ model: OpaquePointer, _ id: Int32) -> [UInt8] {
    var byteCount = 0
    guard let piece = puna_sentencepiece_piece(model, id, &byteCount) else { return [] }
    return Array(UnsafeRawBufferPointer(start: piece, count: byteCount))
  }

  public func kind(_ id: Int32) throws -> PieceKind {
    try check(id)
    return kinds[Int(id)]
  }

  /// Follows the library's decoding: U+2581 is a space, and a text's leading one, which encoding has put there, is left out.
  public func bytes(of id: Int32, atStart: inout Bool) throws -> [UInt8] {
    try check(id)
    if kinds[Int(id)] == .control { return [] }
    guard id < pieceCount else {
      // The text after it was encoded like a whole one.
      atStart = isLegacy
      return Array(addedTokens[Int(id) - pieceCount].content.utf8)
    }
    let piece = SentencePieceTokenizer.piece(model, id)
    switch kinds[Int(id)] {
    case .control: return []
    case .unknown:
      atStart = false
      return Array(" \u{2047} ".utf8)
    case .byte:
      atStart = false
      // Spelled `<0x0A>`.
      let digits = String(decoding: piece.dropFirst(3).dropLast(), as: UTF8.self)
      return UInt8(digits, radix: 16).map { [$0] } ?? []
    case .normal, .userDefined, .unused:
      let space: [UInt8] = [0xE2, 0x96, 0x81]
      var rest = piece[...]
      if atStart, file.addsDummyPrefix || file.removesExtraWhitespace, rest.starts(with: space) {
        rest = rest.dropFirst(3)
        // The library goes on leaving out spaces only where it removed all superfluous ones when encoding.
        if !file.removesExtraWhitespace { atStart = false }
      }
      var bytes: [UInt8] = []
      while !rest.isEmpty {
        let isSpace = rest.starts(with: space)
        bytes.append(isSpace ? UInt8(ascii: " ") : rest[rest.startIndex])
        rest = rest.dropFirst(isSpace ? 3 : 1)
      }
      if !bytes.isEmpty { atStart = false }
      return bytes
    }
  }
}

/// The library says -1 for a piece that a model does not have.
private func existing(_ id: Int32) -> Int32? { id >= 0 ? id : nil }
