import Tensors

/// The final norm and the output head: `logits = Whead · rmsNorm(h)`, asked only at rows that have a target.
struct Head {
  let norm: Tensor
  let epsilon: Float
  let weight: FrozenWeight
  /// Rows of the weight that are trained; those of the embedding, where the two are one.
  let trained: TrainedRows?

  init(weights: BaseWeights, embedding: Embedding, trained: TrainedRows?, on backend: any ComputeBackend) throws {
    norm = try weights.vector("model.norm.weight", on: backend)
    epsilon = Float(weights.configuration.normEpsilon)
    let isTied = weights.configuration.tiesEmbeddings
    weight = isTied ? embedding.weight : try weights.matrix(TrainedVocabulary.Matrix.head.weightName, trained: trained, on: backend)
    self.trained = isTied ? embedding.trained : trained
  }

  /// Scores targets.
  /// - Parameters:
  ///   - h: the states of the targets' rows.
  ///   - targets: `row` is a row of h; in row order.
  ///   - gradientWeights: one per target; given, the gradient of `Σ weight · log-probability` with respect to h is returned too, and that
  ///     of the trained rows is added to their set's.
  func score(_ h: Tensor, targets: [PackedBatch.Target], _ pass: Pass, gradientWeights: [Float]?) -> (scores: TargetScores, dh: Tensor?) {
    let backend = pass.backend
    let (x, normalized, inverseRMS) = backend.rmsNorm(h, scale: norm, epsilon: epsilon)
    let scores = backend.scoreTargets(
      x, head: weight, targets: targets, weights: gradientWeights, trained: gradientWeights == nil ? nil : trained)
    guard let dx = scores.gradient else { return (scores, nil) }
    let dh = backend.makeZeros(rows: h.rows, columns: h.columns)
    backend.addRMSNormGradient(dx, scale: norm, normalized: normalized, inverseRMS: inverseRMS, to: dh)
    // Backward is long: nothing that it does not need lives through it.
    return (TargetScores(logProbabilities: scores.logProbabilities, mostLikely: scores.mostLikely, gradient: nil), dh)
  }

  /// All logits of some states: float32 [rows, vocabulary].
  func logits(_ h: Tensor, _ pass: Pass) -> Tensor { pass.backend.logits(input(h, pass), head: weight) }

  /// The most likely next token after some states: int32 [rows, 1].
  func mostLikely(_ h: Tensor, _ pass: Pass) -> Tensor {
    pass.backend.scoreTargets(input(h, pass), head: weight, targets: [], weights: nil, trained: nil).mostLikely
  }

  private func input(_ h: Tensor, _ pass: Pass) -> Operand { pass.backend.rmsNorm(h, scale: norm, epsilon: epsilon).output }
}
