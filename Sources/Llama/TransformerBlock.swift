import Tensors

/// What every layer of one pass over a batch shares.
struct Pass {
  let backend: any ComputeBackend
  let layout: BatchLayout
  let rotary: RotaryTable
  let dropout: DropoutKey?

  /// The same for some rows of the batch, which no longer see each other: for what treats every row by itself.
  func selecting(_ rows: [Int32]) -> Pass {
    Pass(backend: backend, layout: backend.selectRows(rows, of: layout), rotary: rotary, dropout: dropout)
  }
}

/// Rows of a batch that are wanted from its last block: the others enter it for their keys and values alone.
struct RowSelection {
  /// Distinct rows of the batch wherever a gradient is asked for.
  let rows: [Int32]
  /// Over these rows alone.
  let pass: Pass

  init(_ rows: [Int32], of pass: Pass) {
    self.rows = rows
    self.pass = pass.selecting(rows)
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

  /// The block's output, for the selected rows or for all; nothing is saved.
  ///
  /// Without a selection h itself is updated and returned, here and in `forward`.
  func run(_ h: Tensor, _ pass: Pass, selection: RowSelection? = nil, cache: KVCache.Layer? = nil) -> Tensor {
    let (output, saved) = attention.forward(h, pass, selection: selection, cache: cache)
    cache?.append(keys: saved.k, values: saved.v, pass)
    _ = feedForward.forward(output, selection?.pass ?? pass)
    return output
  }

  func forward(_ h: Tensor, _ pass: Pass, selection: RowSelection?, recomputes: Bool) -> (h: Tensor, saved: Saved) {
    guard recomputes else { return activations(h, pass, selection) }
    let input = pass.backend.copy(h)
    return (run(h, pass, selection: selection), .input(input))
  }

  private func activations(_ h: Tensor, _ pass: Pass, _ selection: RowSelection?) -> (h: Tensor, saved: Saved) {
    let (output, attended) = attention.forward(h, pass, selection: selection, cache: nil)
    return (output, .activations(attended, feedForward.forward(output, selection?.pass ?? pass)))
  }

  /// Turns dh, the gradient of the block's output, into that of its input, for all rows; `nil` where nothing below is trained.
  func backward(_ dh: Tensor, _ saved: consuming Saved, _ pass: Pass, selection: RowSelection?, wantsInputGradient: Bool) -> Tensor? {
    switch saved {
    case .activations(let attended, let fed):
      let reachesAttention = wantsInputGradient || attention.hasTrainedBranch
      feedForward.backward(dh, fed, selection?.pass ?? pass, wantsInputGradient: reachesAttention)
      guard reachesAttention else { return nil }
      return attention.backward(dh, attended, pass, selection: selection, wantsInputGradient: wantsInputGradient)
    case .input(let h):
      return backward(dh, activations(h, pass, selection).saved, pass, selection: selection, wantsInputGradient: wantsInputGradient)
    }
  }
}
