import CKernels
import Tensors
import Testing

extension KernelTests {
  @Suite(.serialized) struct VocabularyTests {
    /// Tokens inside and outside of the rows, some of them several times; columns around the width of a task.
    @Test(arguments: [1, 3, 63, 64, 65, 200]) func gatheredGradients(columns: Int) {
      var random = Philox(seed: 3, stream: UInt64(columns))
      let tokens: [Int32] = [5, 9, 4, 5, 0, 8, 12, 5, 4]
      let (first, count) = (4, 5)
      let dh = Matrix(random: &random, tokens.count, columns)
      let g = Matrix(random: &random, count, columns, stride: columns, misalignment: 1)
      let before = (0..<count).map { row in (0..<columns).map { g[row, $0] } }
      withContext(puna_best_isa(), threads: 2) { context in
        puna_add_gathered(context, tokens, Int32(tokens.count), Int32(columns), dh.floats, dh.stride, Int32(first), Int32(count), g.floats)
      }
      for row in 0..<count {
        for column in 0..<columns {
          // In the order of the rows.
          let expected = tokens.indices.filter { Int(tokens[$0]) == first + row }.reduce(before[row][column]) { $0 + dh[$1, column] }
          #expect(g[row, column] == expected)
        }
      }
      #expect(g.isIntact(paddingZeroed: false))
    }

    @Test(arguments: [false, true], [1, 2, 31, 32, 33, 65, 100]) func transposed(bf16: Bool, rows: Int) {
      var random = Philox(seed: 4, stream: UInt64(rows))
      for columns in [1, 31, 32, 33, 70] {
        let x = Matrix(random: &random, rows, columns + 3, bf16: bf16, misalignment: 1)
        let y = Matrix(columns, rows, bf16: bf16, stride: (rows + 31) / 32 * 32 + 32)
        withContext(puna_best_isa(), threads: 2) { context in
          let source = x.pointer + 3 * (bf16 ? 2 : 4)
          puna_transpose(context, bf16 ? 2 : 4, source, x.stride, Int32(rows), Int32(columns), y.pointer, y.stride)
        }
        #expect(y.mismatch { Double(x[$1, $0 + 3]) } == nil)
        #expect(y.isIntact(paddingZeroed: true))
      }
    }
  }
}
