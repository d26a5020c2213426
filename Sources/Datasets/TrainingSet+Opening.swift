import Synchronization
import Tokenizers

/// Opens data files one after another, each template bound once.
struct FileList {
  private(set) var files: [RowEncoder.File] = []
  /// Of each file's bytes.
  private(set) var fingerprints: [String] = []
  private(set) var rowCount = 0
  /// What tells how much the rows of all files would take in memory: bytes of the files, and of text those of its tokens.
  private(set) var byteCount = 0
  private(set) var texts: TextFiles

  private let options: DataOptions
  private let vocabularySize: Int?
  private let tokenizer: (any Tokenizer)?
  private let limits: ReadingLimits
  private var encoders: [String: PromptEncoder] = [:]

  init(
    _ options: DataOptions, _ tokenizer: (any Tokenizer)?, _ vocabularySize: Int?, _ cache: TokenCache?, _ limits: ReadingLimits
  ) throws {
    guard !options.train.isEmpty else { throw DataError.nothingToTrain(reason: "data.train names no file.") }
    self.options = options
    self.tokenizer = tokenizer
    self.vocabularySize = vocabularySize
    self.limits = limits
    texts = TextFiles(cache, vocabularySize, limits)
  }

  mutating func append(_ source: DataOptions.Source) throws {
    let file = try DataFile(path: source.path)
    // Before anything is read of it: tokens of text are looked for by it.
    let fingerprint = try file.fingerprint()
    let (contents, hashes) = try contents(file, fingerprint, source)
    fingerprints.append(fingerprint)
    files.append(RowEncoder.File(contents: contents, start: rowCount, hashes: hashes))
    rowCount += files[files.count - 1].count
    guard rowCount <= Int32.max else { throw DataError.notRows(path: source.path, reason: "there are more than \(Int32.max) rows.") }
  }

  private mutating func contents(
    _ file: DataFile, _ fingerprint: String, _ source: DataOptions.Source
  ) throws -> (RowEncoder.File.Contents, hashes: [Int]) {
    let isPlain = try PlainText.isPlain(file, source.format)
    if try isPlain || RowFile.format(of: file, source.format, limits: limits) == .text {
      guard let tokenizer else { throw DataError.noTokenizer(path: source.path) }
      let documents = try texts.open(file, fingerprint: fingerprint, isPlain: isPlain, tokenizer)
      byteCount += 4 * documents.tokens.count
      let blocks = TextBlocks(documents, path: file.path, tokenizer: tokenizer, blockLength: options.maximumLength)
      return (.blocks(blocks), isPlain ? [fingerprint.hashValue] : documents.hashes)
    }
    let rows = try RowFile(file, format: source.format, vocabularySize: vocabularySize, limits: limits)
    byteCount += file.byteCount
    if rows.format == .tokens { return (.rows(rows, nil), rows.hashes) }
    guard let tokenizer else { throw DataError.noTokenizer(path: source.path) }
    let encoder = try encoders[source.template] ?? PromptEncoder(PromptTemplate.open(source.template), tokenizer)
    encoders[source.template] = encoder
    try check(rows, encoder.template)
    return (.rows(rows, encoder), rows.hashes)
  }

  /// Whether a template can write the conversations of a file.
  private func check(_ rows: RowFile, _ template: PromptTemplate) throws {
    if let row = rows.firstRowWithSystem, !template.hasPlaceForSystem {
      throw DataError.badRow(
        path: rows.path, row: row,
        problem: "has a system text, but template '\(template.name)' has no place for one ('chat.with_system', or {system} in "
          + "'prompt_no_input').")
    }
    if let row = rows.firstRowWithTurns, template.chat == nil {
      throw DataError.badRow(
        path: rows.path, row: row,
        problem: "has several turns, but template '\(template.name)' has no 'chat' that says how a turn follows an answer.")
    }
  }
}

/// Which files are text as it stands.
enum PlainText {
  private static let jsonNames = [".json", ".jsonl", ".ndjson"]
  private static let textNames = [".txt", ".md", ".text"]

  /// By its name; where that leaves it open, by whether it begins like JSON.
  static func isPlain(_ file: DataFile, _ format: DataOptions.Format) throws -> Bool {
    let name = file.path.lowercased()
    let isNamedText = textNames.contains { name.hasSuffix($0) }
    switch format {
    case .alpaca, .chat, .tokens: return false
    case .auto: return try isNamedText && !beginsLikeJSON(file)
    case .text:
      if jsonNames.contains(where: { name.hasSuffix($0) }) { return false }
      return try isNamedText || !beginsLikeJSON(file)
    }
  }

  private static func beginsLikeJSON(_ file: DataFile) throws -> Bool {
    var pieces = JSONPieces(file, pieceSize: 4096)
    try pieces.skipByteOrderMark()
    let byte = try pieces.peek().byte
    return byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
  }
}

/// What becomes of rows that are too long.
struct RowSelection {
  let options: DataOptions
  let maximumPositions: Int?

  /// Whether every row must be encoded before it is known which are kept.
  var encodesAll: Bool { options.tooLong != .truncate || maximumPositions.map { options.maximumLength > $0 } ?? false }

  /// The rows of `indices` that are trained on.
  ///
  /// - Throws: `DataError.tooLong`, `DataError.beyondPositions`.
  func kept(_ indices: [Int32], _ rows: EncodedRows) throws -> [Int32] {
    guard encodesAll else { return indices }
    var kept: [Int32] = []
    var tooLong: (index: Int32, tokenCount: Int, others: Int)?
    try rows.encodeAll(indices) { index, encoded in
      // A block of text is never too long, and its documents count their positions apart.
      let count = encoded.sequences.reduce(0) { max($0, $1.ids.count) }
      if options.tooLong != .truncate, count > options.maximumLength {
        if options.tooLong == .error {
          tooLong = (tooLong?.index ?? index, tooLong?.tokenCount ?? count, tooLong.map { $0.others + 1 } ?? 0)
        }
        return false
      }
      if let maximumPositions, count > maximumPositions {
        let origin = rows.encoder.origin(Int(index))
        throw DataError.beyondPositions(
          path: rows.encoder.files[origin.source].path, row: origin.row, tokenCount: count, positions: maximumPositions)
      }
      kept.append(index)
      return true
    }
    if let tooLong {
      let origin = rows.encoder.origin(Int(tooLong.index))
      throw DataError.tooLong(
        path: rows.encoder.files[origin.source].path, row: origin.row, tokenCount: tooLong.tokenCount,
        limit: options.maximumLength, others: tooLong.others)
    }
    return kept
  }
}

/// The orders of the last two epochs asked for: making one shuffles all rows, and one may be read ahead while another is trained on.
final class OrderMemory: Sendable {
  private let order: EpochOrder
  private let latest = Mutex<[(epoch: Int, rows: [Int32])]>([])

  init(_ order: EpochOrder) { self.order = order }

  func rows(epoch: Int) -> [Int32] {
    latest.withLock { latest in
      if let known = latest.first(where: { $0.epoch == epoch }) { return known.rows }
      let rows = order.rows(epoch: epoch)
      latest = latest.suffix(1) + [(epoch, rows)]
      return rows
    }
  }
}
