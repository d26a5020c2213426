import CKernels
import Tensors

extension CPUBackend {
  public func scoreTargets(
    _ x: Operand, head: FrozenWeight, targets: [PackedBatch.Target], weights: [Float]?, trained: TrainedRows?
  ) -> TargetScores {
    precondition(trained == nil || weights != nil, "a gradient needs weights")
    let logProbabilities = makeTensor(rows: 1, columns: targets.count, .float32)
    let mostLikely = makeTensor(rows: x.rows, columns: 1, .int32)
    let gradient = weights.map { _ in makeTensor(rows: x.rows, columns: x.columns, .float32) }
    let tokens = targets.map(\.token)
    var next = 0
    // Equal parts: the last one is not left with a few rows.
    let most = TargetScores.rowsAtOnce(vocabulary: head.outputs)
    let parts = max(1, (x.rows + most - 1) / most)
    for part in 0..<parts {
      let rows = x.rows * part / parts..<x.rows * (part + 1) / parts
      var begins: [Int32] = []
      let first = next
      for row in rows {
        begins.append(Int32(next - first))
        while next < targets.count, targets[next].row == row { next += 1 }
      }
      begins.append(Int32(next - first))
      score(
        rows, of: x, head: head, tokens: tokens[first..<next], begins: begins, weights: weights.map { $0[first..<next] },
        logProbabilities: logProbabilities.matrix.floats + first, mostLikely: mostLikely, gradient: gradient, trained: trained)
    }
    return TargetScores(logProbabilities: logProbabilities, mostLikely: mostLikely, gradient: gradient)
  }

  private func score(
    _ rows: Range<Int>, of x: Operand, head: FrozenWeight, tokens: ArraySlice<Int32>, begins: [Int32], weights: ArraySlice<Float>?,
    logProbabilities: UnsafeMutablePointer<Float>, mostLikely: Tensor, gradient: Tensor?,
    trained: TrainedRows?
  ) {
    guard !rows.isEmpty else { return }
    let logits = makeTensor(rows: rows.count, columns: head.outputs, .float32)
    let input = x.matrix.row(rows.lowerBound)
    multiply(
      rows: rows.count, [term(input, x.matrix, head.kernelWeight, transposed: false, column: 0)],
      [destination(.store(logits), column: 0)])
    // The gradient takes the logits' place, row by row, at the beginning of each: its elements are no larger.
    let dLogits = gradient.map { _ in logits.matrix }
    let dLogitsStride = logits.matrix.rowByteCount / activationType.byteCount
    var argmax = [Int32](repeating: 0, count: rows.count)
    tokens.withUnsafeBufferPointer { tokens in
      let call = { (weights: UnsafePointer<Float>?) in
        puna_cross_entropy(
          self.context, self.isBFloat16, Int32(rows.count), Int32(head.outputs), logits.matrix.floats, logits.matrix.stride,
          tokens.baseAddress, begins, weights, logProbabilities, &argmax, dLogits?.pointer, dLogitsStride)
      }
      if let weights { weights.withUnsafeBufferPointer { call($0.baseAddress) } } else { call(nil) }
    }
    for (index, row) in rows.enumerated() { mostLikely.matrix.integers[row * mostLikely.matrix.stride] = argmax[index] }
    guard let gradient, let dLogits else { return }
    let dx = puna_destination(
      kind: PUNA_STORE, y: gradient.matrix.row(rows.lowerBound), y_stride: gradient.matrix.stride, n_begin: 0,
      n_count: Int32(gradient.columns), scale: 1)
    withExtendedLifetime(logits) {
      multiply(
        rows: rows.count,
        [puna_gemm_term(x: dLogits.pointer, x_stride: dLogitsStride, weight: head.kernelWeight, transposed: 1, n_begin: 0)], [dx])
      if let trained { addHeadGradient(trained, dLogits: dLogits.pointer, dLogitsStride, x: WeightStorage(rows: rows, of: x)) }
    }
  }

  /// Rows of the head whose gradient is made at once: enough that packing x is paid back.
  private static let headRowsAtOnce = 1024

  /// `g += dlogitsᵀ x` over the columns of dlogits that are trained, turned over a block at a time.
  private func addHeadGradient(_ trained: TrainedRows, dLogits: UnsafeRawPointer, _ stride: Int, x: WeightStorage) {
    guard let gradients = trained.parameter.set.gradients else { preconditionFailure("a trained set has gradients") }
    let count = Int(x.weight.pointee.rows)
    let size = activationType.byteCount
    for begin in Swift.stride(from: 0, to: trained.range.count, by: CPUBackend.headRowsAtOnce) {
      let rows = min(CPUBackend.headRowsAtOnce, trained.range.count - begin)
      let turned = MatrixStorage(rows: rows, columns: count, elementSize: size, arena: arena)
      puna_transpose(
        context, Int32(size), dLogits + (trained.first + begin) * size, stride, Int32(count), Int32(rows), turned.pointer, turned.stride)
      let columns = trained.parameter.columns
      let g = puna_destination(
        kind: PUNA_ADD, y: gradients.matrix.floats + trained.parameter.offset + begin * columns, y_stride: columns, n_begin: 0,
        n_count: Int32(columns), scale: 1)
      multiply(
        rows: rows,
        [puna_gemm_term(x: turned.pointer, x_stride: turned.stride, weight: UnsafePointer(x.weight), transposed: 1, n_begin: 0)], [g])
    }
  }

  public func logits(_ x: Operand, head: FrozenWeight) -> Tensor {
    let logits = makeTensor(rows: x.rows, columns: head.outputs, .float32)
    multiply(
      rows: x.rows, [term(x.matrix.pointer, x.matrix, head.kernelWeight, transposed: false, column: 0)],
      [destination(.store(logits), column: 0)])
    return logits
  }

  // MARK: Rows of embedding and head that are trained

  public func load(_ rows: TrainedRows, from weight: FrozenWeight) {
    let parameter = rows.parameter
    precondition(rows.range.upperBound <= weight.outputs && parameter.columns == weight.inputs, "rows outside the weight")
    puna_gather(
      context, weight.kernelWeight, rows.range.map(Int32.init), Int32(parameter.rows),
      parameter.set.values.matrix.floats + parameter.offset, parameter.columns)
  }

  public func addGatherGradient(_ dh: Tensor, layout: BatchLayout, to rows: TrainedRows) {
    guard let gradients = rows.parameter.set.gradients else { preconditionFailure("a trained set has gradients") }
    puna_add_gathered(
      context, layout.rows.tokens, Int32(dh.rows), Int32(dh.columns), dh.matrix.floats, dh.matrix.stride, Int32(rows.first),
      Int32(rows.parameter.rows), gradients.matrix.floats + rows.parameter.offset)
  }
}
