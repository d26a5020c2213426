import ArgumentParser
import CKernels
import CPUBackend
import Glibc
import Tensors

extension Precision: ExpressibleByArgument {}

struct GEMMCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gemm", abstract: "Products of activations with cold, unaligned weights; medians over repeats.",
    discussion: """
      Each repeat samples the peak of the product instruction before and after the product; the share is the median of the ratios.
      float32 runs OpenBLAS beside, in turns. pytorch_linear.py compares with PyTorch.
      """)

  @Option(help: "bfloat16 or float32; both when not given.")
  var precision: Precision?

  @Option(help: "Shapes as M,K,N.")
  var shape: [String] = [
    "1024,2048,2048", "2048,2048,2048", "1024,2048,5632", "1024,5632,2048", "2048,5632,2048", "256,2048,2048", "16,2048,2048",
    "1,2048,2048",
  ]

  @Option(help: "Repeats of each shape.")
  var repeats = 15

  @Option(help: "Threads; every processor available when not given.")
  var threads: Int?

  @Flag(help: "For pytorch_linear.py: answer every line of input with the seconds of one x Wᵀ or, to 'transposed', dy W, and the peak.")
  var inTurns = false

  func run() throws {
    let set = try InstructionSet.chosen()
    let count = threads ?? Int(puna_available_cores())
    let isa = puna_isa(rawValue: UInt32(InstructionSet.allCases.firstIndex(of: set) ?? 0))
    guard let context = puna_context_create(Int32(count), isa) else { throw CPUBackendError.noThreads(count) }
    defer { puna_context_destroy(context) }
    if set == .generic { try OpenBLAS.useForGenericProducts() }
    let precisions = (precision.map { [$0] } ?? Precision.allCases).filter { $0 == .float32 || set.multipliesBFloat16 }
    if inTurns {
      try answer(context, precisions)
      return
    }
    print("\(set.rawValue), \(count) threads, \(repeats) repeats; GFLOP/s are medians, 'share' is of the instruction's peak beside it")
    for precision in precisions {
      for shape in shape {
        for transposed in [false, true] {
          let (m, k, n) = try dimensions(shape)
          print(
            try measure(
              GEMMBenchmark(context: context, bfloat16: precision == .bfloat16, transposed: transposed, m: m, k: k, n: n)))
        }
      }
    }
  }

  private func dimensions(_ text: String) throws -> (Int, Int, Int) {
    let numbers = text.split(separator: ",").compactMap { Int($0) }
    guard numbers.count == 3, numbers.allSatisfy({ $0 > 0 }), numbers[1] % 32 == 0 else {
      throw ValidationError("'\(text)' is no shape: expected M,K,N with K a multiple of 32.")
    }
    return (numbers[0], numbers[1], numbers[2])
  }

  private func measure(_ benchmark: GEMMBenchmark) throws -> String {
    let library: OpenBLAS? = benchmark.bfloat16 ? nil : try OpenBLAS.shared()
    var rates: [Double] = [], shares: [Double] = [], peaks: [Double] = [], others: [Double] = [], ratios: [Double] = []
    for turn in -1..<repeats {
      let before = benchmark.peak()
      let rate = benchmark.operations / benchmark.runPuna()
      let peak = (before + benchmark.peak()) / 2
      let other = library.map { benchmark.operations / benchmark.runOpenBLAS($0) }
      guard turn >= 0 else { continue }
      rates.append(rate)
      peaks.append(peak)
      shares.append(rate / peak)
      if let other {
        others.append(other)
        ratios.append(rate / other)
      }
    }
    let name = "\(benchmark.bfloat16 ? "bfloat16" : "float32 ") \(benchmark.transposed ? "dy W" : "x Wᵀ")"
    var line = "\(name)  \(benchmark.m) x \(benchmark.k) x \(benchmark.n): \(format(median(rates) / 1e9)) GFLOP/s,"
    line += " share \(format(median(shares) * 100, digits: 1)) % of \(format(median(peaks) / 1e9))"
    if benchmark.m < 64 {
      let bytes = Double(benchmark.n * benchmark.k * (benchmark.bfloat16 ? 2 : 4))
      line += ", weights at \(format(bytes * median(rates) / benchmark.operations / 1e9, digits: 1)) GB/s"
    }
    if !others.isEmpty { line += "; OpenBLAS \(format(median(others) / 1e9)), \(format(median(ratios), digits: 2)) times as fast" }
    return line
  }

  private func answer(_ context: OpaquePointer, _ precisions: [Precision]) throws {
    let (m, k, n) = try dimensions(shape[0])
    let benchmarks = [false, true].map {
      GEMMBenchmark(context: context, bfloat16: precisions.first == .bfloat16, transposed: $0, m: m, k: k, n: n)
    }
    while let line = readLine() {
      let benchmark = benchmarks[line == "transposed" ? 1 : 0]
      let before = benchmark.peak()
      let time = benchmark.runPuna()
      print(time, (before + benchmark.peak()) / 2)
      fflush(nil)
    }
  }
}
