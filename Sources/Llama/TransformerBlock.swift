import Tensors

/// What every layer of one pass over a batch shares.
struct Pass {
  let backend: any ComputeBackend
  let layout: BatchLayout
  let rotary: RotaryTable
  let dropout: DropoutKey?

  /// The same for some rows of the batch, which no longer see each other: for what treats every row by itself.
  func rowwise(_ rows: [Int32]) -> Pass {
    precondition(dropout == nil, "masks follow the text before a row")
    let sets = layout.batch.segments.flatMap { segment in segment.rows.map { _ in segment.adapterSet } }
    let segments = rows.indices.map { PackedBatch.Segment(rows: $0..<$0 + 1, parent: .none, position: 0, adapterSet: sets[Int(rows[$0])]) }
    let batch = PackedBatch(tokens: rows.map { layout.batch.tokens[Int($0)] }, segments: segments, targets: [])
    return Pass(backend: backend, layout: backend.makeLayout(of: batch, residents: []), rotary: rotary, dropout: nil)
  }
}

/// One block: attention, then feed-forward, each added to the residual stream h [n, hidden].
struct TransformerBlock {
  let attention: AttentionLayer
  let feedForward: FeedForwardLayer

  /// What backward needs: everything the layers saved, or the block's input alone, from which `forward` is run again.
  enum Saved {
    case activations(AttentionLayer.Saved, FeedForwardLayer.Saved)
    case input(Tensor)
  }

  init(layer: Int, weights: BaseWeights, adapters: [LoRAAdapter], on backend: any ComputeBackend) throws {
    attention = try AttentionLayer(layer: layer, weights: weights, adapters: adapters, on: backend)
    feedForward = try FeedForwardLayer(layer: layer, weights: weights, adapters: adapters, on: backend)
  }

  var hasTrainedBranch: Bool { attention.hasTrainedBranch || feedForward.hasTrainedBranch }

  /// Updates h; nothing is saved.
  func run(_ h: Tensor, _ pass: Pass, cache: KVCache.Layer? = nil) {
    let saved = attention.forward(h, pass, cache: cache)
    cache?.append(keys: saved.k, values: saved.v, pass)
    _ = feedForward.forward(h, pass)
  }

  /// As `run`, for some rows: the output is theirs alone, and so is the feed-forward's work.
  func run(_ h: Tensor, rows: [Int32], _ pass: Pass, cache: KVCache.Layer?) -> Tensor {
    let saved = attention.forward(h, pass, cache: cache)
    cache?.append(keys: saved.k, values: saved.v, pass)
    let asked = pass.backend.gatherRows(rows, of: h)
    _ = feedForward.forward(asked, pass.rowwise(rows))
    return asked
  }

  /// Updates h.
  func forward(_ h: Tensor, _ pass: Pass, recomputes: Bool) -> Saved {
    guard recomputes else { return activations(h, pass) }
    let input = pass.backend.copy(h)
    run(h, pass)
    return .input(input)
  }

  private func activations(_ h: Tensor, _ pass: Pass) -> Saved {
    let attended = attention.forward(h, pass, cache: nil)
    return .activations(attended, feedForward.forward(h, pass))
  }

  /// Turns dh from the gradient of the block's output into that of its input, unless nothing below is trained.
  func backward(_ dh: Tensor, _ saved: consuming Saved, _ pass: Pass, wantsInputGradient: Bool) {
    switch saved {
    case .activations(let attended, let fed):
      let reachesAttention = wantsInputGradient || attention.hasTrainedBranch
      feedForward.backward(dh, fed, pass, wantsInputGradient: reachesAttention)
      if reachesAttention { attention.backward(dh, attended, pass, wantsInputGradient: wantsInputGradient) }
    case .input(let h):
      backward(dh, activations(h, pass), pass, wantsInputGradient: wantsInputGradient)
    }
  }
}
