import Tensors

/// Pre-norm feed-forward of one block: `h ← h + Wdown · (silu(Wgate x) ∘ Wup x)`, `x = rmsNorm(h)` (Shazeer, arXiv 2002.05202).
///
/// Shapes: h [n, hidden] float32; gate and up [n, intermediate] activations, from one product with the weight gate‖up.
struct FeedForwardLayer {
  let norm: Tensor
  let epsilon: Float
  let gateUp: AdaptedWeight
  let down: AdaptedWeight
  let width: Int

  struct Saved {
    let normalized: Operand
    let inverseRMS: Tensor
    let gateUpBranches: BranchActivations
    let gateUp: Tensor
    let downBranches: BranchActivations
  }

  init(layer: Int, weights: BaseWeights, adapters: [LoRAAdapter], on backend: any ComputeBackend) throws {
    norm = try weights.vector("model.layers.\(layer).post_attention_layernorm.weight", on: backend)
    epsilon = Float(weights.configuration.normEpsilon)
    gateUp = try AdaptedWeight([.gate, .up], layer: layer, weights: weights, adapters: adapters, on: backend)
    down = try AdaptedWeight([.down], layer: layer, weights: weights, adapters: adapters, on: backend)
    width = weights.configuration.intermediateSize
  }

  var hasTrainedBranch: Bool { gateUp.hasTrainedBranch || down.hasTrainedBranch }

  /// Adds the layer's output to h.
  func forward(_ h: Tensor, _ pass: Pass) -> Saved {
    let backend = pass.backend
    let (x, normalized, inverseRMS) = backend.rmsNorm(h, scale: norm, epsilon: epsilon)
    let product = backend.makeTensor(rows: h.rows, columns: 2 * width, backend.activationType)
    let gateUpBranches = backend.project(
      x, by: gateUp.weight, branches: gateUp.branches(dropout: pass.dropout), layout: pass.layout, into: [.store(product)])
    let downBranches = backend.project(
      backend.swiGLU(product), by: down.weight, branches: down.branches(dropout: pass.dropout), layout: pass.layout, into: [.add(h)])
    return Saved(
      normalized: normalized, inverseRMS: inverseRMS, gateUpBranches: gateUpBranches, gateUp: product, downBranches: downBranches)
  }

  /// Turns dh from the gradient of the layer's output into that of its input, unless nothing below is trained.
  func backward(_ dh: Tensor, _ saved: consuming Saved, _ pass: Pass, wantsInputGradient: Bool) {
    let backend = pass.backend
    let dActivated = backend.makeTensor(rows: dh.rows, columns: width, backend.activationType)
    backend.pullBack(
      backend.makeOperand(from: dh), through: down.weight, branches: down.branches(dropout: pass.dropout),
      activations: saved.downBranches, input: down.hasTrainedBranch ? backend.swiGLU(saved.gateUp) : nil, layout: pass.layout,
      into: wantsInputGradient || gateUp.hasTrainedBranch ? .store(dActivated) : nil)
    guard wantsInputGradient || gateUp.hasTrainedBranch else { return }
    let dGateUp = backend.swiGLUGradient(dActivated, gateUp: saved.gateUp)
    let x = gateUp.hasTrainedBranch ? backend.scaleColumns(of: saved.normalized, by: norm) : nil
    let dx = wantsInputGradient ? backend.makeTensor(rows: dh.rows, columns: dh.columns, .float32) : nil
    backend.pullBack(
      dGateUp, through: gateUp.weight, branches: gateUp.branches(dropout: pass.dropout), activations: saved.gateUpBranches, input: x,
      layout: pass.layout, into: dx.map { .store($0) })
    if let dx { backend.addRMSNormGradient(dx, scale: norm, normalized: saved.normalized, inverseRMS: saved.inverseRMS, to: dh) }
  }
}
