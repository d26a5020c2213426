import CKernels
import Tensors

extension CPUBackend {
  public func attend(
    q: Tensor, k: Tensor, v: Tensor, shape: AttentionShape, layout: BatchLayout, rotary: RotaryTable, cache: (keys: Tensor, values: Tensor)?
  ) -> (output: Operand, logSumExp: Tensor) {
    rotate(q.matrix, columns: 0, rows: q.rows, heads: shape.heads, shape, layout, rotary, inverse: false)
    rotate(k.matrix, columns: 0, rows: k.rows, heads: shape.keyValueHeads, shape, layout, rotary, inverse: false)
    let output = makeOperand(rows: q.rows, columns: q.columns)
    let logSumExp = makeTensor(rows: 1, columns: q.rows * shape.heads, .float32)
    withAttention(q, k, v, shape, layout, cache) { attention in
      puna_attention_forward(context, attention, output.matrix.pointer, output.matrix.stride, logSumExp.matrix.floats)
    }
    return (output, logSumExp)
  }

  public func attentionGradient(
    _ dOutput: Tensor, q: Tensor, k: Tensor, v: Tensor, output: Operand, logSumExp: Tensor, shape: AttentionShape, layout: BatchLayout,
    rotary: RotaryTable
  ) -> Operand {
    let gradient = makeOperand(rows: q.rows, columns: q.columns + k.columns + v.columns)
    let delta = makeTensor(rows: 1, columns: q.rows * shape.heads, .float32)
    let matrix = gradient.matrix
    withAttention(q, k, v, shape, layout, nil) { attention in
      puna_attention_backward(
        context, attention, output.matrix.pointer, output.matrix.stride, logSumExp.matrix.floats, dOutput.matrix.pointer,
        dOutput.matrix.stride, delta.matrix.floats, matrix.pointer, matrix.stride, matrix.row(0, column: q.columns), matrix.stride,
        matrix.row(0, column: q.columns + k.columns), matrix.stride)
    }
    rotate(matrix, columns: 0, rows: q.rows, heads: shape.heads, shape, layout, rotary, inverse: true)
    rotate(matrix, columns: q.columns, rows: q.rows, heads: shape.keyValueHeads, shape, layout, rotary, inverse: true)
    return gradient
  }

  private func rotate(
    _ matrix: MatrixStorage, columns: Int, rows: Int, heads: Int, _ shape: AttentionShape, _ layout: BatchLayout, _ rotary: RotaryTable,
    inverse: Bool
  ) {
    puna_rotate(
      context, isBFloat16, Int32(rows), Int32(heads), Int32(shape.headDimension), layout.rows.positions, rotary.cosines.matrix.floats,
      rotary.sines.matrix.floats, inverse ? 1 : 0, matrix.row(0, column: columns), matrix.stride)
  }

  private func withAttention(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, _ shape: AttentionShape, _ layout: BatchLayout, _ cache: (keys: Tensor, values: Tensor)?,
    _ body: (UnsafePointer<puna_attention>) -> Void
  ) {
    layout.rows.segments.withUnsafeBufferPointer { segments in
      var attention = puna_attention(
        segments: segments.baseAddress, segment_count: Int32(segments.count), rows: Int32(layout.rowCount), heads: Int32(shape.heads),
        key_value_heads: Int32(shape.keyValueHeads), head_dimension: Int32(shape.headDimension),
        scale: 1 / Float(shape.headDimension).squareRoot(), bf16: isBFloat16, q: q.matrix.pointer, k: k.matrix.pointer,
        v: v.matrix.pointer, q_stride: q.matrix.stride, k_stride: k.matrix.stride, v_stride: v.matrix.stride,
        resident_k: cache?.keys.matrix.pointer, resident_v: cache?.values.matrix.pointer, resident_stride: cache?.keys.matrix.stride ?? 0)
      body(&attention)
    }
  }
}
