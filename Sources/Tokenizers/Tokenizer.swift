/// What a vocabulary entry is.
public enum PieceKind: UInt8, Sendable, CaseIterable {
  case normal
  /// Stands for text that the vocabulary cannot spell.
  case unknown
  /// Never made from text, only by templates: begin and end of sequence and the like.
  case control
  /// Made from text as a whole, before anything else.
  case userDefined
  case unused
  /// One byte of UTF-8.
  case byte
}

/// Text to ids and back. Implementations are immutable and used by many threads at once.
public protocol Tokenizer: Sendable {
  /// Ids run from 0 to this.
  var vocabularySize: Int { get }
  /// Control and user-defined pieces by name.
  var specials: [String: Int32] { get }
  var beginOfSequence: Int32? { get }
  var endOfSequence: Int32? { get }
  /// Whether sequences of the model begin with `beginOfSequence`.
  var addsBeginOfSequence: Bool { get }
  /// Tells whether another tokenizer makes the same ids of every text: equal where everything that its files say is, its pieces, their
  /// scores or merges, normalisation and added tokens; 32 hexadecimal digits.
  var identity: String { get }
  /// Whether the tokenizer's own configuration ends every text with `endOfSequence`. Templates end responses themselves.
  var addsEndOfSequence: Bool { get }

  /// Ids of a text, without begin and end of sequence. Names of control pieces in the text are text.
  ///
  /// - Throws: `TokenizerError.invalidUTF8`.
  func encode(utf8: [UInt8]) throws -> [Int32]

  /// The text of ids; control pieces have none, bytes that are no UTF-8 become U+FFFD.
  ///
  /// - Throws: `TokenizerError.idOutOfRange`.
  func decode(_ ids: [Int32]) throws -> String

  /// The vocabulary's own spelling of an id.
  ///
  /// - Throws: `TokenizerError.idOutOfRange`.
  func piece(_ id: Int32) throws -> String

  /// - Throws: `TokenizerError.idOutOfRange`.
  func kind(_ id: Int32) throws -> PieceKind

  /// The bytes that an id adds to a text; `atStart` when no text came before it, and false once a leading space was left out.
  ///
  /// - Throws: `TokenizerError.idOutOfRange`.
  func bytes(of id: Int32, atStart: inout Bool) throws -> [UInt8]
}

extension Tokenizer {
  /// Ids of a text, without begin and end of sequence.
  public func encode(_ text: String) throws -> [Int32] { try encode(utf8: Array(text.utf8)) }

  /// Ids of a text, begun and ended as the tokenizer's configuration says.
  public func encodeSequence(_ text: String) throws -> [Int32] {
    var ids: [Int32] = []
    if addsBeginOfSequence, let beginOfSequence { ids.append(beginOfSequence) }
    ids += try encode(text)
    if addsEndOfSequence, let endOfSequence { ids.append(endOfSequence) }
    return ids
  }

  /// - Throws: `TokenizerError.idOutOfRange`.
  public func check(_ id: Int32) throws {
    guard id >= 0, Int(id) < vocabularySize else { throw TokenizerError.idOutOfRange(id: id, vocabularySize: vocabularySize) }
  }
}
