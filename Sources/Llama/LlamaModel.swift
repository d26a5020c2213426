import Tensors

/// A LLaMA network (Touvron et al., arXiv 2302.13971) with any number of LoRA adapters over a frozen base.
///
/// The backward pass is written out, layer by layer. Frozen weights get no gradient, and nothing below the lowest trained parameter is
/// differentiated. Not `Sendable`: it belongs to the thread that made it.
public final class LlamaModel {
  public let configuration: LlamaConfiguration
  public let adapters: [LoRAAdapter]
  public let backend: any ComputeBackend
  private let embedding: FrozenWeight
  private let blocks: [TransformerBlock]
  private let head: Head
  private var rotary: RotaryEmbedding
  /// First block with a trained branch; the number of blocks when nothing is trained.
  private let lowestTrainedBlock: Int

  /// - Throws: `LlamaError.missingWeight`
  public init(weights: BaseWeights, adapters: [LoRAAdapter] = [], on backend: any ComputeBackend) throws {
    configuration = weights.configuration
    self.adapters = adapters
    self.backend = backend
    embedding = try weights.matrix("model.embed_tokens.weight", on: backend)
    blocks = try (0..<weights.configuration.layerCount).map {
      try TransformerBlock(layer: $0, weights: weights, adapters: adapters, on: backend)
    }
    head = try Head(weights: weights, embedding: embedding, on: backend)
    rotary = RotaryEmbedding(weights.configuration)
    lowestTrainedBlock = blocks.firstIndex { $0.hasTrainedBranch } ?? blocks.count
  }

  /// Scores the batch's targets.
  /// - Parameter cache: what the batch's resident parents refer to; several segments may continue the same one. It stays as it is.
  public func score(_ batch: PackedBatch, cache: KVCache? = nil) -> TargetScores {
    let pass = makePass(batch, residents: cache?.residents ?? [])
    return head.score(hiddenStates(pass, cache: cache, grows: false), pass, gradientWeights: nil).scores
  }

  /// Logits of some rows of the batch, float32 [rows, vocabulary].
  /// - Parameter cache: what the batch's resident parents refer to; it grows by the batch's segments.
  public func logits(_ batch: PackedBatch, rows: [Int32], cache: KVCache? = nil) -> Tensor {
    let pass = makePass(batch, residents: cache?.residents ?? [])
    let h = lastStates(rows, pass, cache: cache)
    cache?.commit(batch)
    return head.logits(h, rows: Array(0..<Int32(rows.count)), pass)
  }

  /// The most likely next token after some rows of the batch.
  /// - Parameter cache: as for `logits`.
  public func mostLikelyTokens(_ batch: PackedBatch, rows: [Int32], cache: KVCache? = nil) -> [Int32] {
    let pass = makePass(batch, residents: cache?.residents ?? [])
    let h = lastStates(rows, pass, cache: cache)
    cache?.commit(batch)
    return backend.readIntegers(head.mostLikely(h, rows: Array(0..<Int32(rows.count)), pass))
  }

  /// Runs forward and backward, and adds the gradient of `−Σ weight · log-probability` to the trained adapters' gradients.
  /// - Parameters:
  ///   - weights: one per target; 1 / (supervised tokens of the step) makes the sum over a step's batches its mean loss.
  ///   - recomputes: keep only block inputs and run every block again in backward. Changes memory and time, not one bit of the result.
  public func accumulateGradients(_ batch: PackedBatch, weights: [Float], dropout: DropoutKey? = nil, recomputes: Bool = false)
    -> TargetScores
  {
    let pass = makePass(batch, dropout: dropout)
    let h = backend.gather(pass.layout, from: embedding)
    for block in blocks[..<lowestTrainedBlock] { block.run(h, pass) }
    var saved = blocks[lowestTrainedBlock...].map { $0.forward(h, pass, recomputes: recomputes) }
    let (scores, _, gradient) = head.score(h, pass, gradientWeights: weights.map { -$0 })
    guard let dh = gradient else { return scores }
    for index in (lowestTrainedBlock..<blocks.count).reversed() {
      blocks[index].backward(dh, saved.removeLast(), pass, wantsInputGradient: index > lowestTrainedBlock)
    }
    return scores
  }

  /// Runs forward and shows the residual stream h: after the embedding as block -1, then after every block.
  public func forward(_ batch: PackedBatch, dropout: DropoutKey? = nil, onBlock observe: (_ block: Int, _ h: Tensor) -> Void) {
    let pass = makePass(batch, dropout: dropout)
    let h = backend.gather(pass.layout, from: embedding)
    observe(-1, h)
    for (index, block) in blocks.enumerated() {
      block.run(h, pass)
      observe(index, h)
    }
  }

  private func makePass(_ batch: PackedBatch, residents: [ResidentSegment] = [], dropout: DropoutKey? = nil) -> Pass {
    let positions = batch.segments.map { $0.position + $0.rows.count }.max() ?? 0
    return Pass(
      backend: backend, layout: backend.makeLayout(of: batch, residents: residents),
      rotary: rotary.table(positions: positions, on: backend), dropout: dropout)
  }

  /// The states of some rows after the last block, which the other rows enter for their keys and values alone.
  private func lastStates(_ rows: [Int32], _ pass: Pass, cache: KVCache?) -> Tensor {
    let h = backend.gather(pass.layout, from: embedding)
    for (index, block) in blocks.dropLast().enumerated() { block.run(h, pass, cache: cache?.layer(index, grows: true)) }
    guard let last = blocks.last else { return backend.gatherRows(rows, of: h) }
    return last.run(h, rows: rows, pass, cache: cache?.layer(blocks.count - 1, grows: true))
  }

  private func hiddenStates(_ pass: Pass, cache: KVCache? = nil, grows: Bool = true) -> Tensor {
    let h = backend.gather(pass.layout, from: embedding)
    for (index, block) in blocks.enumerated() { block.run(h, pass, cache: cache?.layer(index, grows: grows)) }
    return h
  }
}
