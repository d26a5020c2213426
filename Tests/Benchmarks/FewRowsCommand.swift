import ArgumentParser
import CKernels
import CPUBackend
import Tensors

/// The products of one decoding step, with weights that are cold (more of them than caches hold, taken in turn) and unaligned.
struct FewRowsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "few-rows", abstract: "Products with few rows on the shapes of a 1.1B model, against the memory's rate of reading.",
    discussion: """
      Each repeat reads memory with all threads before and after a pass over the shapes of eight layers; the share is the median of the
      ratios. Weights are read at this rate whatever the number of rows, as long as memory is the limit.
      """)

  @Option(help: "bfloat16 or float32; both when not given.")
  var precision: Precision?

  @Option(help: "Rows: sequences that are decoded together.")
  var rows: [Int] = [1, 2, 4, 8, 16]

  @Option(help: "Repeats of each number of rows.")
  var repeats = 15

  @Option(help: "Threads; every processor available when not given.")
  var threads: Int?

  func run() throws {
    let set = try InstructionSet.chosen()
    let count = threads ?? Int(puna_available_cores())
    let isa = puna_isa(rawValue: UInt32(InstructionSet.allCases.firstIndex(of: set) ?? 0))
    guard let context = puna_context_create(Int32(count), isa) else { throw CPUBackendError.noThreads(count) }
    defer { puna_context_destroy(context) }
    if set == .generic { try OpenBLAS.useForGenericProducts() }
    print("\(set.rawValue), \(count) threads, bfloat16 weights, \(repeats) repeats; medians")
    for precision in precision.map({ [$0] }) ?? Precision.allCases where precision == .float32 || set.multipliesBFloat16 {
      let benchmark = FewRowsBenchmark(context: context, bfloat16: precision == .bfloat16, mostRows: rows.max() ?? 1)
      var alone = 0.0
      for rows in rows {
        let (rate, share) = measure(benchmark, rows)
        let perSecond = rate / Double(benchmark.weightBytes) * Double(rows)
        if alone == 0 { alone = perSecond / Double(rows) }
        print(
          "\(precision.rawValue)  \(format(Double(rows), width: 3)) rows: weights at \(format(rate / 1e9, digits: 1)) GB/s,",
          "\(format(share * 100, digits: 1)) % of what memory reads;", "\(format(perSecond / alone, digits: 2)) times the rows of the first"
        )
      }
    }
  }

  private func measure(_ benchmark: FewRowsBenchmark, _ rows: Int) -> (rate: Double, share: Double) {
    var rates: [Double] = [], shares: [Double] = []
    for turn in -1..<repeats {
      let before = benchmark.bandwidth()
      let rate = Double(benchmark.weightBytes) / benchmark.run(rows: rows)
      let bandwidth = (before + benchmark.bandwidth()) / 2
      guard turn >= 0 else { continue }
      rates.append(rate)
      shares.append(rate / bandwidth)
    }
    return (median(rates), median(shares))
  }
}

private final class FewRowsBenchmark {
  /// Outputs and inputs: q‖k‖v, o, gate‖up, down.
  private let shapes = [(2560, 2048), (2048, 2048), (11264, 2048), (2048, 5632)]
  private let layers = 8
  private let bfloat16: Bool
  private let context: OpaquePointer
  private let x: Buffer, y: Buffer, weights: Buffer
  /// Bytes of one pass.
  let weightBytes: Int

  init(context: OpaquePointer, bfloat16: Bool, mostRows: Int) {
    self.context = context
    self.bfloat16 = bfloat16
    weightBytes = 2 * layers * shapes.reduce(0) { $0 + $1.0 * $1.1 }
    x = Buffer(byteCount: mostRows * (5632 + 512) * 4, hugePages: true)
    y = Buffer(byteCount: mostRows * 11264 * 4, hugePages: true)
    weights = Buffer(byteCount: weightBytes + 64, hugePages: false)
    x.fillRandomly(float32: !bfloat16, seed: 1)
    weights.fillRandomly(float32: false, seed: 2)
  }

  /// Seconds of every product of a pass.
  func run(rows: Int) -> Double {
    var bytes = weights.pointer + 6
    return seconds {
      for _ in 0..<layers {
        for (outputs, inputs) in shapes {
          multiply(rows, outputs, inputs, bytes)
          bytes += outputs * inputs * 2
        }
      }
    }
  }

  private func multiply(_ rows: Int, _ outputs: Int, _ inputs: Int, _ bytes: UnsafeMutableRawPointer) {
    var segment = puna_segment(
      bytes: bytes, row_byte_stride: inputs * 2, dtype: PUNA_BFLOAT16, row_begin: 0, row_count: Int32(outputs), column_begin: 0,
      column_count: Int32(inputs), rotary_head_dimension: 0)
    withUnsafePointer(to: &segment) { segment in
      var weight = puna_weight(segments: segment, segment_count: 1, rows: Int32(outputs), columns: Int32(inputs))
      withUnsafePointer(to: &weight) { weight in
        // As operands of few rows lie.
        let stride = inputs % 2048 == 0 ? inputs + 512 : inputs
        var term = puna_gemm_term(x: x.pointer, x_stride: stride, weight: weight, transposed: 0, n_begin: 0)
        var destination = puna_destination(
          kind: bfloat16 ? PUNA_STORE_BF16 : PUNA_STORE, y: y.pointer, y_stride: outputs, n_begin: 0, n_count: Int32(outputs), scale: 1)
        puna_gemm(context, bfloat16 ? 1 : 0, Int32(rows), &term, 1, &destination, 1)
      }
    }
  }

  /// Bytes a second that all threads read from memory, now.
  func bandwidth() -> Double { puna_measure_bandwidth(context, 0.02) }
}
