import Checkpoints
import JSON
import Tensors
import Tokenizers

/// A text on which vocabularies are measured.
public struct SampleText: Sendable {
  public let path: String
  public let characterCount: Int
  public var byteCount: Int { bytes.count }
  private let bytes: [UInt8]

  /// - Throws: `CheckpointError` for a file that cannot be read, `VocabularyError.invalidUTF8`.
  public init(path: String) throws {
    try self.init(bytes: MappedFile.open(path).withUnsafeBytes { Array($0) }, path: path)
  }

  /// - Throws: `VocabularyError.invalidUTF8`.
  public init(bytes: [UInt8], path: String) throws {
    try bytes.withUnsafeBufferPointer { try checkUTF8($0, path) }
    self.path = path
    self.bytes = bytes
    characterCount = bytes.count { $0 & 0xC0 != 0x80 }
  }

  /// What a tokenizer makes of the text.
  public struct Measure: Sendable, Equatable {
    public let tokenCount: Int
    /// Tokens that stand for something the vocabulary cannot spell.
    public let unknownCount: Int
    /// Nil where decoding gives the text back.
    public let difference: Difference?

    package init(tokenCount: Int, unknownCount: Int, difference: Difference?) {
      self.tokenCount = tokenCount
      self.unknownCount = unknownCount
      self.difference = difference
    }
  }

  /// The first place where decoding gives another text.
  public struct Difference: Sendable, Equatable {
    /// From 1, the column in characters.
    public let line: Int
    public let column: Int
    public let expected: String
    public let found: String

    package init(line: Int, column: Int, expected: String, found: String) {
      self.line = line
      self.column = column
      self.expected = expected
      self.found = found
    }
  }

  public func measure(_ tokenizer: SentencePieceTokenizer) throws -> Measure {
    let ids = try tokenizer.encode(utf8: bytes)
    let decoded = Array(try tokenizer.decode(ids).utf8)
    return Measure(
      tokenCount: ids.count, unknownCount: ids.count { $0 == tokenizer.unknown }, difference: decoded == bytes ? nil : difference(decoded))
  }

  private func difference(_ decoded: [UInt8]) -> Difference {
    var index = zip(bytes, decoded).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(bytes.count, decoded.count)
    // The character's first byte.
    while index > 0, index < bytes.count, bytes[index] & 0xC0 == 0x80 { index -= 1 }
    let before = bytes[..<index]
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return Difference(
      line: before.count { $0 == UInt8(ascii: "\n") } + 1, column: bytes[lineStart..<index].count { $0 & 0xC0 != 0x80 } + 1,
      expected: excerpt(bytes, index), found: excerpt(decoded, index))
  }

  private func excerpt(_ bytes: [UInt8], _ start: Int) -> String {
    String(String(decoding: bytes[min(start, bytes.count)...].prefix(80), as: UTF8.self).unicodeScalars.prefix(16).map(Character.init))
  }
}

/// - Throws: `VocabularyError.invalidUTF8` with line and byte.
func checkUTF8(_ bytes: UnsafeBufferPointer<UInt8>, _ path: String) throws {
  guard let offset = UTF8Validity.firstInvalidOffset(in: bytes) else { return }
  let line = bytes[..<offset].count { $0 == UInt8(ascii: "\n") } + 1
  // A first byte announces as many as follow it; at the end some may be missing.
  let rest = bytes[offset...]
  let announced = [0xC2...0xDF, 0xE0...0xEF, 0xF0...0xF4].firstIndex { $0.contains(rest.first ?? 0) }.map { $0 + 2 } ?? 0
  let isCutShort = rest.count < announced && rest.dropFirst().allSatisfy { $0 & 0xC0 == 0x80 }
  throw VocabularyError.invalidUTF8(path: path, line: line, offset: offset, isCutShort: isCutShort)
}
