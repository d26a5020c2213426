import CKernels
import Foundation
import Tensors
import Testing

/// Sizes of one attention call.
struct AttentionShape: CustomTestStringConvertible {
  var heads: Int
  var keyValueHeads: Int
  var dimension: Int
  var testDescription: String { "\(heads) heads, \(keyValueHeads) of keys, dimension \(dimension)" }
  var group: Int { heads / keyValueHeads }
  var scale: Float { 1 / Float(dimension).squareRoot() }

  static let all = [
    AttentionShape(heads: 4, keyValueHeads: 2, dimension: 8), AttentionShape(heads: 3, keyValueHeads: 1, dimension: 16),
    AttentionShape(heads: 6, keyValueHeads: 2, dimension: 32), AttentionShape(heads: 8, keyValueHeads: 1, dimension: 64),
    AttentionShape(heads: 2, keyValueHeads: 2, dimension: 80), AttentionShape(heads: 3, keyValueHeads: 3, dimension: 96),
    AttentionShape(heads: 4, keyValueHeads: 2, dimension: 128), AttentionShape(heads: 5, keyValueHeads: 5, dimension: 6),
    AttentionShape(heads: 1, keyValueHeads: 1, dimension: 2), AttentionShape(heads: 2, keyValueHeads: 1, dimension: 256),
    AttentionShape(heads: 40, keyValueHeads: 1, dimension: 10),
  ]
}

/// A forest of segments: counts around the tiles' sizes, random parents. Residents come first, in a cache with gaps.
struct Forest {
  var segments: [puna_attention_segment] = []
  var rows = 0
  var residentRows = 0

  init(_ counts: [Int], residents: [Int] = [], random: inout Philox) {
    for count in residents {
      let parent = segments.isEmpty ? -1 : Int(random.next32()) % segments.count
      segments.append(puna_attention_segment(parent: Int32(parent), resident: 1, begin: Int32(residentRows), count: Int32(count)))
      residentRows += count + 2
    }
    for count in counts {
      let parent = segments.isEmpty ? -1 : Int(random.next32()) % (segments.count + 1) - 1
      segments.append(puna_attention_segment(parent: Int32(parent), resident: 0, begin: Int32(rows), count: Int32(count)))
      rows += count
    }
  }

  /// Segments from `index` up to its root.
  func chain(_ index: Int) -> [Int] {
    var chain: [Int] = []
    var next = index
    while next >= 0 {
      chain.append(next)
      next = Int(segments[next].parent)
    }
    return chain
  }

  /// Rows that the row at `position` of segment `index` sees; those of residents as −1 − row.
  func visible(_ index: Int, _ position: Int) -> [Int] {
    chain(index).flatMap { ancestor in
      let segment = segments[ancestor]
      let count = ancestor == index ? position + 1 : Int(segment.count)
      return (0..<count).map { segment.resident == 1 ? -1 - Int(segment.begin) - $0 : Int(segment.begin) + $0 }
    }
  }
}

/// Operands and results of a call.
struct AttentionBuffers {
  let forest: Forest
  let shape: AttentionShape
  let bf16: Bool
  let q, k, v, residentK, residentV, dOutput: Matrix
  let output, dq, dk, dv, logSumExp, delta: Matrix

  init(_ forest: Forest, _ shape: AttentionShape, bf16: Bool, random: inout Philox, queryScale: Float = 1) {
    self.forest = forest
    self.shape = shape
    self.bf16 = bf16
    let width = shape.heads * shape.dimension
    let keyWidth = shape.keyValueHeads * shape.dimension
    // Misaligned where the contract allows it: queries, keys and values only have to be elements.
    q = Matrix(random: &random, forest.rows, width, bf16: bf16, stride: width + 3, misalignment: 1, scale: queryScale)
    k = Matrix(random: &random, forest.rows, keyWidth, bf16: bf16)
    v = Matrix(random: &random, forest.rows, keyWidth, bf16: bf16, misalignment: 3)
    residentK = Matrix(random: &random, forest.residentRows, keyWidth, bf16: bf16)
    residentV = Matrix(random: &random, forest.residentRows, keyWidth, bf16: bf16)
    dOutput = Matrix(random: &random, forest.rows, width, bf16: bf16)
    output = Matrix(forest.rows, width, bf16: bf16)
    dq = Matrix(forest.rows, width, bf16: bf16)
    dk = Matrix(forest.rows, keyWidth, bf16: bf16)
    dv = Matrix(forest.rows, keyWidth, bf16: bf16)
    logSumExp = Matrix(forest.rows, shape.heads, stride: shape.heads)
    delta = Matrix(forest.rows, shape.heads, stride: shape.heads)
  }

  func run(_ context: OpaquePointer, backward: Bool) {
    forest.segments.withUnsafeBufferPointer { segments in
      var call = puna_attention(
        segments: segments.baseAddress, segment_count: Int32(segments.count), rows: Int32(forest.rows), heads: Int32(shape.heads),
        key_value_heads: Int32(shape.keyValueHeads), head_dimension: Int32(shape.dimension), scale: shape.scale, bf16: bf16 ? 1 : 0,
        q: q.pointer, k: k.pointer, v: v.pointer, q_stride: q.stride, k_stride: k.stride, v_stride: v.stride,
        resident_k: residentK.pointer, resident_v: residentV.pointer, resident_stride: residentK.stride)
      puna_attention_forward(context, &call, output.pointer, output.stride, logSumExp.floats)
      guard backward else { return }
      puna_attention_backward(
        context, &call, output.pointer, output.stride, logSumExp.floats, dOutput.pointer, dOutput.stride, delta.floats, dq.pointer,
        dq.stride, dk.pointer, dk.stride, dv.pointer, dv.stride)
    }
  }

  var isIntact: Bool {
    output.isIntact(paddingZeroed: true)
      && [q, k, v, dOutput, logSumExp, delta, dq, dk, dv].allSatisfy { $0.isIntact(paddingZeroed: false) }
  }

  var results: [[UInt8]] { [output, logSumExp, dq, dk, dv].map(\.bytes) }
}

/// Attention as the equations say, in Double.
struct AttentionReference {
  let shape: AttentionShape
  let forest: Forest
  var q, k, v, residentK, residentV, dOutput: [[Double]]
  private(set) var output, logSumExp, dq, dk, dv: [[Double]]

  init(_ buffers: AttentionBuffers) {
    func doubles(_ matrix: Matrix) -> [[Double]] {
      (0..<matrix.rows).map { row in (0..<matrix.columns).map { Double(matrix[row, $0]) } }
    }
    (shape, forest) = (buffers.shape, buffers.forest)
    (q, k, v) = (doubles(buffers.q), doubles(buffers.k), doubles(buffers.v))
    (residentK, residentV, dOutput) = (doubles(buffers.residentK), doubles(buffers.residentV), doubles(buffers.dOutput))
    (output, logSumExp, dq, dk, dv) = ([], [], [], [], [])
    compute()
  }

  mutating func compute() {
    output = zeros(forest.rows, shape.heads * shape.dimension)
    dq = output
    dk = zeros(forest.rows, shape.keyValueHeads * shape.dimension)
    dv = dk
    logSumExp = zeros(forest.rows, shape.heads)
    for (index, segment) in forest.segments.enumerated() where segment.resident == 0 {
      for position in 0..<Int(segment.count) {
        for head in 0..<shape.heads { attend(row: Int(segment.begin) + position, head: head, keys: forest.visible(index, position)) }
      }
    }
  }

  private mutating func attend(row: Int, head: Int, keys: [Int]) {
    let dimension = shape.dimension
    let at = head * dimension
    let keyAt = head / shape.group * dimension
    let scale = Double(shape.scale)
    let scores = keys.map { key in
      let k = key < 0 ? residentK[-1 - key] : k[key]
      return scale * (0..<dimension).reduce(0) { $0 + q[row][at + $1] * k[keyAt + $1] }
    }
    let greatest = scores.max() ?? 0
    let total = greatest + log(scores.reduce(0) { $0 + exp($1 - greatest) })
    logSumExp[row][head] = total
    var dp = [Double](repeating: 0, count: keys.count)
    var delta = 0.0
    for (index, key) in keys.enumerated() {
      let p = exp(scores[index] - total)
      let v = key < 0 ? residentV[-1 - key] : v[key]
      for i in 0..<dimension {
        output[row][at + i] += p * v[keyAt + i]
        dp[index] += dOutput[row][at + i] * v[keyAt + i]
        if key >= 0 { dv[key][keyAt + i] += p * dOutput[row][at + i] }
      }
      delta += p * dp[index]
    }
    for (index, key) in keys.enumerated() where key >= 0 {
      let ds = scale * exp(scores[index] - total) * (dp[index] - delta)
      for i in 0..<dimension {
        dq[row][at + i] += ds * k[key][keyAt + i]
        dk[key][keyAt + i] += ds * q[row][at + i]
      }
    }
  }
}

private func zeros(_ rows: Int, _ columns: Int) -> [[Double]] {
  [[Double]](repeating: [Double](repeating: 0, count: columns), count: rows)
}

/// Where `matrix` differs from `reference` by more than `tolerance` times the largest number of its kind, in words.
private func mismatch(_ matrix: Matrix, _ reference: [[Double]], tolerance: Double) -> String? {
  let largest = reference.joined().reduce(1e-3) { max($0, abs($1)) }
  return matrix.mismatch(absolute: tolerance * largest) { reference[$0][$1] }
}

extension KernelTests {
  @Suite(.serialized) struct Attention {
    /// Lengths at and around the tiles (16 to 64 queries, 64 keys), many short ones.
    static let counts = [17, 1, 64, 3, 16, 33, 2, 65, 7, 1, 48]

    @Test(arguments: AttentionShape.all, [false, true]) func forwardAndBackward(_ shape: AttentionShape, _ bf16: Bool) {
      var random = Philox(seed: UInt64(shape.dimension), stream: 20)
      let forest = Forest(Self.counts, random: &random)
      let buffers = AttentionBuffers(forest, shape, bf16: bf16, random: &random)
      let reference = AttentionReference(buffers)
      for isa in instructionSets {
        withContext(isa) { buffers.run($0, backward: true) }
        #expect(buffers.isIntact)
        // Float32: sums of up to 200 products. bf16: probabilities, score gradients and results are rounded to 8 bits.
        let tolerance = bf16 ? 0x1p-7 : 0x1p-18
        #expect(mismatch(buffers.logSumExp, reference.logSumExp, tolerance: 0x1p-20) == nil)
        #expect(mismatch(buffers.output, reference.output, tolerance: tolerance) == nil)
        #expect(mismatch(buffers.dq, reference.dq, tolerance: tolerance) == nil)
        #expect(mismatch(buffers.dk, reference.dk, tolerance: tolerance) == nil)
        #expect(mismatch(buffers.dv, reference.dv, tolerance: tolerance) == nil)
      }
    }

    @Test(arguments: [AttentionShape.all[0], AttentionShape.all[3], AttentionShape.all[6]], [false, true])
    func residentSegments(_ shape: AttentionShape, _ bf16: Bool) {
      var random = Philox(seed: 2, stream: 21)
      let forest = Forest([1, 5, 1, 30], residents: [70, 3, 0, 64, 1], random: &random)
      let buffers = AttentionBuffers(forest, shape, bf16: bf16, random: &random)
      let reference = AttentionReference(buffers)
      for isa in instructionSets {
        withContext(isa) { buffers.run($0, backward: false) }
        #expect(mismatch(buffers.output, reference.output, tolerance: bf16 ? 0x1p-7 : 0x1p-18) == nil)
        #expect(mismatch(buffers.logSumExp, reference.logSumExp, tolerance: 0x1p-20) == nil)
      }
    }

    /// Scores of ±200: the running maximum rises many times, and most probabilities vanish.
    @Test(arguments: instructionSets) func greatScores(_ isa: puna_isa) {
      var random = Philox(seed: 3, stream: 22)
      let forest = Forest([150, 70], random: &random)
      let buffers = AttentionBuffers(forest, AttentionShape.all[2], bf16: false, random: &random, queryScale: 100)
      let reference = AttentionReference(buffers)
      withContext(isa) { buffers.run($0, backward: true) }
      for (matrix, exact) in [(buffers.output, reference.output), (buffers.dq, reference.dq), (buffers.dk, reference.dk)] {
        #expect(mismatch(matrix, exact, tolerance: 0x1p-12) == nil)
      }
    }

    /// The reference's gradients themselves, by central differences.
    @Test func referenceGradients() {
      var random = Philox(seed: 4, stream: 23)
      let forest = Forest([3, 2, 4], random: &random)
      var reference = AttentionReference(
        AttentionBuffers(forest, AttentionShape(heads: 2, keyValueHeads: 1, dimension: 4), bf16: false, random: &random))
      let (dq, dk, dv) = (reference.dq, reference.dk, reference.dv)
      func loss() -> Double {
        reference.compute()
        return zip(reference.output.joined(), reference.dOutput.joined()).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let step = 1e-5
      for (path, gradient) in [(\AttentionReference.q, dq), (\.k, dk), (\.v, dv)] {
        for row in gradient.indices {
          for column in gradient[row].indices {
            let value = reference[keyPath: path][row][column]
            reference[keyPath: path][row][column] = value + step
            let above = loss()
            reference[keyPath: path][row][column] = value - step
            let difference = (above - loss()) / (2 * step)
            reference[keyPath: path][row][column] = value
            #expect(abs(difference - gradient[row][column]) < 1e-8)
          }
        }
      }
    }

    /// A forest gives what each of its sequences gives alone, gradients added up over shared rows.
    @Test(arguments: Variant.all) func packedEqualsAlone(_ variant: Variant) {
      let shape = AttentionShape(heads: 4, keyValueHeads: 2, dimension: 32)
      var random = Philox(seed: 5, stream: 24)
      let forest = Forest([40, 20, 30, 1, 25, 70], random: &random)
      let packed = AttentionBuffers(forest, shape, bf16: variant.bf16, random: &random)
      let leaves = forest.segments.indices.filter { index in forest.segments.allSatisfy { $0.parent != Int32(index) } }
      var dq = zeros(forest.rows, packed.q.columns)
      var dk = zeros(forest.rows, packed.k.columns)
      var (dv, output) = (dk, dq)
      withContext(variant.isa) { context in
        packed.run(context, backward: true)
        var counted = Set<Int>()
        for leaf in leaves {
          let rows = forest.chain(leaf).reversed().flatMap { index in
            let segment = forest.segments[index]
            return (Int(segment.begin)..<Int(segment.begin + segment.count)).map { $0 }
          }
          var unused = Philox(seed: 0, stream: 0)
          let alone = AttentionBuffers(Forest([rows.count], random: &unused), shape, bf16: variant.bf16, random: &unused)
          for (row, source) in rows.enumerated() {
            for column in 0..<packed.q.columns {
              alone.q[row, column] = packed.q[source, column]
              // A shared row's own gradient counts once.
              alone.dOutput[row, column] = counted.contains(source) ? 0 : packed.dOutput[source, column]
            }
            for column in 0..<packed.k.columns {
              (alone.k[row, column], alone.v[row, column]) = (packed.k[source, column], packed.v[source, column])
            }
          }
          counted.formUnion(rows)
          alone.run(context, backward: true)
          for (row, source) in rows.enumerated() {
            for column in 0..<packed.q.columns {
              dq[source][column] += Double(alone.dq[row, column])
              output[source][column] = Double(alone.output[row, column])
            }
            for column in 0..<packed.k.columns {
              dk[source][column] += Double(alone.dk[row, column])
              dv[source][column] += Double(alone.dv[row, column])
            }
          }
        }
      }
      let tolerance = variant.bf16 ? 0x1p-6 : 0x1p-19
      #expect(mismatch(packed.output, output, tolerance: tolerance) == nil)
      #expect(mismatch(packed.dq, dq, tolerance: tolerance) == nil)
      #expect(mismatch(packed.dk, dk, tolerance: tolerance) == nil)
      #expect(mismatch(packed.dv, dv, tolerance: tolerance) == nil)
    }

    @Test(arguments: Variant.all) func threadsDoNotMatter(_ variant: Variant) {
      func results(threads: Int32) -> [[UInt8]] {
        var random = Philox(seed: 6, stream: 25)
        let forest = Forest(Self.counts + [130, 90], random: &random)
        let buffers = AttentionBuffers(forest, AttentionShape.all[2], bf16: variant.bf16, random: &random)
        withContext(variant.isa, threads: threads) { buffers.run($0, backward: true) }
        return buffers.results
      }
      #expect(results(threads: 1) == results(threads: 2))
    }

    /// Enough rows that the heads no longer fit into one pass of packed matrices.
    @Test(arguments: [false, true]) func severalPasses(_ bf16: Bool) {
      var random = Philox(seed: 7, stream: 26)
      let shape = AttentionShape(heads: 11, keyValueHeads: 11, dimension: 256)
      let forest = Forest([1000, 700], random: &random)
      let buffers = AttentionBuffers(forest, shape, bf16: bf16, random: &random)
      withContext(puna_best_isa(), threads: 2) { buffers.run($0, backward: true) }
      // The last head alone, which lies in the last pass.
      let alone = AttentionBuffers(forest, AttentionShape(heads: 1, keyValueHeads: 1, dimension: 256), bf16: bf16, random: &random)
      let first = 10 * 256
      for (part, whole) in [(alone.q, buffers.q), (alone.k, buffers.k), (alone.v, buffers.v), (alone.dOutput, buffers.dOutput)] {
        for row in 0..<forest.rows { for column in 0..<256 { part[row, column] = whole[row, first + column] } }
      }
      withContext(puna_best_isa(), threads: 2) { alone.run($0, backward: true) }
      for (part, whole) in [(alone.output, buffers.output), (alone.dq, buffers.dq), (alone.dk, buffers.dk), (alone.dv, buffers.dv)] {
        #expect(part.mismatch { Double(whole[$0, first + $1]) } == nil)
      }
      #expect(buffers.isIntact)
    }

    @Test(arguments: Variant.all) func notANumberStaysVisible(_ variant: Variant) {
      var random = Philox(seed: 8, stream: 27)
      let forest = Forest([200], random: &random)
      let buffers = AttentionBuffers(forest, AttentionShape.all[1], bf16: variant.bf16, random: &random)
      buffers.k[130, 0] = .nan
      withContext(variant.isa) { buffers.run($0, backward: true) }
      for row in 130..<200 { #expect(buffers.output[row, 0].isNaN) }
      for row in 0..<128 { #expect(buffers.output[row, 0].isFinite) }
      #expect(buffers.dk[130, 0].isNaN && buffers.dq[150, 0].isNaN)
    }
  }
}
