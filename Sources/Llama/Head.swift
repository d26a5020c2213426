import Tensors

/// The final norm and the output head: `logits = Whead · rmsNorm(h)`, asked only at rows that have a target.
struct Head {
  let norm: Tensor
  let epsilon: Float
  let weight: FrozenWeight

  init(weights: BaseWeights, embedding: FrozenWeight, on backend: any ComputeBackend) throws {
    norm = try weights.vector("model.norm.weight", on: backend)
    epsilon = Float(weights.configuration.normEpsilon)
    weight = weights.configuration.tiesEmbeddings ? embedding : try weights.matrix("lm_head.weight", on: backend)
  }

  /// Scores the batch's targets.
  /// - Parameter gradientWeights: one per target; given, the gradient of `Σ weight · log-probability` with respect to h is returned too.
  func score(_ h: Tensor, _ pass: Pass, gradientWeights: [Float]?) -> (scores: TargetScores, rows: [Int32], dh: Tensor?) {
    let backend = pass.backend
    var rows: [Int32] = []
    let targets = pass.layout.batch.targets.map { target in
      if rows.last != Int32(target.row) { rows.append(Int32(target.row)) }
      return PackedBatch.Target(row: rows.count - 1, token: target.token)
    }
    let (x, normalized, inverseRMS) = backend.rmsNorm(backend.gatherRows(rows, of: h), scale: norm, epsilon: epsilon)
    let scores = backend.scoreTargets(x, head: weight, targets: targets, weights: gradientWeights)
    guard let dx = scores.gradient else { return (scores, rows, nil) }
    let dhAtTargets = backend.makeZeros(rows: rows.count, columns: h.columns)
    backend.addRMSNormGradient(dx, scale: norm, normalized: normalized, inverseRMS: inverseRMS, to: dhAtTargets)
    let dh = backend.makeZeros(rows: h.rows, columns: h.columns)
    backend.scatterAdd(dhAtTargets, rows: rows, to: dh)
    return (scores, rows, dh)
  }

  /// All logits of some rows: float32 [rows, vocabulary].
  func logits(_ h: Tensor, rows: [Int32], _ pass: Pass) -> Tensor {
    pass.backend.logits(input(h, rows: rows, pass), head: weight)
  }

  /// The most likely next token of some rows: int32 [rows, 1].
  func mostLikely(_ h: Tensor, rows: [Int32], _ pass: Pass) -> Tensor {
    pass.backend.scoreTargets(input(h, rows: rows, pass), head: weight, targets: [], weights: nil).mostLikely
  }

  private func input(_ h: Tensor, rows: [Int32], _ pass: Pass) -> Operand {
    pass.backend.rmsNorm(pass.backend.gatherRows(rows, of: h), scale: norm, epsilon: epsilon).output
  }
}
