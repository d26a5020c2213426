import CSentencePiece
import JSON

/// A SentencePiece model (`tokenizer.model` of LLaMA 1 and 2), through the SentencePiece library.
///
/// Ids are the library's own. A control piece's name inside a text (`</s>`) is text. Sequences begin with `<s>` unless the
/// configuration says otherwise.
public final class SentencePieceTokenizer: Tokenizer {
  /// Immutable after loading; the library's encoding and decoding are safe to call from any number of threads.
  private nonisolated(unsafe) let model: OpaquePointer
  private let file: SentencePieceModelFile
  private let kinds: [PieceKind]
  let wordwise: WordwiseEncoder?

  public let vocabularySize: Int
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
  ///   - isWordwise: false encodes every text as a whole; the ids are the same.
  /// - Throws: `TokenizerError` when the bytes are no SentencePiece model, or not all of one.
  public init(
    bytes: [UInt8], name: String = "tokenizer.model", configuration: TokenizerConfiguration = TokenizerConfiguration(),
    isWordwise: Bool = true
  ) throws {
    let (model, file) = try bytes.withUnsafeBufferPointer { try SentencePieceTokenizer.load($0, name) }
    self.model = model
    self.file = file
    vocabularySize = file.kinds.count
    kinds = file.kinds

    var pieces: [[UInt8]] = []
    var specials: [String: Int32] = [:]
    for id in 0..<Int32(file.kinds.count) {
      let piece = SentencePieceTokenizer.piece(model, id)
      if file.kinds[Int(id)] == .control || file.kinds[Int(id)] == .userDefined {
        specials[String(decoding: piece, as: UTF8.self)] = id
      }
      pieces.append(piece)
    }
    self.specials = specials
    let spaceID = pieces.firstIndex(of: [0xE2, 0x96, 0x81]).map(Int32.init)
    nonisolated(unsafe) let library = model
    wordwise =
      isWordwise
      ? WordwiseEncoder(file, pieces: pieces, spaceID: spaceID) { try SentencePieceTokenizer.encode(library, $0) } : nil

    beginOfSequence = try configuration.id(of: configuration.beginOfSequence, in: specials, name) ?? existing(puna_sentencepiece_bos(model))
    endOfSequence = try configuration.id(of: configuration.endOfSequence, in: specials, name) ?? existing(puna_sentencepiece_eos(model))
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
      guard let wordwise else { return try SentencePieceTokenizer.encode(model, text) }
      return try wordwise.encode(text)
    }
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
