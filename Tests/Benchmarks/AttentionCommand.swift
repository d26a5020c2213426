import ArgumentParser
import CKernels
import CPUBackend
import Glibc
import Tensors

struct AttentionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attention", abstract: "Causal attention over one long sequence, forward and backward; medians over repeats.",
    discussion: """
      The share is of the product instruction's peak beside it, counting what a causal mask leaves: two products of each pair of positions \
      forward, five backward. Memory is what the workers hold beside inputs and results. pytorch_attention.py compares with PyTorch.
      """)

  @Option(help: "bfloat16 or float32; what the processor is best at when not given.")
  var precision: Precision?

  @Option(help: "Positions.")
  var length: [Int] = [2048, 8192]

  @Option(help: "Query heads.")
  var heads = 32

  @Option(help: "Key-value heads.")
  var keyValueHeads = 32

  @Option(help: "Head dimension.")
  var dimension = 64

  @Option(help: "Repeats of each length.")
  var repeats = 7

  @Option(help: "Threads; every processor available when not given.")
  var threads: Int?

  @Flag(help: "For pytorch_attention.py: answer every line of input with the seconds of one forward and one backward, and the peak.")
  var inTurns = false

  func run() throws {
    let set = try InstructionSet.chosen()
    let precision = precision ?? (set.multipliesBFloat16 ? .bfloat16 : .float32)
    guard precision == .float32 || set.multipliesBFloat16 else { throw CPUBackendError.precisionNeedsInstructions(set) }
    let context = try KernelContext(threads: threads)
    let peak = try Peak(precision, threads: threads)
    if !inTurns {
      print("\(set.rawValue), \(precision.rawValue), \(heads) heads of \(dimension), \(keyValueHeads) of keys and values")
    }
    for length in length {
      let benchmark = AttentionBenchmark(
        context, bfloat16: precision == .bfloat16, length: length, heads: heads, keyValueHeads: keyValueHeads, dimension: dimension)
      if inTurns {
        while readLine() != nil {
          let before = peak.measure()
          print(benchmark.forward(), benchmark.backward(), (before + peak.measure()) / 2)
          fflush(nil)
        }
        return
      }
      var times: [[Double]] = [[], []], shares: [[Double]] = [[], []]
      for turn in -1..<repeats {
        let before = peak.measure()
        let forward = benchmark.forward(), backward = benchmark.backward()
        let rate = (before + peak.measure()) / 2
        guard turn >= 0 else { continue }
        for (index, (time, products)) in [(forward, 2.0), (backward, 5.0)].enumerated() {
          times[index].append(time)
          shares[index].append(products * benchmark.operations / time / rate)
        }
      }
      print(
        """
        \(format(Double(length), width: 6)) positions: forward \(format(median(times[0]), digits: 3)) s, \
        \(format(median(shares[0]) * 100, digits: 1)) % of the peak; backward \(format(median(times[1]), digits: 3)) s, \
        \(format(median(shares[1]) * 100, digits: 1)) %; workers hold \(format(Double(puna_scratch_bytes(context.pointer)) / 1e6)) MB
        """)
    }
  }
}

/// One root segment's attention with random inputs.
private final class AttentionBenchmark {
  private let context: KernelContext
  private let bfloat16: Bool
  private let length: Int, heads: Int, keyValueHeads: Int, dimension: Int
  private let q: Buffer, k: Buffer, v: Buffer, output: Buffer, dOutput: Buffer, dq: Buffer, dk: Buffer, dv: Buffer
  private let logSumExp: Buffer, delta: Buffer

  init(_ context: KernelContext, bfloat16: Bool, length: Int, heads: Int, keyValueHeads: Int, dimension: Int) {
    self.context = context
    self.bfloat16 = bfloat16
    self.length = length
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.dimension = dimension
    let wide = length * heads * dimension * (bfloat16 ? 2 : 4)
    let narrow = wide / heads * keyValueHeads
    func made(_ count: Int, _ seed: UInt64) -> Buffer {
      let buffer = Buffer(byteCount: count, hugePages: true)
      buffer.fillRandomly(float32: !bfloat16, seed: seed)
      return buffer
    }
    (q, output, dOutput, dq) = (made(wide, 1), made(wide, 2), made(wide, 3), made(wide, 4))
    (k, v, dk, dv) = (made(narrow, 5), made(narrow, 6), made(narrow, 7), made(narrow, 8))
    (logSumExp, delta) = (made(length * heads * 4, 9), made(length * heads * 4, 10))
  }

  /// Of one product of all pairs of positions that see each other.
  var operations: Double { Double(length) * Double(length + 1) * Double(heads * dimension) }

  func forward() -> Double {
    run { puna_attention_forward(context.pointer, $0, output.pointer, heads * dimension, logSumExp.floats) }
  }

  func backward() -> Double {
    let (wide, narrow) = (heads * dimension, keyValueHeads * dimension)
    return run {
      puna_attention_backward(
        context.pointer, $0, output.pointer, wide, logSumExp.floats, dOutput.pointer, wide, delta.floats, dq.pointer, wide, dk.pointer,
        narrow, dv.pointer, narrow)
    }
  }

  private func run(_ body: (UnsafePointer<puna_attention>) -> Void) -> Double {
    var segment = puna_attention_segment(parent: -1, resident: 0, begin: 0, count: Int32(length))
    return withUnsafePointer(to: &segment) { segment in
      var attention = puna_attention(
        segments: segment, segment_count: 1, rows: Int32(length), heads: Int32(heads), key_value_heads: Int32(keyValueHeads),
        head_dimension: Int32(dimension), scale: 1 / Float(dimension).squareRoot(), bf16: bfloat16 ? 1 : 0, q: q.pointer, k: k.pointer,
        v: v.pointer, q_stride: heads * dimension, k_stride: keyValueHeads * dimension, v_stride: keyValueHeads * dimension,
        resident_k: nil, resident_v: nil, resident_stride: 0)
      return withUnsafePointer(to: &attention) { attention in seconds { body(attention) } }
    }
  }
}

extension Buffer {
  fileprivate var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
}
