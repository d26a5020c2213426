/// What the bytes of a SentencePiece model say about themselves, read without the library: its kinds of pieces (the library does not
/// tell user-defined ones apart) and its normalisation. It also finds files that are cut short or something else altogether.
///
/// The layout is `sentencepiece_model.proto` in protocol buffers' wire format.
package struct SentencePieceModelFile: Sendable {
  package enum ModelType: UInt64, Sendable { case unigram = 1, bytePairs, word, character }

  package enum Problem: Error, Equatable {
    case cutShort
    case malformed(String)
  }

  package private(set) var kinds: [PieceKind] = []
  package private(set) var scores: [Float] = []
  /// Where the spelling of each piece lies in the file.
  package private(set) var spellings: [Range<Int>] = []
  /// Where the last piece ends, and others can be put in.
  package private(set) var endOfPieces = 0
  /// Raw value of an unknown model type is kept as nil.
  package private(set) var modelType: ModelType? = .unigram
  package private(set) var hasByteFallback = false
  package private(set) var treatsWhitespaceAsSuffix = false
  /// What the rules of normalisation are called: `identity`, `nmt_nfkc`; nil where the file does not say.
  package private(set) var normalization: String?
  package private(set) var hasCharacterMap = false
  package private(set) var addsDummyPrefix = true
  package private(set) var removesExtraWhitespace = true
  package private(set) var escapesWhitespace = true

  package init(_ bytes: UnsafeBufferPointer<UInt8>) throws(Problem) {
    // Field 1, length-delimited: the first piece.
    guard bytes.first == 0x0A else { throw .malformed("it does not begin like one") }
    var reader = WireReader(bytes, 0..<bytes.count)
    while let field = try reader.next() {
      switch field.number {
      case 1:
        try readPiece(field, bytes)
        endOfPieces = reader.offset
      case 2: try readTrainer(field.message(), bytes)
      case 3: try readNormalizer(field.message(), bytes)
      default: break
      }
    }
    // Everything after the pieces may be missing and the rest still be well formed.
    guard kinds.contains(.unknown) else { throw .malformed("it has no unknown piece") }
  }

  private mutating func readPiece(_ field: WireReader.Field, _ bytes: UnsafeBufferPointer<UInt8>) throws(Problem) {
    var reader = WireReader(bytes, try field.message())
    var spelling = 0..<0
    var kind = PieceKind.normal
    var score: Float = 0
    while let field = try reader.next() {
      switch field.number {
      case 1: spelling = try field.message()
      case 2: score = Float(bitPattern: try field.fixed32(in: bytes))
      case 3: kind = try SentencePieceModelFile.kind(field.varint())
      default: break
      }
    }
    spellings.append(spelling)
    kinds.append(kind)
    scores.append(score)
  }

  private static func kind(_ value: UInt64) throws(Problem) -> PieceKind {
    switch value {
    case 1: .normal
    case 2: .unknown
    case 3: .control
    case 4: .userDefined
    case 5: .unused
    case 6: .byte
    default: throw .malformed("piece type \(value)")
    }
  }

  private mutating func readTrainer(_ range: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>) throws(Problem) {
    var reader = WireReader(bytes, range)
    while let field = try reader.next() {
      switch field.number {
      case 3: modelType = ModelType(rawValue: try field.varint())
      case 24: treatsWhitespaceAsSuffix = try field.varint() != 0
      case 35: hasByteFallback = try field.varint() != 0
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ range: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>) throws(Problem) {
    var reader = WireReader(bytes, range)
    while let field = try reader.next() {
      switch field.number {
      case 1: normalization = String(decoding: bytes[try field.message()], as: UTF8.self)
      case 2: hasCharacterMap = try !field.message().isEmpty
      case 3: addsDummyPrefix = try field.varint() != 0
      case 4: removesExtraWhitespace = try field.varint() != 0
      case 5: escapesWhitespace = try field.varint() != 0
      default: break
      }
    }
  }
}
