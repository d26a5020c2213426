/// What the bytes of a SentencePiece model say about themselves, read without the library: its kinds of pieces (the library does not
/// tell user-defined ones apart) and its normalisation. It also finds files that are cut short or something else altogether.
///
/// The layout is `sentencepiece_model.proto` in protocol buffers' wire format.
struct SentencePieceModelFile: Sendable {
  enum ModelType: UInt64 { case unigram = 1, bytePairs, word, character }

  enum Problem: Error, Equatable {
    case cutShort
    case malformed(String)
  }

  var kinds: [PieceKind] = []
  var scores: [Float] = []
  /// Raw value of an unknown model type is kept as nil.
  var modelType: ModelType? = .unigram
  var hasByteFallback = false
  var treatsWhitespaceAsSuffix = false
  var hasCharacterMap = false
  var addsDummyPrefix = true
  var removesExtraWhitespace = true
  var escapesWhitespace = true

  init(_ bytes: UnsafeBufferPointer<UInt8>) throws(Problem) {
    // Field 1, length-delimited: the first piece.
    guard bytes.first == 0x0A else { throw .malformed("it does not begin like one") }
    var reader = WireReader(bytes, 0..<bytes.count)
    while let field = try reader.next() {
      switch field.number {
      case 1: try readPiece(field, bytes)
      case 2: try readTrainer(field, bytes)
      case 3: try readNormalizer(field, bytes)
      default: break
      }
    }
    // Everything after the pieces may be missing and the rest still be well formed.
    guard kinds.contains(.unknown) else { throw .malformed("it has no unknown piece") }
  }

  private mutating func readPiece(_ field: WireReader.Field, _ bytes: UnsafeBufferPointer<UInt8>) throws(Problem) {
    var reader = WireReader(bytes, field.contents)
    var kind = PieceKind.normal
    var score: Float = 0
    while let field = try reader.next() {
      if field.number == 2, field.contents.count == 4 {
        let bits = field.contents.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[$1]) }
        score = Float(bitPattern: bits)
      }
      guard field.number == 3 else { continue }
      switch field.value {
      case 1: kind = .normal
      case 2: kind = .unknown
      case 3: kind = .control
      case 4: kind = .userDefined
      case 5: kind = .unused
      case 6: kind = .byte
      case let type: throw .malformed("piece type \(type)")
      }
    }
    kinds.append(kind)
    scores.append(score)
  }

  private mutating func readTrainer(_ field: WireReader.Field, _ bytes: UnsafeBufferPointer<UInt8>) throws(Problem) {
    var reader = WireReader(bytes, field.contents)
    while let field = try reader.next() {
      switch field.number {
      case 3: modelType = ModelType(rawValue: field.value)
      case 24: treatsWhitespaceAsSuffix = field.value != 0
      case 35: hasByteFallback = field.value != 0
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ field: WireReader.Field, _ bytes: UnsafeBufferPointer<UInt8>) throws(Problem) {
    var reader = WireReader(bytes, field.contents)
    while let field = try reader.next() {
      switch field.number {
      case 2: hasCharacterMap = !field.contents.isEmpty
      case 3: addsDummyPrefix = field.value != 0
      case 4: removesExtraWhitespace = field.value != 0
      case 5: escapesWhitespace = field.value != 0
      default: break
      }
    }
  }
}

/// The fields of one protocol-buffers message.
private struct WireReader {
  struct Field {
    let number: UInt64
    /// Of a varint; 0 for other types.
    var value: UInt64 = 0
    /// Of a length-delimited field or one of 32 bits; empty for other types.
    var contents = 0..<0
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  private var offset: Int
  private let end: Int

  init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
    self.bytes = bytes
    offset = range.lowerBound
    end = range.upperBound
  }

  mutating func next() throws(SentencePieceModelFile.Problem) -> Field? {
    guard offset < end else { return nil }
    let tag = try varint()
    var field = Field(number: tag >> 3)
    switch tag & 7 {
    case 0: field.value = try varint()
    case 1: _ = try pass(8)
    case 2:
      let length = try varint()
      guard length <= UInt64(end - offset) else { throw .cutShort }
      field.contents = try pass(Int(length))
    case 5: field.contents = try pass(4)
    default: throw .malformed("unknown wire type \(tag & 7) at byte \(offset)")
    }
    return field
  }

  private mutating func pass(_ count: Int) throws(SentencePieceModelFile.Problem) -> Range<Int> {
    guard count <= end - offset else { throw .cutShort }
    defer { offset += count }
    return offset..<offset + count
  }

  private mutating func varint() throws(SentencePieceModelFile.Problem) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard offset < end else { throw .cutShort }
      let byte = bytes[offset]
      offset += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw .malformed("a number of more than 64 bits at byte \(offset)")
  }
}
