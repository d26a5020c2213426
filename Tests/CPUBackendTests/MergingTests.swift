import CPUBackend
import Tensors
import TestSupport
import Testing

@Suite(.serialized) struct MergingTests {
  /// The seam: whatever the instruction set and the number of threads, the bits of the plain loops.
  @Test(arguments: InstructionSet.allCases.filter(\.isAvailable), [1, 2])
  func everyInstructionSetGivesTheBitsOfThePlainLoops(set: InstructionSet, threads: Int) throws {
    let backend = try CPUBackend(precision: .float32, threads: threads, instructionSet: set)
    var random = Philox(seed: 3, stream: 1)
    let (rows, columns) = (13, 37)
    for (dtype, outputType) in [(DType.bfloat16, DType.bfloat16), (.float16, .bfloat16), (.float32, .float16), (.bfloat16, .float32)] {
      let weights = (0..<rows * columns * dtype.byteCount / 2).map { _ in UInt16(random.next32() & 0x3FFF) }
      let terms = [(3, 0.7), (1, -2)].map { rank, factor in
        MergeTerm(
          rank: rank, factor: factor, a: (0..<rank * columns).map { _ in random.nextUniform() - 0.5 },
          b: (0..<rows * rank).map { _ in Double(random.nextUniform()) })
      }
      let factors: [Double]? = dtype == .float16 ? (0..<rows).map { 1 / Double($0 + 1) } : nil
      func merged(_ merger: any RowMerger) -> ([UInt8], Bool) {
        var output = [UInt8](repeating: 0, count: rows * columns * outputType.byteCount)
        let isFinite = weights.withUnsafeBytes { weights in
          output.withUnsafeMutableBytes {
            merger.mergeRows(weights, dtype, rows: rows, columns: columns, terms: terms, rowFactors: factors, into: $0, outputType)
          }
        }
        return (output, isFinite)
      }
      let (expected, found) = (merged(PlainMerger()), merged(backend))
      #expect(expected.1 && found.1)
      #expect(expected.0 == found.0, "\(dtype) to \(outputType)")
    }
  }
}
