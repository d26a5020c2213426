import CKernels
import Glibc
import Tensors

extension CPUBackend {
  public func gather(_ layout: BatchLayout, from embedding: FrozenWeight) -> Tensor {
    let h = makeTensor(rows: layout.rowCount, columns: embedding.inputs, .float32)
    puna_gather(context, embedding.kernelWeight, layout.rows.tokens, Int32(layout.rowCount), h.matrix.floats, h.matrix.stride)
    return h
  }

  public func gatherRows(_ rows: [Int32], of tensor: Tensor) -> Tensor {
    let result = makeTensor(rows: rows.count, columns: tensor.columns, tensor.dtype)
    gather(rows, of: tensor.matrix, columns: tensor.columns, into: result.matrix)
    return result
  }

  public func gatherRows(_ rows: [Int32], of operand: Operand) -> Operand {
    let result = makeOperand(rows: rows.count, columns: operand.columns)
    gather(rows, of: operand.matrix, columns: operand.columns, into: result.matrix)
    return result
  }

  private func gather(_ rows: [Int32], of matrix: MatrixStorage, columns: Int, into result: MatrixStorage) {
    puna_gather_rows(
      context, matrix.pointer, matrix.rowByteCount, rows, Int32(rows.count), columns * matrix.elementSize, result.pointer,
      result.rowByteCount)
  }

  public func scatterRows(_ x: Tensor, to rows: [Int32], of count: Int) -> Tensor {
    let result = makeTensor(rows: count, columns: x.columns, x.dtype)
    fillWithZeros(result)
    puna_scatter_rows(
      context, x.matrix.pointer, x.matrix.rowByteCount, rows, Int32(rows.count), x.columns * x.matrix.elementSize, result.matrix.pointer,
      result.matrix.rowByteCount)
    return result
  }

  public func copy(_ tensor: Tensor) -> Tensor {
    let result = makeTensor(rows: tensor.rows, columns: tensor.columns, tensor.dtype)
    memcpy(result.matrix.pointer, tensor.matrix.pointer, tensor.rows * tensor.matrix.stride * tensor.matrix.elementSize)
    return result
  }

  public func copyRows(_ rows: Range<Int>, of source: Tensor, to destination: Tensor, at position: Int) {
    precondition(source.columns == destination.columns && source.dtype == destination.dtype, "rows of another kind")
    precondition(position + rows.count <= destination.rows, "rows beyond the destination")
    let bytes = source.columns * source.matrix.elementSize
    for (offset, row) in rows.enumerated() { memcpy(destination.matrix.row(position + offset), source.matrix.row(row), bytes) }
  }

  // MARK: Elementwise

  public func makeOperand(from tensor: Tensor) -> Operand {
    let operand = makeOperand(rows: tensor.rows, columns: tensor.columns)
    puna_convert(
      context, isBFloat16, Int32(tensor.rows), Int32(tensor.columns), tensor.matrix.floats, tensor.matrix.stride, operand.matrix.pointer,
      operand.matrix.stride)
    return operand
  }

  public func rmsNorm(_ h: Tensor, scale: Tensor, epsilon: Float) -> (output: Operand, normalized: Operand, inverseRMS: Tensor) {
    let output = makeOperand(rows: h.rows, columns: h.columns)
    let normalized = makeOperand(rows: h.rows, columns: h.columns)
    let inverseRMS = makeTensor(rows: 1, columns: h.rows, .float32)
    puna_rms_norm(
      context, isBFloat16, Int32(h.rows), Int32(h.columns), h.matrix.floats, h.matrix.stride, scale.matrix.floats, epsilon,
      output.matrix.pointer, output.matrix.stride, normalized.matrix.pointer, normalized.matrix.stride, inverseRMS.matrix.floats)
    return (output, normalized, inverseRMS)
  }

  public func scaleColumns(of normalized: Operand, by scale: Tensor) -> Operand {
    let output = makeOperand(rows: normalized.rows, columns: normalized.columns)
    puna_scale_columns(
      context, isBFloat16, Int32(output.rows), Int32(output.columns), normalized.matrix.pointer, normalized.matrix.stride,
      scale.matrix.floats, output.matrix.pointer, output.matrix.stride)
    return output
  }

  public func addRMSNormGradient(_ dy: Tensor, scale: Tensor, normalized: Operand, inverseRMS: Tensor, to dh: Tensor) {
    puna_rms_norm_backward(
      context, isBFloat16, Int32(dh.rows), Int32(dh.columns), dy.matrix.floats, dy.matrix.stride, scale.matrix.floats,
      normalized.matrix.pointer, normalized.matrix.stride, inverseRMS.matrix.floats, dh.matrix.floats, dh.matrix.stride)
  }

  public func swiGLU(_ gateUp: Tensor) -> Operand {
    let output = makeOperand(rows: gateUp.rows, columns: gateUp.columns / 2)
    puna_swiglu(
      context, isBFloat16, Int32(output.rows), Int32(output.columns), gateUp.matrix.pointer, gateUp.matrix.stride, output.matrix.pointer,
      output.matrix.stride)
    return output
  }

  public func swiGLUGradient(_ dy: Tensor, gateUp: Tensor) -> Operand {
    let gradient = makeOperand(rows: gateUp.rows, columns: gateUp.columns)
    puna_swiglu_backward(
      context, isBFloat16, Int32(dy.rows), Int32(dy.columns), dy.matrix.pointer, dy.matrix.stride, gateUp.matrix.pointer,
      gateUp.matrix.stride, gradient.matrix.pointer, gradient.matrix.stride)
    return gradient
  }

  // MARK: Parameters

  public func sumOfSquares(of tensor: Tensor) -> Double {
    precondition(tensor.rows == 1 && tensor.dtype == .float32, "a flat tensor")
    return puna_sum_of_squares(context, tensor.columns, tensor.matrix.floats)
  }

  public func updateAdamW(_ set: ParameterSet, _ step: AdamWStep) {
    guard let gradients = set.gradients, let first = set.firstMoments, let second = set.secondMoments else { return }
    // Neighbours with equal factors are updated together.
    var index = 0
    while index < set.declarations.count {
      let declaration = set.declarations[index]
      var next = index + 1
      while next < set.declarations.count, set.declarations[next].decayFactor == declaration.decayFactor,
        set.declarations[next].learningRateFactor == declaration.learningRateFactor
      {
        next += 1
      }
      let begin = set.offsets[index]
      let end = next < set.declarations.count ? set.offsets[next] : set.count
      puna_adamw(
        context, end - begin, set.values.matrix.floats + begin, gradients.matrix.floats + begin, first.matrix.floats + begin,
        second.matrix.floats + begin, step.gradientScale, step.learningRate * declaration.learningRateFactor,
        step.weightDecay * declaration.decayFactor, step.beta1, step.beta2, step.epsilon, 1 - pow(step.beta1, Double(step.step)),
        1 - pow(step.beta2, Double(step.step)))
      index = next
    }
  }
}
