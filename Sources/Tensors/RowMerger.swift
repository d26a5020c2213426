/// A low-rank delta of some rows of a weight: `factor · B A` (Hu et al., arXiv 2106.09685).
public struct MergeTerm: Sendable {
  public let rank: Int
  /// Adapter weight · alpha / rank, or alpha / √rank.
  public let factor: Double
  /// `[rank, columns]`, row-major.
  public let a: [Float]
  /// `[rows, rank]`, row-major: float32 values, widened so that every product with one of A is exact.
  public let b: [Double]

  public init(rank: Int, factor: Double, a: [Float], b: [Double]) {
    self.rank = rank
    self.factor = factor
    self.a = a
    self.b = b
  }
}

/// Folds deltas into weights. Whatever computes it, the result has the same bits: sums run in Double in the order of the rank, then of
/// the terms, then the weight is added, the row's factor multiplied, and the result rounded to nearest even once.
public protocol RowMerger: AnyObject {
  /// `output[i, j] = rowFactors[i] · (weights[i, j] + Σ factor · Σ_t b[i, t] · a[t, j])`
  ///
  /// - Parameters:
  ///   - weights: `[rows, columns]` contiguous in `dtype`, a weight type, at any address; `output` likewise.
  ///   - rowFactors: one per row; nil for 1.
  /// - Returns: whether every element of the output is finite.
  func mergeRows(
    _ weights: UnsafeRawBufferPointer, _ dtype: DType, rows: Int, columns: Int, terms: [MergeTerm], rowFactors: [Double]?,
    into output: UnsafeMutableRawBufferPointer, _ outputType: DType
  ) -> Bool
}
