import Datasets
import Inference
import Llama
import Tensors

/// Scores sequences as a plan orders them.
struct LikelihoodPass {
  /// Log-likelihood of a sequence's continuation, and whether each of its tokens is the most likely one.
  struct Score {
    var logLikelihood = 0.0
    var isGreedy = true
  }

  /// Rows of a batch, and bytes of the cache.
  static let mostRows = 2048
  static let mostBytes = 2 << 30

  private let network: LlamaModel
  private let sequences: [ScoredSequence]
  private let rowLimit: Int
  let plan: PrefixPlan

  init(_ network: LlamaModel, _ sequences: [ScoredSequence], rowLimit: Int) {
    self.network = network
    self.rowLimit = rowLimit
    self.sequences = sequences
    let bytesPerRow = 2 * network.configuration.layerCount * network.configuration.keyValueWidth * network.backend.activationType.byteCount
    plan = PrefixPlan(sequences, rowLimit: rowLimit, residentLimit: LikelihoodPass.mostBytes / bytesPerRow)
  }

  /// - Parameter onBatch: gets the rows that were computed, and the scores that they gave, by the sequences' indices.
  func run(_ onBatch: (_ rowCount: Int, _ scores: [(sequence: Int, score: Score)]) throws -> Void) rethrows {
    let cache = makeCache()
    for step in plan.steps {
      switch step {
      case .keep(let sequence, let rows):
        if let cache { keep(sequence, rows, cache) }
        try onBatch(rows.count, [])
      case .score(let members, let resident):
        let (rowCount, scores) = score(members, resident, cache)
        try onBatch(rowCount, Array(zip(members, scores)))
      }
    }
  }

  /// One segment: the path of the plan's tree that is resident.
  private func makeCache() -> KVCache? {
    guard plan.residentCount > 0 else { return nil }
    let cache = KVCache(capacity: plan.residentCount, configuration: network.configuration, on: network.backend)
    guard cache.makeResident(limit: plan.residentCount) == 0 else { preconditionFailure("the cache was made to fit") }
    return cache
  }

  /// In parts, as long beginnings are.
  private func keep(_ sequence: Int, _ rows: Range<Int>, _ cache: KVCache) {
    cache.keep(rows.lowerBound, of: 0)
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: rowLimit) {
      let tokens = (start..<min(start + rowLimit, rows.upperBound)).map { sequences[sequence][$0] }
      let segment = PackedBatch.Segment(rows: tokens.indices, parent: .resident(0), position: start)
      let batch = PackedBatch(tokens: tokens, segments: [segment], targets: [])
      _ = network.mostLikelyTokens(batch, rows: [Int32(tokens.count - 1)], cache: cache)
    }
  }

  private func score(_ members: [Int], _ resident: Int, _ cache: KVCache?) -> (rowCount: Int, scores: [Score]) {
    let masked = members.map { member in
      let sequence = sequences[member]
      let first = sequence.context.count - resident
      return MaskedSequence(ids: sequence.tokens(from: resident), supervised: [first..<first + sequence.continuation.count])
    }
    // The plan has decided what is one batch.
    let packer = BatchPacker(rowLimit: masked.reduce(1) { $0 + $1.ids.count }, omitsUnusedRows: true)
    guard let packed = packer.pack(masked).first else { preconditionFailure("sequences have rows") }
    let batch = resident > 0 ? packed.batch.continuing(0, from: resident) : packed.batch
    let result = network.score(batch, cache: resident > 0 ? cache : nil)
    let logProbabilities = network.backend.read(result.logProbabilities)
    let mostLikely = network.backend.readIntegers(result.mostLikely)
    var scores = members.map { _ in Score() }
    // Of the rows that have targets.
    var place = -1
    var row: Int?
    for (index, target) in batch.targets.enumerated() {
      if target.row != row {
        place += 1
        row = target.row
      }
      let sequence = packed.targetPlaces[index].sequence
      scores[sequence].logLikelihood += Double(logProbabilities[index])
      if mostLikely[place] != target.token { scores[sequence].isGreedy = false }
    }
    return (batch.rowCount, scores)
  }
}

extension PackedBatch {
  /// The same rows behind the first `position` ones, which are resident.
  fileprivate func continuing(_ resident: Int, from position: Int) -> PackedBatch {
    let segments = segments.map { segment in
      Segment(
        rows: segment.rows, parent: segment.parent == .none ? .resident(resident) : segment.parent,
        position: segment.position + position, adapterSet: segment.adapterSet)
    }
    return PackedBatch(tokens: tokens, segments: segments, targets: targets)
  }
}
