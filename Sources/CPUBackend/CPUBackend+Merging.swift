import CKernels
import Tensors

extension CPUBackend: RowMerger {
  public func mergeRows(
    _ weights: UnsafeRawBufferPointer, _ dtype: DType, rows: Int, columns: Int, terms: [MergeTerm], rowFactors: [Double]?,
    into output: UnsafeMutableRawBufferPointer, _ outputType: DType
  ) -> Bool {
    precondition(dtype.isWeightType && outputType.isWeightType, "weights are float32, float16 or bfloat16")
    precondition(weights.count == rows * columns * dtype.byteCount && output.count == rows * columns * outputType.byteCount, "whole rows")
    precondition(rowFactors == nil || rowFactors?.count == rows, "a factor for each row")
    for term in terms {
      precondition(term.a.count == term.rank * columns && term.b.count == rows * term.rank, "A is [rank, columns], B is [rows, rank]")
    }
    var kernelTerms: [puna_merge_term] = []
    /// Nests one borrow of A and B for each term.
    func withTerms(from index: Int, _ body: () -> Bool) -> Bool {
      guard index < terms.count else { return body() }
      let term = terms[index]
      return term.a.withUnsafeBufferPointer { a in
        term.b.withUnsafeBufferPointer { b in
          kernelTerms.append(puna_merge_term(a: a.baseAddress, b: b.baseAddress, rank: Int32(term.rank), factor: term.factor))
          return withTerms(from: index + 1, body)
        }
      }
    }
    func run(_ factors: UnsafePointer<Double>?) -> Bool {
      puna_merge_rows(
        context, rows, columns, weights.baseAddress, kernelType(dtype), kernelTerms, Int32(kernelTerms.count), factors, output.baseAddress,
        kernelType(outputType)) == 0
    }
    return withTerms(from: 0) {
      guard let rowFactors else { return run(nil) }
      return rowFactors.withUnsafeBufferPointer { run($0.baseAddress) }
    }
  }
}

private func kernelType(_ dtype: DType) -> puna_dtype {
  switch dtype {
  case .bfloat16: PUNA_BFLOAT16
  case .float16: PUNA_FLOAT16
  default: PUNA_FLOAT32
  }
}
