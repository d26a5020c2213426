import JSON
import Pages
import Tokenizers

/// What a tokenizer is.
public struct TokenizerFacts: Sendable, Equatable {
  public struct Token: Sendable, Equatable {
    public let id: Int32
    public let piece: String

    var words: String { "\(piece) (\(id))" }
    var json: JSONValue { .object(["id": .integer(Int(id)), "piece": .string(piece)]) }
  }

  /// The file, in its folder.
  public let file: String
  /// `SentencePiece`.
  public let kind: String
  public let vocabularySize: Int
  public let pieceCounts: [PieceKind: Int]
  public let beginOfSequence: Token?
  public let endOfSequence: Token?
  public let addsBeginOfSequence: Bool
  public let addsEndOfSequence: Bool
  /// Control and user-defined pieces by id; begin and end of sequence among them.
  public let specials: [Token]
  /// Rows of the base's embedding, if there is one.
  public var embeddingRowCount: Int?

  /// All 256 bytes are in the vocabulary.
  public let spellsEveryText: Bool
  /// Bytes are pieces of their own kind, for what other pieces cannot spell.
  public var hasByteFallback: Bool { pieceCounts[.byte] == 256 }

  init(_ tokenizer: any Tokenizer, file: String, kind: String) throws {
    func token(_ id: Int32?) throws -> Token? { try id.map { Token(id: $0, piece: try tokenizer.piece($0)) } }
    self.file = file
    self.kind = kind
    vocabularySize = tokenizer.vocabularySize
    var counts: [PieceKind: Int] = [:]
    var bytes: Set<UInt8> = []
    for id in 0..<Int32(clamping: tokenizer.vocabularySize) {
      let kind = try tokenizer.kind(id)
      counts[kind, default: 0] += 1
      var atStart = false
      guard kind == .normal || kind == .byte, bytes.count < 256 else { continue }
      let spelled = try tokenizer.bytes(of: id, atStart: &atStart)
      if spelled.count == 1 { bytes.insert(spelled[0]) }
    }
    pieceCounts = counts
    spellsEveryText = bytes.count == 256
    beginOfSequence = try token(tokenizer.beginOfSequence)
    endOfSequence = try token(tokenizer.endOfSequence)
    addsBeginOfSequence = tokenizer.addsBeginOfSequence
    addsEndOfSequence = tokenizer.addsEndOfSequence
    specials = tokenizer.specials.map { Token(id: $0.value, piece: $0.key) }.sorted { $0.id < $1.id }
  }

  /// How it relates to the embedding; `isWrong` when ids have no row.
  var fit: (words: String, isWrong: Bool)? {
    guard let rows = embeddingRowCount else { return nil }
    if vocabularySize == rows { return ("as many as the embedding has rows", false) }
    if vocabularySize < rows { return ("\(Words.count(rows - vocabularySize, "row")) of the embedding unused", false) }
    return ("more than the \(Words.grouped(rows)) rows of the embedding", true)
  }
}

extension TokenizerFacts {
  /// The lines of the report.
  var words: [String] {
    var size = "\(kind), \(Words.count(vocabularySize, "id"))"
    if let fit { size += ", \(fit.words)" }
    func token(_ name: String, _ token: Token?, isAdded: Bool) -> String {
      guard let token else { return "no \(name)" }
      return "\(name) \(token.words)\(isAdded ? ", added to every sequence" : "")"
    }
    let ends =
      token("BOS", beginOfSequence, isAdded: addsBeginOfSequence) + "; " + token("EOS", endOfSequence, isAdded: addsEndOfSequence)
    var lines = [size, ends]
    // Llama 3 reserves hundreds, which say nothing.
    let others = specials.filter { $0 != beginOfSequence && $0 != endOfSequence }
    let named = others.filter { !$0.piece.contains("reserved") }
    if !others.isEmpty {
      var words = "\(Words.count(others.count, "other special token"))"
      if named.count < others.count { words += ", \(Words.grouped(others.count - named.count)) of them reserved" }
      lines.append(named.isEmpty ? words : "\(words): \(Words.list(named.map(\.words)))")
    }
    if hasByteFallback {
      lines.append("byte fallback: spells every text")
    } else {
      lines.append(spellsEveryText ? "every byte is a piece: spells every text" : "not every byte is a piece: cannot spell every text")
    }
    return lines
  }

  var json: JSONValue {
    .object([
      "file": .string(file), "kind": .string(kind), "vocabulary_size": .integer(vocabularySize),
      "pieces": .object(Dictionary(uniqueKeysWithValues: pieceCounts.map { (TokenizerFacts.name(of: $0.key), .integer($0.value)) })),
      "bos": beginOfSequence?.json ?? .null, "eos": endOfSequence?.json ?? .null, "adds_bos": .bool(addsBeginOfSequence),
      "adds_eos": .bool(addsEndOfSequence), "special_tokens": .array(specials.map(\.json)), "byte_fallback": .bool(hasByteFallback),
      "spells_every_text": .bool(spellsEveryText),
      "embedding_rows": .optional(embeddingRowCount),
    ])
  }

  private static func name(of kind: PieceKind) -> String {
    switch kind {
    case .normal: "normal"
    case .unknown: "unknown"
    case .control: "control"
    case .userDefined: "user_defined"
    case .unused: "unused"
    case .byte: "byte"
    }
  }
}
