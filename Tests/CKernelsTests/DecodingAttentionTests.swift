import CKernels
import Tensors
import Testing

/// A cache of several sequences, each continued by a few rows: what decoding asks for. Key tiles are then packed where they are used.
extension KernelTests.Attention {
  /// Residents of these counts, each continued by the number of rows beside it.
  private func continued(_ counts: [(resident: Int, rows: Int)]) -> Forest {
    var random = Philox(seed: 0, stream: 0)
    var forest = Forest([], random: &random)
    for (resident, _) in counts {
      forest.segments.append(puna_attention_segment(parent: -1, resident: 1, begin: Int32(forest.residentRows), count: Int32(resident)))
      forest.residentRows += resident + 3
    }
    for (index, (_, rows)) in counts.enumerated() {
      forest.segments.append(puna_attention_segment(parent: Int32(index), resident: 0, begin: Int32(forest.rows), count: Int32(rows)))
      forest.rows += rows
    }
    return forest
  }

  private static let continuations = [0, 1, 15, 16, 17, 63, 64, 65, 200].enumerated().map { (resident: $1, rows: 1 + $0 % 3) }

  /// Another segment without a parent, longer than any tile of queries: keys are then packed before they are used.
  private func withPrompt(_ forest: Forest) -> Forest {
    var forest = forest
    forest.segments.append(puna_attention_segment(parent: -1, resident: 0, begin: Int32(forest.rows), count: 70))
    forest.rows += 70
    return forest
  }

  @Test(arguments: AttentionShape.all, [false, true]) func decoding(_ shape: AttentionShape, _ bf16: Bool) {
    var random = Philox(seed: 11, stream: 31)
    let buffers = AttentionBuffers(continued(Self.continuations), shape, bf16: bf16, random: &random)
    let reference = AttentionReference(buffers)
    for isa in instructionSets {
      withContext(isa, threads: 2) { buffers.run($0, backward: false) }
      let largest = reference.output.joined().reduce(1e-3) { max($0, abs($1)) }
      #expect(buffers.output.isIntact(paddingZeroed: true) && buffers.logSumExp.isIntact(paddingZeroed: false))
      #expect(buffers.output.mismatch(absolute: largest * (bf16 ? 0x1p-7 : 0x1p-18)) { reference.output[$0][$1] } == nil)
      #expect(buffers.logSumExp.mismatch(absolute: 0x1p-17) { reference.logSumExp[$0][$1] } == nil)
    }
  }

  @Test(arguments: Variant.all) func decodingEqualsDecodingBesideAPrompt(_ variant: Variant) {
    let shape = AttentionShape(heads: 6, keyValueHeads: 2, dimension: 32)
    var random = Philox(seed: 12, stream: 32)
    let forest = continued(Self.continuations)
    let beside = AttentionBuffers(withPrompt(forest), shape, bf16: variant.bf16, random: &random)
    let alone = AttentionBuffers(forest, shape, bf16: variant.bf16, random: &random)
    for (from, to) in [(beside.q, alone.q), (beside.k, alone.k), (beside.v, alone.v)] + residents(beside, alone) {
      for row in 0..<to.rows { for column in 0..<to.columns { to[row, column] = from[row, column] } }
    }
    withContext(variant.isa) { context in
      beside.run(context, backward: false)
      alone.run(context, backward: false)
    }
    #expect(alone.output.mismatch { Double(beside.output[$0, $1]) } == nil)
    #expect(alone.logSumExp.mismatch { Double(beside.logSumExp[$0, $1]) } == nil)
  }

  private func residents(_ from: AttentionBuffers, _ to: AttentionBuffers) -> [(Matrix, Matrix)] {
    [(from.residentK, to.residentK), (from.residentV, to.residentV)]
  }
}
