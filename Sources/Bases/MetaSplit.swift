import Llama
import Tensors

/// Which part of every tensor lies in which of Meta's shards, when they are written.
///
/// Parts are equal; what does not divide goes to the last shard, as Chinese-LLaMA-Alpaca splits its vocabularies. Every shard has whole
/// heads. With more shards than KV heads each of these is in several shards, as Meta ships Llama 3.1 405B for 16.
package struct MetaSplit: Sendable {
  package let shardCount: Int
  /// In the order in which they lie in a file.
  package let tensors: [MetaTensor]
  private let configuration: LlamaConfiguration

  /// - Parameters:
  ///   - base: What it was merged into: a Meta folder is split as it is.
  ///   - count: Nil is the base's number where it is Meta's, else that of Meta's models of this size.
  /// - Throws: `MetaSplitError` for a number that the model cannot be split into.
  package init(_ configuration: LlamaConfiguration, base: Base, count: Int?) throws(MetaSplitError) {
    self.configuration = configuration
    if let count {
      if let reason = MetaSplit.obstacle(configuration, count) {
        let possible = (1...configuration.headCount).filter { MetaSplit.obstacle(configuration, $0) == nil }.map { "\($0)" }
        throw MetaSplitError(shardCount: count, reason: "\(reason) Possible are \(possible.joined(separator: ", ")).")
      }
      shardCount = count
    } else {
      let wanted = base.layout == .meta ? base.shards.count : MetaSplit.publishedCount(configuration)
      shardCount = (1...max(1, wanted)).last { MetaSplit.obstacle(configuration, $0) == nil } ?? 1
    }
    tensors = MetaTensor.all(of: configuration, embeddingByRows: MetaSplit.splitsEmbeddingByRows(configuration, base))
  }

  /// What does not divide: whose readers must bear unequal parts.
  package var notes: [String] {
    [("vocabulary", configuration.vocabularySize), ("feed-forward layer", configuration.intermediateSize)].compactMap { name, size in
      guard size % shardCount != 0 else { return nil }
      return "the \(name) of \(size) does not divide by \(shardCount): the last shard holds the rest, which Meta's own code does not read."
    }
      + (shardCount > configuration.keyValueHeadCount
        ? [
          "\(shardCount) shards are more than the \(configuration.keyValueHeadCount) KV heads: shards that follow each other hold the same."
        ]
        : [])
  }

  /// Rows and columns of a tensor that lie in a shard, in Meta's row order.
  package func part(of tensor: MetaTensor, in shard: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    let rows = tensor.shape.count == 2 ? tensor.shape[0] : 1
    let columns = tensor.shape.last ?? 1
    switch tensor.split {
    case .copies: return (0..<rows, 0..<columns)
    case .columns: return (0..<rows, slice(columns, shard, of: shardCount))
    case .rows: return (slice(rows, shard, of: shardCount), 0..<columns)
    case .keyValueRows:
      let partCount = min(shardCount, configuration.keyValueHeadCount)
      return (slice(rows, shard * partCount / shardCount, of: partCount), 0..<columns)
    }
  }

  private func slice(_ count: Int, _ index: Int, of partCount: Int) -> Range<Int> {
    let size = count / partCount
    return index * size..<(index == partCount - 1 ? count : (index + 1) * size)
  }

  /// A sentence; nil when there is none.
  private static func obstacle(_ configuration: LlamaConfiguration, _ count: Int) -> String? {
    let (heads, keyValueHeads) = (configuration.headCount, configuration.keyValueHeadCount)
    if heads % count != 0 { return "Each shard has whole heads, and there are \(heads)." }
    if keyValueHeads % count != 0, count % keyValueHeads != 0 {
      return "Each shard has whole KV heads, or shares one with others, and there are \(keyValueHeads)."
    }
    let least = min(configuration.vocabularySize, configuration.intermediateSize)
    return least < count ? "The smallest dimension is \(least)." : nil
  }

  /// 7B and 8B are one file, 13B two, 30B and 34B four, 65B, 70B and 405B eight.
  private static func publishedCount(_ configuration: LlamaConfiguration) -> Int {
    switch configuration.hiddenSize {
    case ...4096: 1
    case ...5120: 2
    case ...8191: 4
    case 8192: configuration.layerCount < 80 ? 4 : 8
    default: 8
    }
  }

  /// Llama 3 splits its embedding by rows; a base in shards shows how it was.
  private static func splitsEmbeddingByRows(_ configuration: LlamaConfiguration, _ base: Base) -> Bool {
    if base.layout == .meta, base.shards.count > 1, let segments = base.weights["model.embed_tokens.weight"]?.segments {
      return segments.allSatisfy { $0.columns.count == configuration.hiddenSize }
    }
    return configuration.vocabularySize >= MetaParameters.Llama3.vocabularySize || configuration.ropeTheta == 500_000
      || configuration.ropeScaling != .none
  }
}

/// A number of shards that a model cannot be split into.
package struct MetaSplitError: Error, Equatable {
  package let shardCount: Int
  /// Sentences: what stands against it, and which numbers are possible.
  package let reason: String
}
