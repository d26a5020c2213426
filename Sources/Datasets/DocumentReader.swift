import Tokenizers

/// Reads documents piece by piece and encodes them on all cores.
struct DocumentReader {
  enum Source {
    /// Rows of JSON with a text each.
    case rows(RowFile)
    /// A file that is one document.
    case plain(DataFile)

    var path: String {
      switch self {
      case .rows(let rows): rows.path
      case .plain(let file): file.path
      }
    }
  }

  /// A document, or a part of one.
  private struct Part: Sendable {
    let text: [UInt8]
    /// From 1.
    let document: Int
    /// Byte of a plain file.
    let offset: Int
    let continues: Bool
    let ends: Bool
  }

  private(set) var facts = DataFacts()
  private let source: Source
  private let tokenizer: any Tokenizer
  private let end: Int32
  private let vocabularySize: Int?
  private let limits: ReadingLimits
  private var ends: [Int] = []
  /// Read, and not encoded yet.
  private var waiting: [Part] = []
  private var waitingByteCount = 0

  /// - Throws: `TokenizerError.missingSpecialToken`.
  init(_ source: Source, _ tokenizer: any Tokenizer, _ vocabularySize: Int?, _ limits: ReadingLimits) throws {
    guard let end = tokenizer.endOfSequence else {
      throw TokenizerError.missingSpecialToken(piece: "end of sequence", neededBy: "Training on text")
    }
    self.source = source
    self.tokenizer = tokenizer
    self.end = end
    self.vocabularySize = vocabularySize
    self.limits = limits
  }

  /// Writes the tokens of all documents.
  ///
  /// - Returns: where each document ends.
  mutating func read(into writer: inout TokenWriter) throws -> [Int] {
    switch source {
    case .rows(let rows): try read(rows, into: &writer)
    case .plain(let file): try read(file, into: &writer)
    }
    try encode(into: &writer)
    return ends
  }

  // MARK: - Rows

  private mutating func read(_ rows: RowFile, into writer: inout TokenWriter) throws {
    facts = rows.facts
    var first = 0
    while first < rows.count {
      // Many rows at once: one reading each would cost more than the row.
      var last = first
      while last + 1 < rows.count, rows.bytes(last + 1).upperBound - rows.bytes(first).lowerBound <= limits.pieceSize { last += 1 }
      let start = rows.bytes(first).lowerBound
      let bytes = try rows.file.bytes(start..<rows.bytes(last).upperBound)
      for row in first...last {
        let range = rows.bytes(row)
        let content = try rows.content(row, in: bytes[range.lowerBound - start..<range.upperBound - start])
        guard case .document(let text) = content else { preconditionFailure("rows of text") }
        try add(Part(text: text, document: row + 1, offset: 0, continues: false, ends: true), into: &writer)
      }
      first = last + 1
    }
  }

  // MARK: - A plain file

  private mutating func read(_ file: DataFile, into writer: inout TokenWriter) throws {
    let cutter = tokenizer as? any PartwiseTokenizer
    // Where the tokenizer knows no safe cuts the document is encoded as a whole.
    let partSize = cutter == nil ? file.byteCount : max(1, limits.pieceSize / 16)
    var rest: [UInt8] = []
    var (offset, place, searched) = (0, 0, 0)
    var continues = false
    func part(_ text: [UInt8], ends: Bool) -> Part {
      Part(text: text, document: 1, offset: offset, continues: continues, ends: ends)
    }
    while place < file.byteCount {
      // At least a byte order mark.
      let end = min(file.byteCount, place + (cutter == nil ? file.byteCount : max(limits.pieceSize, 3)))
      try file.append(place..<end, to: &rest)
      if place == 0, rest.starts(with: [0xEF, 0xBB, 0xBF]) {
        rest.removeFirst(3)
        offset = 3
      }
      place = end
      var start = 0
      while let cut = cutter?.cut(in: rest, from: max(start + partSize, searched)) {
        try add(part(Array(rest[start..<cut]), ends: false), into: &writer)
        offset += cut - start
        (start, continues) = (cut, true)
      }
      rest.removeFirst(start)
      searched = max(0, rest.count - 1)
    }
    facts.documents = 1
    try add(part(rest, ends: true), into: &writer)
  }

  // MARK: - Encoding

  private mutating func add(_ part: Part, into writer: inout TokenWriter) throws {
    if part.ends, !part.continues {
      facts.documents = part.document
      if part.text.isEmpty {
        facts.emptyDocuments += 1
        return
      }
    }
    waiting.append(part)
    waitingByteCount += part.text.count
    if waitingByteCount >= limits.pieceSize { try encode(into: &writer) }
  }

  private mutating func encode(into writer: inout TokenWriter) throws {
    let (parts, tokenizer) = (waiting, tokenizer)
    waiting = []
    waitingByteCount = 0
    let results = inParallel(parts.count, by: 1 + parts.count / 64) { index in
      let part = parts[index]
      return Result {
        guard part.continues, let partwise = tokenizer as? any PartwiseTokenizer else { return try tokenizer.encode(utf8: part.text) }
        return try partwise.encodeContinuation(utf8: part.text)
      }
    }
    for (part, result) in zip(parts, results) {
      var ids: [Int32] = []
      if !part.continues, tokenizer.addsBeginOfSequence, let begin = tokenizer.beginOfSequence { ids.append(begin) }
      do {
        ids += try result.get()
      } catch TokenizerError.invalidUTF8(let offset) {
        throw DataError.notText(path: source.path, offset: part.offset + offset)
      } catch {
        throw DataError.badRow(path: source.path, row: part.document, problem: "cannot be encoded: \(error)")
      }
      if part.ends { ids.append(end) }
      if let vocabularySize, let id = ids.first(where: { $0 >= vocabularySize }) {
        throw DataError.outsideVocabulary(path: source.path, row: part.document, id: id, vocabularySize: vocabularySize)
      }
      try writer.append(ids)
      if part.ends { ends.append(writer.count) }
    }
  }
}
