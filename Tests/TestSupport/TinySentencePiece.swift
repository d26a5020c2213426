/// Makes SentencePiece models of a few hundred pieces, byte by byte: `<unk>`, `<s>`, `</s>`, 256 bytes, then pieces whose scores fall in
/// the order given. The format is protocol buffers' wire format.
public struct TinySentencePiece {
  public enum Kind: UInt8 {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  public var pieces: [(text: String, kind: Kind)] = []
  /// 1 unigram, 2 byte pairs.
  public var modelType: UInt8 = 2
  public var hasByteFallback = true
  public var addsDummyPrefix = true
  public var removesExtraWhitespace = false
  /// Of single pieces, instead of the ones that fall in order.
  public var scores: [String: Float] = [:]

  /// Byte-pair merges for a few English words, and the characters they are made of.
  public static let english = [
    "▁t", "he", "▁a", "in", "re", "on", "▁the", "er", "▁s", "at", "nd", "▁and", "▁▁", "▁▁▁▁", "or", "en", "es", "ing", "▁res", "po",
    "▁respo",
    "se", "▁in", "st", "ion", "ru", "ct", "##", "###", "▁###", "it",
  ]

  public init(merges: [String] = english, controls: [String] = [], userDefined: [String] = []) {
    pieces = [("<unk>", .unknown), ("<s>", .control), ("</s>", .control)]
    pieces += controls.map { ($0, .control) }
    pieces += (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return ("<0x" + (byte < 16 ? "0" : "") + digits + ">", .byte)
    }
    pieces += userDefined.map { ($0, .userDefined) }
    pieces += merges.map { ($0, .normal) }
    let letters = "▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"#()<>/|é"
    pieces += letters.map { (String($0), .normal) }
  }

  /// The bytes of the `.model` file.
  public var bytes: [UInt8] {
    var model: [UInt8] = []
    for (index, piece) in pieces.enumerated() {
      let score = scores[piece.text] ?? (piece.kind == .normal ? -Float(index) : 0)
      var message = TinySentencePiece.field(1, Array(piece.text.utf8))
      message.append(2 << 3 | 5)
      message += withUnsafeBytes(of: score.bitPattern.littleEndian) { Array($0) }
      message += TinySentencePiece.field(3, piece.kind.rawValue)
      model += TinySentencePiece.field(1, message)
    }
    let trainer = TinySentencePiece.field(3, modelType) + TinySentencePiece.field(35, hasByteFallback ? 1 : 0)
    let normalizer =
      TinySentencePiece.field(1, Array("identity".utf8)) + TinySentencePiece.field(3, addsDummyPrefix ? 1 : 0)
      + TinySentencePiece.field(4, removesExtraWhitespace ? 1 : 0) + TinySentencePiece.field(5, 1)
    return model + TinySentencePiece.field(2, trainer) + TinySentencePiece.field(3, normalizer)
  }

  public func id(_ text: String) -> Int32 { Int32(pieces.firstIndex { $0.text == text } ?? -1) }

  private static func field(_ number: UInt64, _ contents: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(UInt64(contents.count)) + contents
  }

  private static func field(_ number: UInt64, _ value: UInt8) -> [UInt8] { varint(number << 3) + varint(UInt64(value)) }

  private static func varint(_ value: UInt64) -> [UInt8] {
    var value = value
    var bytes: [UInt8] = []
    while value >= 0x80 {
      bytes.append(UInt8(value & 0x7F | 0x80))
      value >>= 7
    }
    return bytes + [UInt8(value)]
  }
}
