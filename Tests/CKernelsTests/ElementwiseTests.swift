import CKernels
import Foundation
import Tensors
import Testing

/// Float32 error of a handful of operations, relative to the largest term.
private let float32 = 0x1p-21

private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

extension KernelTests {
  @Suite(.serialized) struct Elementwise {
    @Test(arguments: Variant.all) func scaleColumnsAndConversions(_ variant: Variant) {
      withContext(variant.isa) { context in
        for columns in lengths {
          for misalignment in [0, 1] {
            var random = Philox(seed: UInt64(columns), stream: 1)
            let x = Matrix(random: &random, 3, columns, bf16: variant.bf16, misalignment: misalignment)
            let wide = Matrix(random: &random, 3, columns, misalignment: misalignment)
            let scale = Matrix(random: &random, 1, columns, misalignment: misalignment)
            let y = Matrix(3, columns, bf16: variant.bf16)
            puna_scale_columns(context, variant.flag, 3, Int32(columns), x.pointer, x.stride, scale.floats, y.pointer, y.stride)
            #expect(y.isIntact(paddingZeroed: true))
            #expect(y.mismatch { Double(rounded(x[$0, $1] * scale[0, $1], bf16: variant.bf16)) } == nil)

            let converted = Matrix(3, columns, bf16: variant.bf16)
            puna_convert(context, variant.flag, 3, Int32(columns), wide.floats, wide.stride, converted.pointer, converted.stride)
            #expect(converted.isIntact(paddingZeroed: true))
            #expect(converted.mismatch { Double(rounded(wide[$0, $1], bf16: variant.bf16)) } == nil)

            let widened = Matrix(3, columns, misalignment: misalignment)
            puna_widen_rows(context, variant.flag, 3, Int32(columns), x.pointer, x.stride, widened.floats, widened.stride)
            #expect(widened.isIntact(paddingZeroed: false))
            #expect(widened.mismatch { Double(x[$0, $1]) } == nil)
          }
        }
      }
    }

    @Test(arguments: instructionSets) func roundingOfEveryKindOfNumber(_ isa: puna_isa) {
      let special: [Float] = [
        0, -0, 1, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude,
        1.00390625, 1.01171875, Float(bitPattern: 0x0001_8000), Float(bitPattern: 0x0000_8000), Float(bitPattern: 0x3F80_8001),
      ]
      withContext(isa) { context in
        let x = Matrix(1, special.count + 2)
        for (index, value) in special.enumerated() { x[0, index] = value }
        x[0, special.count] = .nan
        x[0, special.count + 1] = Float(bitPattern: 0x7F80_0001)  // a NaN that truncation would make infinite
        let y = Matrix(1, x.columns, bf16: true)
        puna_convert(context, 1, 1, Int32(x.columns), x.floats, x.stride, y.pointer, y.stride)
        for (index, value) in special.enumerated() {
          #expect(y[0, index].bitPattern == UInt32(bf16Bits(value)) << 16, "\(value)")
        }
        #expect(y[0, special.count].isNaN && y[0, special.count + 1].isNaN)
      }
    }

    @Test(arguments: Variant.all) func rmsNorm(_ variant: Variant) {
      withContext(variant.isa) { context in
        for columns in lengths where columns > 0 {
          var random = Philox(seed: UInt64(columns), stream: 2)
          let misalignment = columns % 2
          let h = Matrix(random: &random, 3, columns, misalignment: misalignment)
          let scale = Matrix(random: &random, 1, columns, misalignment: misalignment)
          let y = Matrix(3, columns, bf16: variant.bf16)
          let normalized = Matrix(3, columns, bf16: variant.bf16)
          let inverse = Matrix(1, 3)
          puna_rms_norm(
            context, variant.flag, 3, Int32(columns), h.floats, h.stride, scale.floats, 1e-5, y.pointer, y.stride, normalized.pointer,
            normalized.stride, inverse.floats)
          #expect(y.isIntact(paddingZeroed: true) && normalized.isIntact(paddingZeroed: true) && inverse.isIntact(paddingZeroed: false))
          func exact(_ row: Int) -> Double {
            let sum = (0..<columns).reduce(0) { $0 + Double(h[row, $1]) * Double(h[row, $1]) }
            return 1 / (sum / Double(columns) + Double(Float(1e-5))).squareRoot()
          }
          let tolerance = variant.unit + float32
          #expect(inverse.mismatch(relative: float32) { exact($1) } == nil)
          #expect(normalized.mismatch(relative: tolerance) { Double(h[$0, $1]) * exact($0) } == nil)
          #expect(y.mismatch(relative: tolerance) { Double(h[$0, $1]) * exact($0) * Double(scale[0, $1]) } == nil)

          let alone = Matrix(3, columns, bf16: variant.bf16)
          puna_rms_norm(
            context, variant.flag, 3, Int32(columns), h.floats, h.stride, scale.floats, 1e-5, alone.pointer, alone.stride, nil, 0,
            inverse.floats)
          #expect(alone.bytes == y.bytes)
        }
      }
    }

    @Test(arguments: Variant.all) func rmsNormBackward(_ variant: Variant) {
      withContext(variant.isa) { context in
        for columns in lengths where columns > 0 {
          var random = Philox(seed: UInt64(columns), stream: 3)
          let dy = Matrix(random: &random, 3, columns)
          let scale = Matrix(random: &random, 1, columns)
          let normalized = Matrix(random: &random, 3, columns, bf16: variant.bf16)
          let inverse = Matrix(random: &random, 1, 3)
          let dh = Matrix(random: &random, 3, columns, misalignment: 1)
          let before = (0..<3).map { row in (0..<columns).map { Double(dh[row, $0]) } }
          puna_rms_norm_backward(
            context, variant.flag, 3, Int32(columns), dy.floats, dy.stride, scale.floats, normalized.pointer, normalized.stride,
            inverse.floats, dh.floats, dh.stride)
          #expect(dh.isIntact(paddingZeroed: false))
          let mismatch = dh.mismatch(absolute: 64 * float32) { row, column in
            let g = (0..<columns).map { Double(dy[row, $0]) * Double(scale[0, $0]) }
            let mean = (0..<columns).reduce(0) { $0 + g[$1] * Double(normalized[row, $1]) } / Double(columns)
            return before[row][column] + Double(inverse[0, row]) * (g[column] - Double(normalized[row, column]) * mean)
          }
          #expect(mismatch == nil)
        }
      }
    }

    @Test(arguments: Variant.all) func swiglu(_ variant: Variant) {
      withContext(variant.isa) { context in
        for columns in lengths {
          var random = Philox(seed: UInt64(columns), stream: 4)
          let gateUp = Matrix(random: &random, 3, 2 * columns, bf16: variant.bf16, scale: 12)
          let dy = Matrix(random: &random, 3, columns, bf16: variant.bf16)
          let y = Matrix(3, columns, bf16: variant.bf16)
          puna_swiglu(context, variant.flag, 3, Int32(columns), gateUp.pointer, gateUp.stride, y.pointer, y.stride)
          #expect(y.isIntact(paddingZeroed: true))
          let forward = y.mismatch(relative: variant.unit + float32) { row, column in
            let gate = Double(gateUp[row, column])
            return gate * sigmoid(gate) * Double(gateUp[row, columns + column])
          }
          #expect(forward == nil)

          let d = Matrix(3, 2 * columns, bf16: variant.bf16)
          puna_swiglu_backward(
            context, variant.flag, 3, Int32(columns), dy.pointer, dy.stride, gateUp.pointer, gateUp.stride, d.pointer, d.stride)
          #expect(d.isIntact(paddingZeroed: true))
          // 1 + gate · (1 − sigmoid) cancels where the derivative is near zero: an absolute part, scaled by the factors.
          let backward = d.mismatch(relative: variant.unit + float32, absolute: 24 * 4 * float32) { row, index in
            let column = index % max(columns, 1)
            let gate = Double(gateUp[row, column])
            let g = Double(dy[row, column])
            let s = sigmoid(gate)
            return index < columns ? g * Double(gateUp[row, columns + column]) * s * (1 + gate * (1 - s)) : g * gate * s
          }
          #expect(backward == nil)
        }
      }
    }

    /// SwiGLU with up = 1 shows the exponential over its whole range.
    @Test(arguments: instructionSets) func exponentialOverItsRange(_ isa: puna_isa) {
      let count = 4096
      withContext(isa) { context in
        let gateUp = Matrix(1, 2 * count)
        for index in 0..<count {
          gateUp[0, index] = -88 + 188 * Float(index) / Float(count)
          gateUp[0, count + index] = 1
        }
        let y = Matrix(1, count)
        puna_swiglu(context, 0, 1, Int32(count), gateUp.floats, gateUp.stride, y.floats, y.stride)
        let mismatch = y.mismatch(relative: 0x1p-22) { _, column in
          let gate = Double(gateUp[0, column])
          return gate * sigmoid(gate)
        }
        #expect(mismatch == nil)

        let special: [Float] = [.infinity, -.infinity, .nan, -1000, 1000, -0]
        for (index, value) in special.enumerated() { gateUp[0, index] = value }
        puna_swiglu(context, 0, 1, Int32(count), gateUp.floats, gateUp.stride, y.floats, y.stride)
        #expect(y[0, 0] == .infinity)
        #expect(y[0, 1].isNaN && y[0, 2].isNaN)  // −∞ · 0, as in PyTorch
        #expect(y[0, 3] == 0 && y[0, 4] == 1000 && y[0, 5] == 0)
      }
    }

    @Test(arguments: Variant.all) func rotation(_ variant: Variant) {
      withContext(variant.isa) { context in
        for half in Array(1...17) + [32, 40, 64] {
          var random = Philox(seed: UInt64(half), stream: 5)
          let heads = 3
          let cosines = Matrix(random: &random, 7, half, stride: half, scale: 1)
          let sines = Matrix(random: &random, 7, half, stride: half, scale: 1)
          let positions: [Int32] = [6, 0, 3, 3]
          let x = Matrix(random: &random, 4, heads * 2 * half, bf16: variant.bf16, misalignment: half % 2)
          for inverse in [false, true] {
            let before = (0..<4).map { row in (0..<x.columns).map { Double(x[row, $0]) } }
            puna_rotate(
              context, variant.flag, 4, Int32(heads), Int32(2 * half), positions, cosines.floats, sines.floats, inverse ? 1 : 0, x.pointer,
              x.stride)
            #expect(x.isIntact(paddingZeroed: false))
            let mismatch = x.mismatch(relative: variant.unit, absolute: 4 * float32) { row, column in
              let index = column % (2 * half) % half
              let isFirst = column % (2 * half) < half
              let cosine = Double(cosines[Int(positions[row]), index])
              let sine = Double(sines[Int(positions[row]), index]) * (inverse ? -1 : 1)
              let other = before[row][isFirst ? column + half : column - half]
              return before[row][column] * cosine + (isFirst ? -other : other) * sine
            }
            #expect(mismatch == nil)
          }
        }
      }
    }

    @Test(arguments: instructionSets) func gatheringAndScatteringRows(_ isa: puna_isa) {
      withContext(isa) { context in
        for columns in lengths {
          var random = Philox(seed: UInt64(columns), stream: 6)
          let x = Matrix(random: &random, 5, columns, misalignment: 1)
          let rows: [Int32] = [4, 0, 2]
          let y = Matrix(3, columns, misalignment: 2)
          puna_gather_rows(context, x.floats, 4 * x.stride, rows, 3, 4 * columns, y.floats, 4 * y.stride)
          #expect(y.isIntact(paddingZeroed: false))
          #expect(y.mismatch { Double(x[Int(rows[$0]), $1]) } == nil)
          let z = Matrix(random: &random, 5, columns, misalignment: 3)
          let others = [1, 3].map { row in (0..<columns).map { z[row, $0] } }
          puna_scatter_rows(context, y.floats, 4 * y.stride, rows, 3, 4 * columns, z.floats, 4 * z.stride)
          #expect(z.isIntact(paddingZeroed: false))
          #expect(z.mismatch { Double($0 % 2 == 0 ? x[$0, $1] : others[$0 / 2][$1]) } == nil)
        }
      }
    }

    /// A weight of four blocks with different types, at odd addresses, one of them in Meta's row order.
    @Test(arguments: instructionSets) func gatheringWeights(_ isa: puna_isa) {
      let (rows, columns, split) = (12, 37, 20)
      var random = Philox(seed: 6, stream: 7)
      let values = (0..<rows).map { _ in (0..<columns).map { _ in Float(Int(random.next32() % 255) - 127) / 16 } }
      // Every value is exact in every type. The last values of the half block are a denormal, an infinity and a NaN.
      let blocks: [(dtype: puna_dtype, rows: Range<Int>, columns: Range<Int>, rotary: Int)] = [
        (PUNA_BFLOAT16, 0..<8, 0..<split, 4), (PUNA_FLOAT16, 0..<8, split..<columns, 0), (PUNA_FLOAT32, 8..<12, 0..<split, 0),
        (PUNA_FLOAT16, 8..<12, split..<columns, 0),
      ]
      var memory: [UnsafeMutableRawPointer] = []
      defer { for pointer in memory { pointer.deallocate() } }
      let segments = blocks.map { block in
        let size = block.dtype == PUNA_FLOAT32 ? 4 : 2
        let stride = block.columns.count * size + 3
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: stride * block.rows.count + 1, alignment: 64)
        memory.append(bytes)
        for row in block.rows {
          let local = row - block.rows.lowerBound
          let within = block.rotary == 0 ? 0 : local % block.rotary
          let half = block.rotary / 2
          let stored = block.rotary == 0 ? local : local - within + (within < half ? 2 * within : 2 * (within - half) + 1)
          for column in block.columns {
            let at = 1 + stored * stride + (column - block.columns.lowerBound) * size
            let value = values[row][column]
            switch block.dtype {
            case PUNA_FLOAT32: bytes.storeBytes(of: value, toByteOffset: at, as: Float.self)
            case PUNA_BFLOAT16: bytes.storeBytes(of: bf16Bits(value), toByteOffset: at, as: UInt16.self)
            default: bytes.storeBytes(of: halfBits(value), toByteOffset: at, as: UInt16.self)
            }
          }
        }
        return puna_segment(
          bytes: bytes + 1, row_byte_stride: stride, dtype: block.dtype, row_begin: Int32(block.rows.lowerBound),
          row_count: Int32(block.rows.count), column_begin: Int32(block.columns.lowerBound), column_count: Int32(block.columns.count),
          rotary_head_dimension: Int32(block.rotary))
      }
      let last = blocks[3].columns.count
      let stride = last * 2 + 3
      for (index, bits) in [UInt16(0x0001), 0x7C00, 0x7E01, 0x83FF].enumerated() {
        memory[3].storeBytes(of: bits, toByteOffset: 1 + 3 * stride + 2 * index, as: UInt16.self)
      }
      segments.withUnsafeBufferPointer { pointer in
        var weight = puna_weight(segments: pointer.baseAddress, segment_count: 4, rows: Int32(rows), columns: Int32(columns))
        withContext(isa) { context in
          let tokens: [Int32] = [3, 0, 7, 3, 10]
          let y = Matrix(5, columns, misalignment: 1)
          puna_gather(context, &weight, tokens, 5, y.floats, y.stride)
          #expect(y.isIntact(paddingZeroed: false))
          #expect(y.mismatch { Double(values[Int(tokens[$0])][$1]) } == nil)

          let whole = Matrix(rows, columns)
          puna_widen(context, &weight, whole.floats, whole.stride)
          #expect(whole[11, split] == 0x1p-24 && whole[11, split + 1] == .infinity)
          #expect(whole[11, split + 2].isNaN && whole[11, split + 3] == -1023 * 0x1p-24)
          #expect(whole[10, 5] == values[10][5])
        }
      }
    }

    /// Bits of a half for a value that is exact in it and normal, or zero.
    private func halfBits(_ value: Float) -> UInt16 {
      if value == 0 { return 0 }
      let bits = value.bitPattern
      return UInt16((bits >> 16) & 0x8000) | UInt16(((bits >> 13) & 0x3FFFF) - (112 << 10))
    }

    @Test(arguments: Variant.all) func crossEntropy(_ variant: Variant) {
      // Per row: targets, some twice, some none.
      let targetsOfRows: [[Int32]] = [[0], [], [1, 0, 1]]
      let weights: [Float] = [0.5, -1, 2, 0.25]
      let begin: [Int32] = [0, 1, 1, 4]
      withContext(variant.isa) { context in
        for vocabulary in lengths.filter({ $0 > 1 }) + [1000, 4099] {
          var random = Philox(seed: UInt64(vocabulary), stream: 8)
          let logits = Matrix(random: &random, 3, vocabulary, misalignment: vocabulary % 2, scale: 15)
          let targets = targetsOfRows.joined().map { $0 == 0 ? 0 : Int32(vocabulary - 1) }
          let logProbability = Matrix(1, 4, stride: 4)
          var argmax = [Int32](repeating: -1, count: 3)
          let d = Matrix(3, vocabulary, bf16: variant.bf16)
          puna_cross_entropy(
            context, variant.flag, 3, Int32(vocabulary), logits.floats, logits.stride, targets, begin, weights, logProbability.floats,
            &argmax, d.pointer, d.stride)
          #expect(d.isIntact(paddingZeroed: true) && logProbability.isIntact(paddingZeroed: false))
          func logSum(_ row: Int) -> Double { log((0..<vocabulary).reduce(0) { $0 + exp(Double(logits[row, $1])) }) }
          let sums = (0..<3).map(logSum)
          for row in 0..<3 {
            let best = (0..<vocabulary).max { logits[row, $0] < logits[row, $1] || (logits[row, $0] == logits[row, $1] && $0 > $1) }
            #expect(Int(argmax[row]) == best)
            for index in Int(begin[row])..<Int(begin[row + 1]) {
              let expected = Double(logits[row, Int(targets[index])]) - sums[row]
              #expect(abs(Double(logProbability[0, index]) - expected) <= 1e-7 + 0x1p-23 * abs(expected))
            }
          }
          let mismatch = d.mismatch(relative: variant.unit, absolute: 4 * float32) { row, column in
            (Int(begin[row])..<Int(begin[row + 1])).reduce(0) {
              $0 + Double(weights[$1]) * ((Int(targets[$1]) == column ? 1 : 0) - exp(Double(logits[row, column]) - sums[row]))
            }
          }
          #expect(mismatch == nil)

          // Without weights nothing but the probabilities is written, and they are the same.
          let again = Matrix(1, 4, stride: 4)
          let untouched = Matrix(3, vocabulary, bf16: variant.bf16)
          puna_cross_entropy(
            context, variant.flag, 3, Int32(vocabulary), logits.floats, logits.stride, targets, begin, nil, again.floats, nil,
            untouched.pointer, untouched.stride)
          #expect(again.bytes == logProbability.bytes)
          #expect(untouched.bytes.allSatisfy { $0 == Matrix.pattern })

          // The gradient may take the logits' own place.
          let shared = Matrix(3, vocabulary, misalignment: vocabulary % 2)
          for row in 0..<3 { for column in 0..<vocabulary { shared[row, column] = logits[row, column] } }
          let stride = shared.stride * 4 / (variant.bf16 ? 2 : 4)
          puna_cross_entropy(
            context, variant.flag, 3, Int32(vocabulary), shared.floats, shared.stride, targets, begin, weights, again.floats, nil,
            shared.pointer, stride)
          #expect(again.bytes == logProbability.bytes)
          let size = (variant.bf16 ? 2 : 4) * vocabulary
          for row in 0..<3 {
            let (found, expected) = (shared.pointer + 4 * row * shared.stride, d.pointer + row * d.stride * (variant.bf16 ? 2 : 4))
            #expect(memcmp(found, expected, size) == 0)
          }
        }
      }
    }

    @Test(arguments: instructionSets) func crossEntropyHidesNothing(_ isa: puna_isa) {
      withContext(isa) { context in
        let vocabulary = 67
        let bad: [(Float, Int)] = [(.nan, 3), (.nan, 66), (.infinity, 40), (.infinity, 65), (-.infinity, 1)]
        let logits = Matrix(bad.count, vocabulary)
        for (row, (value, column)) in bad.enumerated() {
          for index in 0..<vocabulary { logits[row, index] = Float(index % 7) }
          logits[row, column] = value
        }
        let targets = [Int32](repeating: 1, count: bad.count)
        let begin = (0...Int32(bad.count)).map { $0 }
        let logProbability = Matrix(1, bad.count)
        var argmax = [Int32](repeating: -1, count: bad.count)
        puna_cross_entropy(
          context, 0, Int32(bad.count), Int32(vocabulary), logits.floats, logits.stride, targets, begin, nil, logProbability.floats,
          &argmax, nil, 0)
        for row in bad.indices { #expect(!logProbability[0, row].isFinite) }
        #expect(argmax == [6, 6, 40, 65, 6])  // the lowest index among equals
      }
    }

    @Test func philoxKnownAnswers() {
      // Random123's kat_vectors.
      let zero = Philox.block(counter: (0, 0, 0, 0), key: (0, 0))
      #expect(zero == (0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
      let ones = Philox.block(counter: (.max, .max, .max, .max), key: (.max, .max))
      #expect(ones == (0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
      let pi = Philox.block(
        counter: (0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344), key: (0xA409_3822, 0x299F_31D0))
      #expect(pi == (0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
    }

    @Test(arguments: Variant.all) func dropout(_ variant: Variant) {
      let hashes: [UInt64] = [0, 0x0123_4567_89AB_CDEF, .max]
      let seed: UInt64 = 0xFEDC_BA98_7654_3210
      withContext(variant.isa) { context in
        for columns in lengths + [300] {
          for probability: Float in [0, 0.05, 0.5, 0.999] {
            var random = Philox(seed: UInt64(columns), stream: 9)
            let x = Matrix(random: &random, 3, columns, bf16: variant.bf16)
            let y = Matrix(3, columns, bf16: variant.bf16)
            puna_dropout(
              context, variant.flag, 3, Int32(columns), x.pointer, x.stride, hashes, seed, 77, probability, y.pointer, y.stride)
            #expect(y.isIntact(paddingZeroed: true))
            func factor(_ row: Int, _ column: Int) -> Float {
              let words = Philox.block(
                counter: (
                  UInt32(column / 4), UInt32(truncatingIfNeeded: hashes[row]), UInt32(truncatingIfNeeded: hashes[row] >> 32), 77
                ),
                key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
              let word = [words.0, words.1, words.2, words.3][column % 4]
              return Double(word) * 0x1p-32 >= Double(probability) ? 1 / (1 - probability) : 0
            }
            let mismatch = y.mismatch {
              Double(rounded(x[$0, $1] * factor($0, $1), bf16: variant.bf16))
            }
            #expect(mismatch == nil)

            guard !variant.bf16 else { continue }
            let sum = Matrix(random: &random, 3, columns, misalignment: 1)
            let before = (0..<3).map { row in (0..<columns).map { sum[row, $0] } }
            puna_dropout_add(context, 3, Int32(columns), x.floats, x.stride, hashes, seed, 77, probability, sum.floats, sum.stride)
            #expect(sum.isIntact(paddingZeroed: false))
            let added = sum.mismatch(relative: float32, absolute: 4 * float32) {
              Double(before[$0][$1]) + Double(x[$0, $1]) * Double(factor($0, $1))
            }
            #expect(added == nil)
          }
        }
      }
    }

    @Test(arguments: instructionSets) func sumOfSquares(_ isa: puna_isa) {
      withContext(isa) { context in
        for count in lengths + [4095, 4096, 4097, 20_000, 300_001] {
          var random = Philox(seed: UInt64(count), stream: 10)
          let x = Matrix(random: &random, 1, count, misalignment: count % 2)
          let expected = (0..<count).reduce(0) { $0 + Double(x[0, $1]) * Double(x[0, $1]) }
          #expect(abs(puna_sum_of_squares(context, count, x.floats) - expected) <= 1e-11 * expected)
          guard count > 0 else { continue }
          x[0, count - 1] = .nan
          #expect(puna_sum_of_squares(context, count, x.floats).isNaN)
          x[0, count - 1] = -.infinity
          #expect(puna_sum_of_squares(context, count, x.floats) == .infinity)
        }
      }
    }

    @Test(arguments: instructionSets) func adamW(_ isa: puna_isa) {
      let (rate, decay, beta1, beta2, epsilon, gradientScale) = (1e-2, 0.1, 0.9, 0.95, 1e-8, 0.5)
      withContext(isa) { context in
        for count in lengths + [4096, 9001] {
          var random = Philox(seed: UInt64(count), stream: 11)
          let parameter = Matrix(random: &random, 1, count, misalignment: 1)
          let (m, v) = (Matrix(1, count), Matrix(1, count))
          for index in 0..<count { (m[0, index], v[0, index]) = (0, 0) }
          var exact = (0..<count).map { Double(parameter[0, $0]) }
          var moments = [(Double, Double)](repeating: (0, 0), count: count)
          for step in 1...4 {
            let gradient = Matrix(random: &random, 1, count, misalignment: 2)
            let corrections = (1 - Foundation.pow(beta1, Double(step)), 1 - Foundation.pow(beta2, Double(step)))
            puna_adamw(
              context, count, parameter.floats, gradient.floats, m.floats, v.floats, gradientScale, rate, decay, beta1, beta2, epsilon,
              corrections.0, corrections.1)
            for index in 0..<count {
              let g = Double(gradient[0, index]) * gradientScale
              moments[index].0 += (1 - beta1) * (g - moments[index].0)
              moments[index].1 = beta2 * moments[index].1 + (1 - beta2) * g * g
              exact[index] *= 1 - rate * decay
              exact[index] -= rate / corrections.0 * moments[index].0 / ((moments[index].1 / corrections.1).squareRoot() + epsilon)
            }
          }
          #expect(parameter.isIntact(paddingZeroed: false) && m.isIntact(paddingZeroed: false) && v.isIntact(paddingZeroed: false))
          #expect(parameter.mismatch(relative: float32, absolute: float32 / 4) { exact[$1] } == nil)
          #expect(m.mismatch(relative: float32, absolute: float32 / 4) { moments[$1].0 } == nil)
          #expect(v.mismatch(relative: float32, absolute: float32 / 4) { moments[$1].1 } == nil)
        }
      }
    }

    /// Rows enough for several tasks: one worker and two must agree in every bit.
    @Test(arguments: Variant.all) func threadsDoNotMatter(_ variant: Variant) {
      let (n, columns) = (97, 1030)
      func results(threads: Int32) -> [[UInt8]] {
        withContext(variant.isa, threads: threads) { context in
          var random = Philox(seed: 12, stream: 12)
          let h = Matrix(random: &random, n, columns)
          let scale = Matrix(random: &random, 1, columns)
          let gateUp = Matrix(random: &random, n, 2 * columns, bf16: variant.bf16)
          let (y, normalized, d) = (
            Matrix(n, columns, bf16: variant.bf16), Matrix(n, columns, bf16: variant.bf16), Matrix(n, 2 * columns, bf16: variant.bf16)
          )
          let inverse = Matrix(1, n)
          puna_rms_norm(
            context, variant.flag, Int32(n), Int32(columns), h.floats, h.stride, scale.floats, 1e-5, y.pointer, y.stride,
            normalized.pointer, normalized.stride, inverse.floats)
          puna_swiglu_backward(
            context, variant.flag, Int32(n), Int32(columns), y.pointer, y.stride, gateUp.pointer, gateUp.stride, d.pointer, d.stride)
          puna_swiglu(context, variant.flag, Int32(n), Int32(columns), gateUp.pointer, gateUp.stride, y.pointer, y.stride)
          let targets = (0..<Int32(n)).map { $0 }
          let logProbability = Matrix(1, n)
          let dLogits = Matrix(n, columns, bf16: variant.bf16)
          puna_cross_entropy(
            context, variant.flag, Int32(n), Int32(columns), h.floats, h.stride, targets, (0...Int32(n)).map { $0 }, h.floats,
            logProbability.floats, nil, dLogits.pointer, dLogits.stride)
          puna_rms_norm_backward(
            context, variant.flag, Int32(n), Int32(columns), h.floats, h.stride, scale.floats, normalized.pointer, normalized.stride,
            inverse.floats, h.floats, h.stride)
          let sum = puna_sum_of_squares(context, n * h.stride - h.stride, h.floats)
          return [h, y, normalized, d, inverse, logProbability, dLogits].map(\.bytes) + [withUnsafeBytes(of: sum) { Array($0) }]
        }
      }
      #expect(results(threads: 1) == results(threads: 2))
    }
  }
}
