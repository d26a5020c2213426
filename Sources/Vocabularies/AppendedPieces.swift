import Tokenizers

/// The pieces that a base lacks, gathered.
struct AppendedPieces {
  private let base: SentencePieceModel
  private var ids: [ArraySlice<UInt8>: Int]
  private(set) var pieces: [PieceMessage] = []
  private(set) var notes: [String] = []
  private var specials: Set<String> = []

  init(_ base: SentencePieceModel) {
    self.base = base
    ids = Dictionary(minimumCapacity: base.pieceCount)
    for id in 0..<base.pieceCount { ids[base.spelling(id)] = id }
  }

  private mutating func append(_ spelling: ArraySlice<UInt8>, _ kind: PieceKind) {
    ids[spelling] = base.pieceCount + pieces.count
    pieces.append(PieceMessage(spelling: Array(spelling), kind: kind))
  }

  mutating func add(_ model: SentencePieceModel) -> VocabularyMerge.Addition {
    let before = pieces.count
    var (presentCount, byteCount) = (0, 0)
    var kept: [String] = []
    for id in 0..<model.pieceCount {
      let spelling = model.spelling(id)
      let kind = model.file.kinds[id]
      if let known = ids[spelling] {
        presentCount += 1
        noteOtherKind(known, spelling, kind, model)
        continue
      }
      let text = String(decoding: spelling, as: UTF8.self)
      switch kind {
      case .byte where !base.hasByteFallback: byteCount += 1
      case .unknown:
        notes.append("'\(text)', which stands for what is unknown in \(model.path), is left out: \(base.path) has its own.")
      default:
        if kind != .normal { kept.append(text) }
        append(spelling, kind)
      }
    }
    if byteCount > 0 {
      notes.append(
        "\(byteCount) byte pieces of \(model.path) are left out: \(base.path) has no byte fallback, and characters that it cannot spell "
          + "stay unknown.")
    }
    if !kept.isEmpty { notes.append("\(SentencePieceModel.list(kept)) of \(model.path) stay control or user-defined pieces.") }
    return VocabularyMerge.Addition(
      path: model.path, pieceCount: model.pieceCount, addedCount: pieces.count - before, presentCount: presentCount)
  }

  /// A piece that both have, but one of them as a special one.
  private mutating func noteOtherKind(_ known: Int, _ spelling: ArraySlice<UInt8>, _ kind: PieceKind, _ model: SentencePieceModel) {
    guard known < base.pieceCount, base.file.kinds[known] != kind else { return }
    let text = String(decoding: spelling, as: UTF8.self)
    notes.append(
      "'\(text)' is a \(kind.name) piece in \(model.path) and a \(base.file.kinds[known].name) piece in \(base.path), as which it stays.")
  }

  /// - Throws: `VocabularyError` for a token that is there already, or that no text could have.
  mutating func add(_ token: String, _ kind: VocabularyMerge.SpecialKind) throws {
    guard specials.insert(token).inserted else { throw VocabularyError.specialRepeated(token) }
    let spelling = Array(token.utf8)[...]
    if let id = ids[spelling] {
      throw VocabularyError.specialExists(token, id: id, path: id < base.pieceCount ? base.path : "an added model")
    }
    try check(token, kind)
    append(spelling, kind.kind)
  }

  private func check(_ token: String, _ kind: VocabularyMerge.SpecialKind) throws {
    if token.isEmpty { throw VocabularyError.badSpecial(token, reason: "is empty; expected a name, such as [PAD].") }
    guard kind != .userDefined else { return }
    if token.unicodeScalars.contains(where: { $0.properties.isWhitespace || $0.value < 0x20 }) {
      throw VocabularyError.badSpecial(
        token, reason: "has white space, and such a name is found in no text. Choose one without it, or --special-kind user-defined.")
    }
    // Without an unknown piece, decoding tells what normalization made of it.
    let ids = try base.tokenizer.encode(token)
    let spelt = try base.tokenizer.decode(ids)
    if spelt != token, !ids.contains(where: { $0 == base.tokenizer.unknown }) {
      throw VocabularyError.badSpecial(
        token, reason: "\(base.path) changes it to '\(spelt)' before it looks for pieces. Take that name, or --special-kind user-defined.")
    }
  }
}

extension PieceKind {
  fileprivate var name: String { self == .userDefined ? "user-defined" : "\(self)" }
}
