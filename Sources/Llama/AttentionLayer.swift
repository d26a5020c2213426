import Tensors

/// Pre-norm attention of one block: `h ← h + Wo · attention(rotate(Wq x), rotate(Wk x), Wv x)`, `x = rmsNorm(h)`.
///
/// Shapes: h [n, hidden] float32; q and the output [n, heads · headDimension], k and v [n, keyValueHeads · headDimension] activations;
/// q, k and v come from one product with the weight q‖k‖v.
struct AttentionLayer {
  let norm: Tensor
  let epsilon: Float
  let qkv: AdaptedWeight
  let o: AdaptedWeight
  let shape: AttentionShape

  struct Saved {
    let normalized: Operand
    let inverseRMS: Tensor
    let qkvBranches: BranchActivations
    let q, k, v: Tensor
    let output: Operand
    /// `output`, or the selected rows of it.
    let projected: Operand
    let logSumExp: Tensor
    let oBranches: BranchActivations
  }

  init(layer: Int, weights: BaseWeights, adapters: [LoRAAdapter], on backend: any ComputeBackend) throws {
    let configuration = weights.configuration
    norm = try weights.vector("model.layers.\(layer).input_layernorm.weight", on: backend)
    epsilon = Float(configuration.normEpsilon)
    qkv = try AdaptedWeight([.q, .k, .v], layer: layer, weights: weights, adapters: adapters, on: backend)
    o = try AdaptedWeight([.o], layer: layer, weights: weights, adapters: adapters, on: backend)
    shape = AttentionShape(
      heads: configuration.headCount, keyValueHeads: configuration.keyValueHeadCount, headDimension: configuration.headDimension)
  }

  var hasTrainedBranch: Bool { qkv.hasTrainedBranch || o.hasTrainedBranch }

  /// Adds the layer's output to h, or to the selected rows of it, and returns those.
  func forward(_ h: Tensor, _ pass: Pass, selection: RowSelection?, cache: KVCache.Layer?) -> (h: Tensor, saved: Saved) {
    let backend = pass.backend
    let (x, normalized, inverseRMS) = backend.rmsNorm(h, scale: norm, epsilon: epsilon)
    let q = backend.makeTensor(rows: h.rows, columns: shape.heads * shape.headDimension, backend.activationType)
    let k = backend.makeTensor(rows: h.rows, columns: shape.keyValueHeads * shape.headDimension, backend.activationType)
    let v = backend.makeTensor(rows: h.rows, columns: shape.keyValueHeads * shape.headDimension, backend.activationType)
    let qkvBranches = backend.project(
      x, by: qkv.weight, branches: qkv.branches(dropout: pass.dropout), layout: pass.layout, into: [.store(q), .store(k), .store(v)])
    let (output, logSumExp) = backend.attend(
      q: q, k: k, v: v, shape: shape, layout: pass.layout, rotary: pass.rotary, cache: cache.map { ($0.keys, $0.values) })
    let h = selection.map { backend.gatherRows($0.rows, of: h) } ?? h
    let projected = selection.map { backend.gatherRows($0.rows, of: output) } ?? output
    let oBranches = backend.project(
      projected, by: o.weight, branches: o.branches(dropout: pass.dropout), layout: (selection?.pass ?? pass).layout, into: [.add(h)])
    return (
      h,
      Saved(
        normalized: normalized, inverseRMS: inverseRMS, qkvBranches: qkvBranches, q: q, k: k, v: v, output: output, projected: projected,
        logSumExp: logSumExp, oBranches: oBranches)
    )
  }

  /// Turns dh, the gradient of what `forward` returned, into that of the layer's input, for all rows; `nil` where nothing below is trained.
  func backward(_ dh: Tensor, _ saved: consuming Saved, _ pass: Pass, selection: RowSelection?, wantsInputGradient: Bool) -> Tensor? {
    let backend = pass.backend
    let rows = saved.output.rows
    var dOutput = backend.makeTensor(rows: dh.rows, columns: shape.heads * shape.headDimension, backend.activationType)
    backend.pullBack(
      backend.makeOperand(from: dh), through: o.weight, branches: o.branches(dropout: pass.dropout), activations: saved.oBranches,
      input: saved.projected, layout: (selection?.pass ?? pass).layout,
      into: wantsInputGradient || qkv.hasTrainedBranch ? .store(dOutput) : nil)
    guard wantsInputGradient || qkv.hasTrainedBranch else { return nil }
    if let selection { dOutput = backend.scatterRows(dOutput, to: selection.rows, of: rows) }
    let dqkv = backend.attentionGradient(
      dOutput, q: saved.q, k: saved.k, v: saved.v, output: saved.output, logSumExp: saved.logSumExp, shape: shape, layout: pass.layout,
      rotary: pass.rotary)
    let x = qkv.hasTrainedBranch ? backend.scaleColumns(of: saved.normalized, by: norm) : nil
    let dx = wantsInputGradient ? backend.makeTensor(rows: rows, columns: dh.columns, .float32) : nil
    backend.pullBack(
      dqkv, through: qkv.weight, branches: qkv.branches(dropout: pass.dropout), activations: saved.qkvBranches, input: x,
      layout: pass.layout, into: dx.map { .store($0) })
    guard let dx else { return nil }
    let dh = selection.map { backend.scatterRows(dh, to: $0.rows, of: rows) } ?? dh
    backend.addRMSNormGradient(dx, scale: norm, normalized: saved.normalized, inverseRMS: saved.inverseRMS, to: dh)
    return dh
  }
}
