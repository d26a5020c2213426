import Checkpoints
import Foundation
import Tokenizers

/// A SentencePiece model as a file: what it says about itself, and all its bytes, so that what is not understood here is kept.
public struct SentencePieceModel: Sendable, CustomStringConvertible {
  /// As the caller named it.
  public let path: String
  public let bytes: [UInt8]
  /// The model alone, without tokens that a configuration beside it adds.
  public let tokenizer: SentencePieceTokenizer

  var file: SentencePieceModelFile { tokenizer.file }
  public var pieceCount: Int { file.kinds.count }

  /// The model in the file at `path`.
  ///
  /// - Throws: `VocabularyError`, `CheckpointError` or `TokenizerError` for what is no whole SentencePiece model.
  public init(path: String) throws {
    let mapped: [UInt8]
    do {
      mapped = try MappedFile.open(path).withUnsafeBytes { Array($0) }
    } catch let error as CheckpointError where error.reason == .isFolder {
      let inside = (path.hasSuffix("/") ? path : path + "/") + "tokenizer.model"
      throw VocabularyError.isFolder(path: path, suggestion: FileManager.default.fileExists(atPath: inside) ? inside : nil)
    }
    try self.init(bytes: mapped, path: path)
  }

  /// - Throws: `VocabularyError` or `TokenizerError` for what is no whole SentencePiece model.
  public init(bytes: [UInt8], path: String) throws {
    switch try TokenizerKind(of: bytes, path) {
    case .sentencePiece: break
    case .json: throw VocabularyError.notSentencePiece(path: path, kind: "a tokenizer.json")
    case .tiktokenRanks: throw VocabularyError.notSentencePiece(path: path, kind: "a list of tiktoken ranks, as Llama 3's")
    }
    self.path = path
    self.bytes = bytes
    tokenizer = try SentencePieceTokenizer(bytes: bytes, name: path)
  }

  /// How a piece is spelt.
  func spelling(_ id: Int) -> ArraySlice<UInt8> { bytes[file.spellings[id]] }

  /// `bpe`, `unigram`, `word`, `char`.
  public var type: String {
    switch file.modelType {
    case .bytePairs: "bpe"
    case .unigram: "unigram"
    case .word: "word"
    case .character: "char"
    case nil: "unknown"
    }
  }

  public var hasByteFallback: Bool { file.hasByteFallback }
  public var description: String { "\(path): \(grouped(pieceCount)) pieces, \(type)" }

  /// What it does to a text before looking for pieces: `identity, spaces kept`.
  var normalization: String {
    let name = file.normalization.flatMap { $0.isEmpty ? nil : $0 } ?? (file.hasCharacterMap ? "a character map of its own" : "identity")
    var words = [name, file.removesExtraWhitespace ? "superfluous spaces removed" : "spaces kept"]
    if !file.addsDummyPrefix { words.append("no space before a text") }
    if !file.escapesWhitespace { words.append("spaces not escaped") }
    if file.treatsWhitespaceAsSuffix { words.append("spaces at the end of words") }
    return words.joined(separator: ", ")
  }

  /// Spellings as people read them, `'a', 'b' and 3 more`.
  static func list(_ texts: [String], atMost limit: Int = 8) -> String {
    let quoted = texts.prefix(texts.count > limit + 1 ? limit : texts.count).map { "'\($0)'" }.joined(separator: ", ")
    return texts.count > limit + 1 ? "\(quoted) and \(grouped(texts.count - limit)) more" : quoted
  }
}
