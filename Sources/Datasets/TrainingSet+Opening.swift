import Synchronization
import Tokenizers

/// Opens data files one after another, each template bound once.
struct FileList {
  private(set) var files: [RowEncoder.File] = []
  private(set) var rowCount = 0

  private let vocabularySize: Int?
  private let tokenizer: (any Tokenizer)?
  private var encoders: [String: PromptEncoder] = [:]

  init(_ options: DataOptions, _ tokenizer: (any Tokenizer)?, _ vocabularySize: Int?) throws {
    guard !options.train.isEmpty else { throw DataError.nothingToTrain(reason: "data.train names no file.") }
    self.tokenizer = tokenizer
    self.vocabularySize = vocabularySize
  }

  mutating func append(_ source: DataOptions.Source) throws {
    let rows = try RowFile(path: source.path, format: source.format, vocabularySize: vocabularySize)
    var encoder: PromptEncoder?
    if case .texts = rows.rows {
      guard let tokenizer else { throw DataError.noTokenizer(path: source.path) }
      encoder = try encoders[source.template] ?? PromptEncoder(PromptTemplate.open(source.template), tokenizer)
      encoders[source.template] = encoder
    }
    files.append(RowEncoder.File(rows: rows, encoder: encoder, start: rowCount))
    rowCount += rows.count
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
  func kept(_ indices: [Int], _ rows: EncodedRows) throws -> [Int] {
    guard encodesAll else { return indices }
    var kept: [Int] = []
    var tooLong: (index: Int, tokenCount: Int, others: Int)?
    try rows.encodeAll(indices) { index, encoded in
      let count = encoded.sequence.ids.count
      if options.tooLong != .truncate, count > options.maximumLength {
        if options.tooLong == .error {
          tooLong = (tooLong?.index ?? index, tooLong?.tokenCount ?? count, tooLong.map { $0.others + 1 } ?? 0)
        }
        return false
      }
      if let maximumPositions, count > maximumPositions {
        let origin = rows.encoder.origin(index)
        throw DataError.beyondPositions(
          path: rows.encoder.files[origin.source].rows.path, row: origin.row, tokenCount: count, positions: maximumPositions)
      }
      kept.append(index)
      return true
    }
    if let tooLong {
      let origin = rows.encoder.origin(tooLong.index)
      throw DataError.tooLong(
        path: rows.encoder.files[origin.source].rows.path, row: origin.row, tokenCount: tooLong.tokenCount,
        limit: options.maximumLength, others: tooLong.others)
    }
    return kept
  }
}

/// The order of the epoch at hand: making it for every step would shuffle all rows each time.
final class OrderMemory: Sendable {
  private let latest = Mutex<(epoch: Int, rows: [Int])?>(nil)

  func rows(_ order: EpochOrder, epoch: Int) -> [Int] {
    latest.withLock { latest in
      if let latest, latest.epoch == epoch { return latest.rows }
      let rows = order.rows(epoch: epoch)
      latest = (epoch, rows)
      return rows
    }
  }
}
