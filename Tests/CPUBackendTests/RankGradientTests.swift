import CKernels
import Tensors
import Testing

extension CPUBackendTests {
  @Test("Gradients of a low-rank factor agree with the reference, either way round", arguments: Variant.all, [false, true])
  func rankGradient(variant: Variant, transposed: Bool) {
    var random = Philox(seed: 5, stream: 3)
    variant.withContext { context in
      for (n, rank, columns) in [(1, 1, 1), (3, 8, 33), (255, 7, 16), (256, 8, 65), (257, 13, 100), (513, 64, 130), (700, 3, 5)] {
        let du = Matrix(n, rank, stride: rank + 3, isBFloat16: variant.isBFloat16)
        let x = Matrix(n, columns, stride: columns + 1, isBFloat16: variant.isBFloat16)
        let (rows, width) = transposed ? (columns, rank) : (rank, columns)
        let g = Matrix(rows, width, stride: width + 2, isBFloat16: false)
        for matrix in [du, x, g] { matrix.fillRandomly(&random) }
        var expected: [Double] = [], tolerances: [Double] = []
        for row in 0..<g.rows {
          for column in 0..<g.columns {
            let (r, c) = transposed ? (column, row) : (row, column)
            var sum = Double(g[row, column]), magnitude = abs(sum)
            for i in 0..<n {
              let product = Double(du[i, r]) * Double(x[i, c])
              sum += product
              magnitude += abs(product)
            }
            expected.append(sum)
            tolerances.append(magnitude * 0x1p-24 * (4 * Double(n).squareRoot() + 4))
          }
        }
        puna_rank_gradient(
          context, variant.flag, Int32(n), Int32(rank), Int32(columns), du.pointer, du.stride, x.pointer, x.stride,
          g.pointer.assumingMemoryBound(to: Float.self), g.stride, transposed ? 1 : 0)
        let worst = expected.indices.filter { !(abs(Double(g[$0 / g.columns, $0 % g.columns]) - expected[$0]) <= tolerances[$0]) }
        #expect(worst.isEmpty, "\(n) x \(rank) x \(columns)")
        #expect(g.guardsAreIntact)
      }
    }
  }

  @Test("Gradients of a low-rank factor do not depend on the number of threads", arguments: Variant.all)
  func rankGradientThreads(variant: Variant) {
    let results = [1, 2, 3].map { threads in
      var random = Philox(seed: 6, stream: 4)
      let du = Matrix(600, 8, stride: 32, isBFloat16: variant.isBFloat16), x = Matrix(600, 300, stride: 300, isBFloat16: variant.isBFloat16)
      let g = Matrix(8, 300, stride: 300, isBFloat16: false)
      for matrix in [du, x, g] { matrix.fillRandomly(&random) }
      variant.withContext(threads: threads) { context in
        puna_rank_gradient(
          context, variant.flag, 600, 8, 300, du.pointer, du.stride, x.pointer, x.stride, g.pointer.assumingMemoryBound(to: Float.self),
          g.stride, 0)
      }
      return g.bytes
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }
}
