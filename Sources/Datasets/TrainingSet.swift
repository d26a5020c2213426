import Tensors
import Tokenizers

/// The data of a run: which rows are learnt in which step, and which are held out.
///
/// Opening it reads and checks every row. With `too_long: truncate` rows become tokens in the background while training has begun; with
/// `drop` and `error`, and where a row might be longer than the model's positions, all of them before; text always before, since
/// nobody knows its blocks otherwise.
///
/// What is kept of a row is its place in the file, and, where the files have no more than 256 MiB in all, its tokens. Of larger files
/// only some million tokens are encoded ahead; rows cost some thirty bytes each then: place, hash, membership, order. Of text the tokens
/// count, at four bytes each.
public final class TrainingSet: Sendable {
  /// What a training file gives to an epoch.
  public struct Source: Sendable, Equatable {
    public let path: String
    /// Never `auto`.
    public let format: DataOptions.Format
    /// Nil for rows of tokens and for text.
    public let template: String?
    /// Rows of the file; of text, blocks.
    public let rowCount: Int
    /// Without those held out or left out.
    public let trainedRowCount: Int
    /// Copies and drawn fractions included.
    public let rowsPerEpoch: Int
    public let weight: Double
  }

  public let options: DataOptions
  public let batchSize: Int
  /// Paths by `MaskedSequence.Origin.source`.
  public let paths: [String]
  /// Tell whether the files are what they were: of their bytes, in the order of `paths`.
  public let fingerprints: [String]
  /// Rows that an epoch visits, copies included.
  public let rowsPerEpoch: Int
  public let stepsPerEpoch: Int
  public let validationRowCount: Int
  /// What each training file gives.
  public let sources: [Source]
  /// Where the tokens of text came from, by file.
  public let texts: [TextTokens]
  /// What a person should know of the cache of tokens.
  public let cacheNotes: [String]
  /// About what the rows' tokens may take in memory, in bytes: some of it may be taken already.
  public let plannedByteCount: Int
  /// The templates in use, by source; nil for rows of tokens and for text.
  public let templates: [PromptTemplate?]

  let rows: EncodedRows
  private let window: RowWindow?
  private let orders: OrderMemory
  /// Indices over all files.
  let validation: [Int32]
  private let heldOut: EncodedRows
  private let readFacts: DataFacts

  /// Reads the files of `options`.
  ///
  /// - Parameters:
  ///   - seed: of the run; decides about validation rows, drawn fractions and order.
  ///   - tokenizer: needed for rows of text only.
  ///   - vocabularySize: rows of the model's embedding; ids must lie below it.
  ///   - maximumPositions: of the model; a longer row is an error.
  ///   - tokenCache: where tokens of text are kept; nil: nowhere.
  /// - Throws: `DataError`, `TokenizerError` for templates.
  public convenience init(
    _ options: DataOptions, batchSize: Int, seed: UInt64, tokenizer: (any Tokenizer)?, vocabularySize: Int? = nil,
    maximumPositions: Int? = nil, tokenCache: TokenCache? = nil
  ) throws {
    try self.init(
      options, batchSize: batchSize, seed: seed, tokenizer: tokenizer, vocabularySize: vocabularySize, maximumPositions: maximumPositions,
      tokenCache: tokenCache, limits: ReadingLimits())
  }

  package init(
    _ options: DataOptions, batchSize: Int, seed: UInt64, tokenizer: (any Tokenizer)?, vocabularySize: Int? = nil,
    maximumPositions: Int? = nil, tokenCache: TokenCache? = nil, limits: ReadingLimits
  ) throws {
    precondition(batchSize > 0, "a step needs rows")
    self.options = options
    self.batchSize = batchSize

    var files = try FileList(options, tokenizer, vocabularySize, tokenCache, limits)
    for source in options.train { try files.append(source) }
    let trainingFileCount = files.files.count
    let trainingRowCount = files.rowCount
    if case .path(let path) = options.validation {
      try files.append(DataOptions.Source(path: path, format: options.format, template: options.template))
    }
    paths = files.files.map(\.path)
    fingerprints = files.fingerprints
    texts = files.texts.opened
    cacheNotes = files.texts.notes
    templates = files.files.map { $0.encoder?.template }
    readFacts = files.files[..<trainingFileCount].reduce(DataFacts()) { $0 + $1.facts }
    let encoder = RowEncoder(
      files: files.files, maximumLength: options.tooLong == .truncate ? options.maximumLength : Int.max,
      trainsOnPrompt: options.trainOnPrompt, vocabularySize: vocabularySize)

    let validationCount = try TrainingSet.validationCount(options.validation, of: trainingRowCount)
    var validation = EpochOrder.sample(validationCount, of: trainingRowCount, seed: seed, stream: RandomStream.validationSplit)
    let isHeldOut = Set(validation)
    if case .path = options.validation { validation = Array(Int32(trainingRowCount)..<Int32(files.rowCount)) }

    let keeps = files.byteCount <= limits.keptByteCount
    // Texts with their tokens take four or five times what their files do, measured on Alpaca's; ids with their lists some ten bytes.
    plannedByteCount = keeps ? files.byteCount * 9 / 2 : limits.tokensAhead * 10
    rows = EncodedRows(encoder, count: files.rowCount, keeps: keeps)
    heldOut = EncodedRows(encoder, count: files.rowCount, keeps: keeps)
    let selection = RowSelection(options: options, maximumPositions: maximumPositions)
    var sources: [EpochOrder.Source] = []
    for (source, file) in zip(options.train, files.files) {
      let all = (Int32(file.start)..<Int32(file.start + file.count)).filter { !isHeldOut.contains($0) }
      sources.append(EpochOrder.Source(rows: try selection.kept(all, rows), weight: source.weight))
    }
    self.validation = try selection.kept(validation, heldOut)
    validationRowCount = self.validation.count
    let order = EpochOrder(sources: sources, seed: seed, shuffles: options.shuffle)
    let orders = OrderMemory(order)
    self.orders = orders
    rowsPerEpoch = order.countPerEpoch
    stepsPerEpoch = (rowsPerEpoch + batchSize - 1) / batchSize
    self.sources = zip(sources, files.files).map { source, file in
      Source(
        path: file.path, format: file.format, template: file.encoder?.template.name, rowCount: file.count,
        trainedRowCount: source.rows.count, rowsPerEpoch: source.countPerEpoch, weight: source.weight)
    }
    guard rowsPerEpoch > 0 else {
      let dropped = rows.facts.droppedRows
      throw DataError.nothingToTrain(
        reason: "\(paths[0]): no row is left to train on."
          + (dropped == 0 ? "" : " \(dropped) row\(dropped == 1 ? " is" : "s are") longer than data.max_length and were dropped."))
    }
    window =
      keeps ? nil : RowWindow(rows, tokenLimit: limits.tokensAhead, epochLength: rowsPerEpoch) { epoch in orders.rows(epoch: epoch) }
    if keeps, !selection.encodesAll { rows.encodeInBackground(orders.rows(epoch: 0)) }
  }

  deinit {
    rows.cancel()
    window?.cancel()
  }

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

  /// The sequences of a step's rows, in order; the last step of an epoch may have fewer rows than `batchSize`. A row of text, a block, has
  /// one sequence for each of its documents.
  ///
  /// - Parameters:
  ///   - epoch: from 0.
  ///   - step: of the epoch, from 0 to `stepsPerEpoch`.
  /// - Throws: `DataError` naming the row.
  public func examples(epoch: Int, step: Int) throws -> [MaskedSequence] {
    precondition(epoch >= 0 && step >= 0 && step < stepsPerEpoch, "no such step")
    let order = orders.rows(epoch: epoch)
    let places = step * batchSize..<min((step + 1) * batchSize, order.count)
    if let window { return try window.take(epoch * order.count + places.lowerBound, order[places]) }
    return try order[places].flatMap { try rows.sequences(Int($0)) }
  }

  /// Rows of a step counted over all epochs, from 0.
  public func rowCount(ofStep step: Int) -> Int { min(batchSize, rowsPerEpoch - step % stepsPerEpoch * batchSize) }

  /// The sequences of a step counted over all epochs, from 0.
  public func examples(step: Int) throws -> [MaskedSequence] {
    try examples(epoch: step / stepsPerEpoch, step: step % stepsPerEpoch)
  }

  /// The rows held out, in the order of their file. Empty without validation data.
  ///
  /// - Throws: `DataError` naming the row.
  public func validationExamples() throws -> [MaskedSequence] { try validation.flatMap { try heldOut.sequences(Int($0)) } }

  /// Facts about the training files, and about the training rows encoded so far (`rowsEncoded`).
  public var facts: DataFacts { readFacts + rows.facts }

  /// Facts about validation rows, complete after `validationExamples()`.
  public var validationFacts: DataFacts { heldOut.facts }

  /// Returns when every row of the first epoch is encoded, where all are kept; for those who want complete facts.
  public func waitUntilEncoded() { rows.waitForBackground() }

  /// The names of the rows that sequences come from, each once, in their order.
  public func names(of sequences: [MaskedSequence]) -> [String] {
    var seen: Set<String> = []
    return sequences.map { name(of: $0.origin) }.filter { seen.insert($0).inserted }
  }

  /// `datasets/alpaca.json, row 317`, or for text `notes.txt, block 3`.
  public func name(of origin: MaskedSequence.Origin) -> String {
    let files = rows.encoder.files
    guard files.indices.contains(origin.source) else { return "source \(origin.source), row \(origin.row)" }
    return "\(files[origin.source].path), \(files[origin.source].format == .text ? "block" : "row") \(origin.row)"
  }
}
