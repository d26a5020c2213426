import Checkpoints
import Foundation
import Tokenizers

/// Appends to one SentencePiece model every piece of others that it lacks, in their order and with score 0, as Chinese-LLaMA-Alpaca's
/// `merge_tokenizers.py` does. Ids of the base stay what they are; so does everything else in its file, byte for byte.
public struct VocabularyMerge: Sendable {
  /// What a special token is.
  public enum SpecialKind: String, Sendable, CaseIterable {
    /// Like the other pieces appended, as Chinese-Alpaca's `[PAD]`.
    case normal
    /// No text becomes it.
    case control
    /// A text with its name becomes it.
    case userDefined = "user-defined"

    var kind: PieceKind {
      switch self {
      case .normal: .normal
      case .control: .control
      case .userDefined: .userDefined
      }
    }
  }

  /// What came from a model.
  public struct Addition: Sendable, Equatable {
    public let path: String
    public let pieceCount: Int
    public let addedCount: Int
    /// Pieces that were there already.
    public let presentCount: Int
    /// Pieces with no place in the base: bytes without byte fallback, a second unknown piece.
    public var leftOutCount: Int { pieceCount - addedCount - presentCount }
    /// Added pieces that their own text is not encoded to: no pair that is joined makes them.
    public internal(set) var unmadeCount = 0
  }

  public struct Special: Sendable, Equatable {
    public let token: String
    public let id: Int
  }

  public let base: SentencePieceModel
  public let additions: [Addition]
  public let specials: [Special]
  public let result: SentencePieceModel
  /// What a person should know, a sentence or two each.
  public let notes: [String]

  public var addedCount: Int { result.pieceCount - base.pieceCount }

  /// - Parameter name: of the result, in messages.
  /// - Throws: `VocabularyError` where pieces cannot be appended, or there are none.
  public init(
    base: SentencePieceModel, adding models: [SentencePieceModel], specials: [String] = [], kind: SpecialKind = .normal,
    name: String = "the merged model"
  ) throws {
    var appended = AppendedPieces(base)
    var additions: [Addition] = []
    for model in models { additions.append(appended.add(model)) }
    let firstSpecial = appended.pieces.count
    for token in specials { try appended.add(token, kind) }
    guard !appended.pieces.isEmpty else { throw VocabularyError.nothingToAdd(base: base.path) }
    if base.file.modelType != .bytePairs, appended.pieces.contains(where: { $0.kind == .normal }) {
      throw VocabularyError.notBytePairs(path: base.path, type: base.type)
    }
    let bytes =
      Array(base.bytes[..<base.file.endOfPieces]) + appended.pieces.flatMap(\.bytes) + Array(base.bytes[base.file.endOfPieces...])
    let result = try SentencePieceModel(bytes: bytes, path: name)

    var id = base.pieceCount
    for index in additions.indices {
      additions[index].unmadeCount = try result.unmadeCount(id..<id + additions[index].addedCount)
      id += additions[index].addedCount
    }
    self.specials = specials.indices.map { Special(token: specials[$0], id: base.pieceCount + firstSpecial + $0) }
    var notes = appended.notes
    for (model, addition) in zip(models, additions) { notes += VocabularyMerge.notes(model, addition, base) }
    for special in self.specials where kind == .normal {
      guard try result.tokenizer.encode(special.token).contains(Int32(special.id)) else { continue }
      notes.append("'\(special.token)' in a text becomes the special token; --special-kind control keeps them apart.")
    }
    if let note = base.noteOnTokensBeside() { notes.append(note) }
    self.base = base
    self.additions = additions
    self.result = result
    self.notes = notes
  }

  private static func notes(_ model: SentencePieceModel, _ addition: Addition, _ base: SentencePieceModel) -> [String] {
    var notes: [String] = []
    if addition.addedCount == 0 { notes.append("\(model.path) adds nothing: \(base.path) has all its pieces.") }
    if model.normalization != base.normalization {
      notes.append(
        "\(model.path) was made for text after other normalization (\(model.normalization)) than \(base.path) does "
          + "(\(base.normalization)). The merged model does as the base does: what the other would have changed, such as full-width forms "
          + "under nmt_nfkc, is spelt with the base's pieces.")
    }
    if addition.unmadeCount > 0 {
      let isPairs = model.file.modelType == .bytePairs
      let reason = isPairs ? "no text joins the pairs they consist of" : "\(model.path) is a \(model.type) model, which joins no pairs"
      notes.append(
        "\(grouped(addition.unmadeCount)) of the \(grouped(addition.addedCount)) pieces from \(model.path) are not what their own text "
          + "becomes: \(reason). They take rows of the embedding and are hardly ever trained.")
    }
    return notes
  }
}

extension SentencePieceModel {
  /// Counts pieces whose own text, alone or within a longer one, is not encoded to them.
  fileprivate func unmadeCount(_ ids: Range<Int>) throws -> Int {
    // After a line's end no space goes before a text.
    let lineEnd = try tokenizer.encode("\n")
    return try ids.count { id in
      guard file.kinds[id] == .normal else { return false }
      let text = String(decoding: spelling(id), as: UTF8.self).replacingOccurrences(of: "\u{2581}", with: " ")
      return try tokenizer.encode(text) != [Int32(id)] && tokenizer.encode("\n" + text) != lineEnd + [Int32(id)]
    }
  }

  /// Tokens that a configuration beside the file adds after its pieces.
  fileprivate func noteOnTokensBeside() -> String? {
    guard FileManager.default.fileExists(atPath: path), let whole = try? SentencePieceTokenizer(path: path),
      whole.vocabularySize > pieceCount
    else { return nil }
    let names = (pieceCount..<whole.vocabularySize).compactMap { try? whole.piece(Int32($0)) }
    return "Files beside \(path) give ids from \(grouped(pieceCount)) on to \(SentencePieceModel.list(names)); in the merged model these "
      + "ids belong to other pieces. For a base that was trained with them, append them first, with --special, and take the result as --base."
  }
}
