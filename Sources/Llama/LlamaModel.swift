import Tensors

/// A LLaMA network (Touvron et al., arXiv 2302.13971) with any number of LoRA adapters over a frozen base.
///
/// The backward pass is written out, layer by layer. Frozen weights get no gradient, and nothing below the lowest trained parameter is
/// differentiated. Not `Sendable`: it belongs to the thread that made it.
public final class LlamaModel {
  public let configuration: LlamaConfiguration
  public let adapters: [LoRAAdapter]
  public let backend: any ComputeBackend
  private let embedding: Embedding
  private let blocks: [TransformerBlock]
  private let head: Head
  private var rotary: RotaryEmbedding
  /// First block that is differentiated: the one with the lowest trained branch, all of them under a trained embedding; the number of blocks
  /// when nothing below the head is trained.
  private let lowestTrainedBlock: Int

  /// - Throws: `LlamaError.missingWeight`
  public init(weights: BaseWeights, adapters: [LoRAAdapter] = [], on backend: any ComputeBackend) throws {
    configuration = weights.configuration
    self.adapters = adapters
    self.backend = backend
    func trained(_ matrix: TrainedVocabulary.Matrix) -> TrainedRows? { adapters.lazy.compactMap { $0.trainedRows(of: matrix) }.first }
    embedding = Embedding(
      weight: try weights.matrix(TrainedVocabulary.Matrix.embedding.weightName, trained: trained(.embedding), on: backend),
      trained: trained(.embedding))
    blocks = try (0..<weights.configuration.layerCount).map {
      try TransformerBlock(layer: $0, weights: weights, adapters: adapters, on: backend)
    }
    head = try Head(weights: weights, embedding: embedding, trained: trained(.head), on: backend)
    rotary = RotaryEmbedding(weights.configuration)
    lowestTrainedBlock = embedding.trained != nil ? 0 : blocks.firstIndex { $0.hasTrainedBranch } ?? blocks.count
  }

  /// Scores the batch's targets.
  /// - Parameter cache: what the batch's resident parents refer to; several segments may continue the same one. It stays as it is.
  public func score(_ batch: PackedBatch, cache: KVCache? = nil) -> TargetScores {
    let pass = makePass(batch, residents: cache?.residents ?? [])
    let (rows, targets) = LlamaModel.rowsOfTargets(batch)
    return head.score(lastStates(rows, pass, cache: cache, grows: false), targets: targets, pass, gradientWeights: nil).scores
  }

  /// Logits of some rows of the batch, float32 [rows, vocabulary].
  /// - Parameter cache: what the batch's resident parents refer to; it grows by the batch's segments.
  public func logits(_ batch: PackedBatch, rows: [Int32], cache: KVCache? = nil) -> Tensor {
    let pass = makePass(batch, residents: cache?.residents ?? [])
    let h = lastStates(rows, pass, cache: cache, grows: true)
    cache?.commit(batch)
    return head.logits(h, pass)
  }

  /// The most likely next token after some rows of the batch.
  /// - Parameter cache: as for `logits`.
  public func mostLikelyTokens(_ batch: PackedBatch, rows: [Int32], cache: KVCache? = nil) -> [Int32] {
    let pass = makePass(batch, residents: cache?.residents ?? [])
    let h = lastStates(rows, pass, cache: cache, grows: true)
    cache?.commit(batch)
    return backend.readIntegers(head.mostLikely(h, pass))
  }

  /// Runs forward and backward, and adds the gradient of `−Σ weight · log-probability` to those of everything that adapters train.
  /// - Parameters:
  ///   - weights: one per target; 1 / (supervised tokens of the step) makes the sum over a step's batches its mean loss.
  ///   - recomputes: keep only block inputs and run every block again in backward. Changes memory and time, not one bit of the result.
  public func accumulateGradients(_ batch: PackedBatch, weights: [Float], dropout: DropoutKey? = nil, recomputes: Bool = false)
    -> TargetScores
  {
    let pass = makePass(batch, dropout: dropout)
    let (rows, targets) = LlamaModel.rowsOfTargets(batch)
    let selection = RowSelection(rows, of: pass)
    func selected(in index: Int) -> RowSelection? { index == blocks.count - 1 ? selection : nil }
    var h = embedding.forward(pass)
    var saved: [TransformerBlock.Saved] = []
    for (index, block) in blocks.enumerated() {
      if index < lowestTrainedBlock {
        h = block.run(h, pass, selection: selected(in: index))
      } else {
        let (output, kept) = block.forward(h, pass, selection: selected(in: index), recomputes: recomputes)
        h = output
        saved.append(kept)
      }
    }
    var (scores, dh) = head.score(h, targets: targets, pass, gradientWeights: weights.map { -$0 })
    for index in (lowestTrainedBlock..<blocks.count).reversed() {
      guard let gradient = dh else { break }
      dh = blocks[index].backward(
        gradient, saved.removeLast(), pass, selection: selected(in: index),
        wantsInputGradient: index > lowestTrainedBlock || embedding.trained != nil)
    }
    if let dh, embedding.trained != nil { embedding.backward(dh, pass) }
    return scores
  }

  /// Runs forward and shows the residual stream h: after the embedding as block -1, then after every block.
  public func forward(_ batch: PackedBatch, dropout: DropoutKey? = nil, onBlock observe: (_ block: Int, _ h: Tensor) -> Void) {
    let pass = makePass(batch, dropout: dropout)
    var h = embedding.forward(pass)
    observe(-1, h)
    for (index, block) in blocks.enumerated() {
      h = block.run(h, pass, selection: nil)
      observe(index, h)
    }
  }

  /// The distinct rows that have targets, and the targets as if there were no others.
  private static func rowsOfTargets(_ batch: PackedBatch) -> (rows: [Int32], targets: [PackedBatch.Target]) {
    var rows: [Int32] = []
    let targets = batch.targets.map { target in
      if rows.last != Int32(target.row) { rows.append(Int32(target.row)) }
      return PackedBatch.Target(row: rows.count - 1, token: target.token)
    }
    return (rows, targets)
  }

  private func makePass(_ batch: PackedBatch, residents: [ResidentSegment] = [], dropout: DropoutKey? = nil) -> Pass {
    let positions = batch.segments.map { $0.position + $0.rows.count }.max() ?? 0
    return Pass(
      backend: backend, layout: backend.makeLayout(of: batch, residents: residents),
      rotary: rotary.table(positions: positions, on: backend), dropout: dropout)
  }

  /// The states of some rows after the last block.
  private func lastStates(_ rows: [Int32], _ pass: Pass, cache: KVCache?, grows: Bool) -> Tensor {
    let selection = RowSelection(rows, of: pass)
    var h = embedding.forward(pass)
    for (index, block) in blocks.enumerated() {
      h = block.run(
        h, pass, selection: index == blocks.count - 1 ? selection : nil, cache: cache?.layer(index, grows: grows))
    }
    return h
  }
}
