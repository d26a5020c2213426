import CKernels
import CPUBackend

/// One product of a shape with weights that are cold (more of them than caches hold, taken in turn) and unaligned (as in a file).
final class GEMMBenchmark {
  let bfloat16: Bool
  let transposed: Bool
  let m: Int, k: Int, n: Int
  private let context: OpaquePointer
  private let x: Buffer, y: Buffer, weights: Buffer
  private let weightBytes: Int, copies: Int
  private var turn = 0

  /// - Parameters:
  ///   - transposed: false for `x Wᵀ` with W [n, k], true for `dy W` with W [k, n].
  init(context: OpaquePointer, bfloat16: Bool, transposed: Bool, m: Int, k: Int, n: Int) {
    self.context = context
    self.bfloat16 = bfloat16
    self.transposed = transposed
    self.m = m
    self.k = k
    self.n = n
    let size = bfloat16 ? 2 : 4
    weightBytes = n * k * size
    copies = 1 + (256 << 20) / weightBytes
    x = Buffer(byteCount: m * k * size, hugePages: true)
    y = Buffer(byteCount: m * n * size, hugePages: true)
    weights = Buffer(byteCount: weightBytes * copies + 64, hugePages: false)
    x.fillRandomly(float32: !bfloat16, seed: 1)
    weights.fillRandomly(float32: !bfloat16, seed: 2)
  }

  var operations: Double { 2 * Double(m) * Double(n) * Double(k) }

  private func nextWeight() -> UnsafeMutableRawPointer {
    turn += 1
    return weights.pointer + weightBytes * (turn % copies) + 6
  }

  /// Seconds of one product. Its output has the element type of its input, as PyTorch's.
  func runPuna() -> Double {
    let (rows, columns) = transposed ? (k, n) : (n, k)
    var segment = puna_segment(
      bytes: nextWeight(), row_byte_stride: columns * (bfloat16 ? 2 : 4), dtype: bfloat16 ? PUNA_BFLOAT16 : PUNA_FLOAT32, row_begin: 0,
      row_count: Int32(rows), column_begin: 0, column_count: Int32(columns), rotary_head_dimension: 0)
    return withUnsafePointer(to: &segment) { segment in
      var weight = puna_weight(segments: segment, segment_count: 1, rows: Int32(rows), columns: Int32(columns))
      return withUnsafePointer(to: &weight) { weight in
        var term = puna_gemm_term(x: x.pointer, x_stride: k, weight: weight, transposed: transposed ? 1 : 0, n_begin: 0)
        var destination = puna_destination(
          kind: bfloat16 ? PUNA_STORE_BF16 : PUNA_STORE, y: y.pointer, y_stride: n, n_begin: 0, n_count: Int32(n), scale: 1)
        return seconds { puna_gemm(context, bfloat16 ? 1 : 0, Int32(m), &term, 1, &destination, 1) }
      }
    }
  }

  /// Seconds of the same product by OpenBLAS (float32), its rows shared among the context's threads.
  func runOpenBLAS(_ library: OpenBLAS) -> Double {
    /// A copy at an aligned address would be kinder to it, but files promise none.
    let job = OpenBLASJob(
      library: library, m: m, n: n, k: k, transposed: transposed, parts: Int(puna_context_threads(context)),
      a: x.pointer.assumingMemoryBound(to: Float.self), b: (nextWeight() - 2).assumingMemoryBound(to: Float.self),
      c: y.pointer.assumingMemoryBound(to: Float.self))
    return withExtendedLifetime(job) {
      seconds {
        puna_parallel_for(
          context, job.parts,
          { argument, index, _ in
            guard let argument else { return }
            Unmanaged<OpenBLASJob>.fromOpaque(argument).takeUnretainedValue().run(part: index)
          }, Unmanaged.passUnretained(job).toOpaque())
      }
    }
  }

  /// Operations a second of the product instruction alone, over the same cores, now.
  func peak() -> Double { puna_measure_peak(context, bfloat16 ? 1 : 0, 0.01) }
}

private final class OpenBLASJob {
  let library: OpenBLAS
  let m: Int, n: Int, k: Int, transposed: Bool, parts: Int
  let a: UnsafeMutablePointer<Float>, b: UnsafeMutablePointer<Float>, c: UnsafeMutablePointer<Float>

  init(
    library: OpenBLAS, m: Int, n: Int, k: Int, transposed: Bool, parts: Int, a: UnsafeMutablePointer<Float>,
    b: UnsafeMutablePointer<Float>, c: UnsafeMutablePointer<Float>
  ) {
    self.library = library
    self.m = m
    self.n = n
    self.k = k
    self.transposed = transposed
    self.parts = parts
    self.a = a
    self.b = b
    self.c = c
  }

  func run(part: Int) {
    let begin = m * part / parts, end = m * (part + 1) / parts
    library.multiply(
      m: end - begin, n: n, k: k, a: a + begin * k, aStride: k, b: b, bStride: transposed ? n : k, transposed: transposed,
      into: c + begin * n, cStride: n)
  }
}
