import Foundation
import JSON
import Tokenizers

/// One file of a `TokenCache`.
///
/// 4,096 bytes of header, a JSON object in one line filled up with spaces: the key, the counts, and a checksum over the counts and all that
/// follows. Behind it, in little-endian numbers without gaps: the tokens (4 bytes each), where documents end (8), hashes of rows (8), and
/// the facts of reading as JSON.
struct TokenCacheEntry {
  enum Problem: Error, Equatable, CustomStringConvertible {
    case notOurs
    case otherKey
    case cut(byteCount: Int, expected: Int?)
    case damaged
    /// Tokens that the model does not have.
    case otherVocabulary

    var description: String {
      switch self {
      case .notOurs: "it is no file of cached tokens"
      case .otherKey: "it holds the tokens of something else"
      case .cut(let byteCount, let expected):
        "it has \(byteCount) bytes" + (expected.map { "; its header says \($0)" } ?? ", fewer than a header")
      case .damaged: "it is damaged: its checksum is another one"
      case .otherVocabulary: "it has tokens that the model does not have"
      }
    }
  }

  private struct Counts {
    var tokens: Int
    var ends: Int
    var hashes: Int
    /// Bytes.
    var facts: Int

    var byteCount: Int { TokenCacheEntry.headerByteCount + 4 * tokens + 8 * ends + 8 * hashes + facts }
    var endsOffset: Int { TokenCacheEntry.headerByteCount + 4 * tokens }

    /// Nil for counts that no file of this length has.
    init?(_ header: JSONValue, fileByteCount: Int) {
      func count(_ name: String) -> Int? { header[name]?.integer.flatMap { $0 >= 0 && $0 <= fileByteCount ? $0 : nil } }
      guard let tokens = count("tokens"), let ends = count("ends"), let hashes = count("hashes"), let facts = count("facts") else {
        return nil
      }
      (self.tokens, self.ends, self.hashes, self.facts) = (tokens, ends, hashes, facts)
    }

    init(_ documents: EncodedDocuments, facts: Int) {
      (tokens, ends, hashes, self.facts) = (documents.tokens.count, documents.ends.count, documents.hashes.count, facts)
    }

    var members: [String: JSONValue] {
      ["tokens": .integer(tokens), "ends": .integer(ends), "hashes": .integer(hashes), "facts": .integer(facts)]
    }

    /// Begins a checksum.
    var hash: ContentHash {
      var hash = ContentHash()
      for count in [tokens, ends, hashes, facts] { hash.update(count) }
      return hash
    }
  }

  static let headerByteCount = 4096
  /// Read and written at a time; whole blocks of the checksum and whole numbers.
  private static let pieceByteCount = 4 << 20

  private let file: OpenFile
  private let path: String

  init(_ file: OpenFile, _ path: String) {
    self.file = file
    self.path = path
  }

  /// About what an entry will take.
  static func byteCount(of documents: EncodedDocuments) -> Int { Counts(documents, facts: 1 << 10).byteCount }

  // MARK: - Reading

  /// What the file holds, if it is whole and of this key.
  ///
  /// - Throws: `Problem`, `SystemError`.
  func documents(_ key: TokenCache.Key, of text: String, vocabularySize: Int) throws -> EncodedDocuments {
    var status = stat()
    guard fstat(file.descriptor, &status) == 0 else { throw SystemError(code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw Problem.notOurs }
    let byteCount = Int(status.st_size)
    guard byteCount >= TokenCacheEntry.headerByteCount else { throw Problem.cut(byteCount: byteCount, expected: nil) }
    guard let header = try? JSONValue(parsing: try file.numbers(TokenCacheEntry.headerByteCount, at: 0) as [UInt8]),
      header["puna_tokens"] != nil, let counts = Counts(header, fileByteCount: byteCount)
    else { throw Problem.notOurs }
    guard key.members.allSatisfy({ header[$0.key] == $0.value }) else { throw Problem.otherKey }
    guard counts.byteCount == byteCount else { throw Problem.cut(byteCount: byteCount, expected: counts.byteCount) }
    let largest = try verify(counts, header["checksum"]?.string)
    guard largest < vocabularySize else { throw Problem.otherVocabulary }
    let ends: [Int] = try file.numbers(counts.ends, at: counts.endsOffset)
    let hashes: [Int] = try file.numbers(counts.hashes, at: counts.endsOffset + 8 * counts.ends)
    let facts: [UInt8] = try file.numbers(counts.facts, at: byteCount - counts.facts)
    // Written by us, whatever the checksum says: no place may lie outside the tokens.
    guard counts.tokens > 0, ends.last == counts.tokens, ends[0] > 0, zip(ends, ends.dropFirst()).allSatisfy({ $0 < $1 }),
      let facts = try? JSONDecoder().decode(DataFacts.self, from: Data(facts))
    else { throw Problem.damaged }
    return EncodedDocuments(
      tokens: TokenStore(path: text, count: counts.tokens, in: file, named: path, offset: TokenCacheEntry.headerByteCount), ends: ends,
      hashes: hashes, facts: facts)
  }

  /// Reads everything behind the header.
  ///
  /// - Returns: the largest id, as a number without sign.
  /// - Throws: `Problem.damaged`, `SystemError`.
  private func verify(_ counts: Counts, _ checksum: String?) throws -> Int {
    var hash = counts.hash
    var largest: UInt32 = 0
    var piece = [UInt8](repeating: 0, count: TokenCacheEntry.pieceByteCount)
    var offset = TokenCacheEntry.headerByteCount
    while offset < counts.byteCount {
      let count = min(piece.count, counts.byteCount - offset)
      try piece.withUnsafeMutableBytes { piece in
        let bytes = UnsafeMutableRawBufferPointer(rebasing: piece[..<count])
        try file.read(into: bytes, at: offset)
        hash.update(UnsafeRawBufferPointer(bytes))
        let tokenBytes = max(0, min(count, counts.endsOffset - offset))
        for id in bytes[..<tokenBytes].bindMemory(to: UInt32.self) { largest = max(largest, id) }
      }
      offset += count
    }
    guard hash.text == checksum else { throw Problem.damaged }
    return Int(largest)
  }

  // MARK: - Writing

  /// - Throws: `SystemError`, and what reading tokens throws.
  func write(_ documents: EncodedDocuments, _ key: TokenCache.Key) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let facts = [UInt8](try encoder.encode(documents.facts))
    let counts = Counts(documents, facts: facts.count)
    var body = PieceWriter(file, offset: TokenCacheEntry.headerByteCount, hash: counts.hash)
    let step = TokenCacheEntry.pieceByteCount / 4
    for start in stride(from: 0, to: documents.tokens.count, by: step) {
      try documents.tokens.ids(start..<min(start + step, documents.tokens.count)).withUnsafeBytes { try body.append($0) }
    }
    try documents.ends.withUnsafeBytes { try body.append($0) }
    try documents.hashes.withUnsafeBytes { try body.append($0) }
    try facts.withUnsafeBytes { try body.append($0) }
    try body.flush()
    let members = key.members.merging(counts.members) { $1 }.merging(["checksum": .string(body.hash.text)]) { $1 }
    var header = Array(JSONValue.object(members).line.utf8)
    precondition(header.count < TokenCacheEntry.headerByteCount, "a header has a fixed length")
    header += [UInt8](repeating: UInt8(ascii: " "), count: TokenCacheEntry.headerByteCount - 1 - header.count) + [UInt8(ascii: "\n")]
    try header.withUnsafeBytes { try file.write($0, at: 0) }
  }

  /// Writes pieces of the length in which the checksum is taken when reading.
  private struct PieceWriter {
    private(set) var hash: ContentHash
    private let file: OpenFile
    private var offset: Int
    private var waiting: [UInt8] = []

    init(_ file: OpenFile, offset: Int, hash: ContentHash) {
      self.file = file
      self.offset = offset
      self.hash = hash
      waiting.reserveCapacity(TokenCacheEntry.pieceByteCount)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
      var rest = bytes[...]
      while !rest.isEmpty {
        let part = rest.prefix(TokenCacheEntry.pieceByteCount - waiting.count)
        waiting.append(contentsOf: part)
        rest = rest.dropFirst(part.count)
        if waiting.count == TokenCacheEntry.pieceByteCount { try flush() }
      }
    }

    mutating func flush() throws {
      try waiting.withUnsafeBytes { try file.write($0, at: offset) }
      hash.update(waiting)
      offset += waiting.count
      waiting.removeAll(keepingCapacity: true)
    }
  }
}
