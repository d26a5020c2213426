import Tensors
import Tokenizers

/// The data of a run: which rows are learnt in which step, and which are held out.
///
/// Opening it reads and checks every row. With `too_long: truncate` rows become tokens in the background while training has begun; with
/// `drop` and `error`, and where a row might be longer than the model's positions, all of them before.
public final class TrainingSet: Sendable {
  public let options: DataOptions
  public let batchSize: Int
  /// Paths by `MaskedSequence.Origin.source`.
  public let paths: [String]
  /// Rows that an epoch visits, copies included.
  public let rowsPerEpoch: Int
  public let stepsPerEpoch: Int
  public let validationRowCount: Int
  /// The templates in use, by source; nil for token rows.
  public let templates: [PromptTemplate?]

  let rows: EncodedRows
  private let order: EpochOrder
  /// Indices over all files.
  private let validation: [Int]
  private let heldOut: EncodedRows
  private let readFacts: DataFacts
  private let orders = OrderMemory()

  /// Reads the files of `options`.
  ///
  /// - Parameters:
  ///   - seed: of the run; decides about validation rows, drawn fractions and order.
  ///   - tokenizer: needed for rows of text only.
  ///   - vocabularySize: rows of the model's embedding; ids must lie below it.
  ///   - maximumPositions: of the model; a longer row is an error.
  /// - Throws: `DataError`, `TokenizerError` for templates.
  public init(
    _ options: DataOptions, batchSize: Int, seed: UInt64, tokenizer: (any Tokenizer)?, vocabularySize: Int? = nil,
    maximumPositions: Int? = nil
  ) throws {
    precondition(batchSize > 0, "a step needs rows")
    self.options = options
    self.batchSize = batchSize

    var files = try FileList(options, tokenizer, vocabularySize)
    for source in options.train { try files.append(source) }
    let trainingFileCount = files.files.count
    let trainingRowCount = files.rowCount
    if case .path(let path) = options.validation {
      try files.append(DataOptions.Source(path: path, format: options.format, template: options.template))
    }
    paths = files.files.map(\.rows.path)
    templates = files.files.map { $0.encoder?.template }
    readFacts = files.files[..<trainingFileCount].reduce(DataFacts()) { $0 + $1.rows.facts }
    let encoder = RowEncoder(
      files: files.files, maximumLength: options.tooLong == .truncate ? options.maximumLength : Int.max,
      trainsOnPrompt: options.trainOnPrompt, vocabularySize: vocabularySize)

    let validationCount = try TrainingSet.validationCount(options.validation, of: trainingRowCount)
    var validation = EpochOrder.sample(validationCount, of: trainingRowCount, seed: seed, stream: RandomStream.validationSplit)
    let isHeldOut = Set(validation)
    if case .path = options.validation { validation = Array(trainingRowCount..<files.rowCount) }

    rows = EncodedRows(encoder, count: files.rowCount)
    heldOut = EncodedRows(encoder, count: files.rowCount)
    let selection = RowSelection(options: options, maximumPositions: maximumPositions)
    var sources: [EpochOrder.Source] = []
    for (source, file) in zip(options.train, files.files) {
      let all = (file.start..<file.start + file.rows.count).filter { !isHeldOut.contains($0) }
      sources.append(EpochOrder.Source(rows: try selection.kept(all, rows), weight: source.weight))
    }
    self.validation = try selection.kept(validation, heldOut)
    validationRowCount = self.validation.count
    order = EpochOrder(sources: sources, seed: seed, shuffles: options.shuffle)
    rowsPerEpoch = order.countPerEpoch
    stepsPerEpoch = (rowsPerEpoch + batchSize - 1) / batchSize
    guard rowsPerEpoch > 0 else {
      let dropped = rows.facts.droppedRows
      throw DataError.nothingToTrain(
        reason: "\(paths[0]): no row is left to train on."
          + (dropped == 0 ? "" : " \(dropped) row\(dropped == 1 ? " is" : "s are") longer than data.max_length and were dropped."))
    }
    if !selection.encodesAll { rows.encodeInBackground(orders.rows(order, epoch: 0)) }
  }

  deinit { rows.cancel() }

  private static func validationCount(_ validation: DataOptions.Validation, of rowCount: Int) throws -> Int {
    let count: Int
    switch validation {
    case .none, .path: return 0
    // A fraction of anything is at least one row.
    case .fraction(let fraction): count = max(1, Int((fraction * Double(rowCount)).rounded()))
    case .count(let wanted): count = wanted
    }
    guard count < rowCount else {
      throw DataError.nothingToTrain(
        reason: "data.validation takes \(count) row\(count == 1 ? "" : "s"), but there are only \(rowCount): none is left to train on.")
    }
    return count
  }

  // MARK: - What the trainer asks for

  /// The rows of a step, in order; the last step of an epoch may have fewer than `batchSize`.
  ///
  /// - Parameters:
  ///   - epoch: from 0.
  ///   - step: of the epoch, from 0 to `stepsPerEpoch`.
  /// - Throws: `DataError` naming the row.
  public func examples(epoch: Int, step: Int) throws -> [MaskedSequence] {
    precondition(epoch >= 0 && step >= 0 && step < stepsPerEpoch, "no such step")
    let order = orders.rows(order, epoch: epoch)
    return try order[step * batchSize..<min((step + 1) * batchSize, order.count)].map { try rows.sequence($0) }
  }

  /// The rows of a step counted over all epochs, from 0.
  public func examples(step: Int) throws -> [MaskedSequence] {
    try examples(epoch: step / stepsPerEpoch, step: step % stepsPerEpoch)
  }

  /// The rows held out, in the order of their file. Empty without validation data.
  ///
  /// - Throws: `DataError` naming the row.
  public func validationExamples() throws -> [MaskedSequence] { try validation.map { try heldOut.sequence($0) } }

  /// Facts about the training files, and about the training rows encoded so far (`rowsEncoded`).
  public var facts: DataFacts { readFacts + rows.facts }

  /// Facts about validation rows, complete after `validationExamples()`.
  public var validationFacts: DataFacts { heldOut.facts }

  /// Returns when every row of the first epoch is encoded; for those who want complete facts.
  public func waitUntilEncoded() { rows.waitForBackground() }

  /// `datasets/alpaca.json, row 317`.
  public func name(of origin: MaskedSequence.Origin) -> String {
    let path = paths.indices.contains(origin.source) ? paths[origin.source] : "source \(origin.source)"
    return "\(path), row \(origin.row)"
  }
}
