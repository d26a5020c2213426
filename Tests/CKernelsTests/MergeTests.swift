import CKernels
import Foundation
import Tensors
import Testing

/// `round(W + Σ factor · B A)` of every kernel against arithmetic that shares nothing with it.
extension KernelTests {
  @Suite(.serialized) struct Merging {
    static let dtypes = [PUNA_FLOAT32, PUNA_FLOAT16, PUNA_BFLOAT16]

    /// Bits of `value` rounded once, by searching: the neighbours are compared with it exactly.
    static func bits(_ value: Double, _ dtype: puna_dtype) -> UInt32 {
      switch dtype {
      case PUNA_FLOAT32: return Float(value).bitPattern
      case PUNA_FLOAT16: return UInt32(Float16(value).bitPattern)
      default:
        // The bf16 numbers around it are those of its float32's upper half and the next.
        let below = UInt32(abs(value) >= Double(Float.greatestFiniteMagnitude) ? 0x7F7F : Float(abs(value).nextDown).bitPattern >> 16)
        let candidates = [below &- 1, below, below + 1].filter { $0 <= 0x7F80 }
        func magnitude(_ bits: UInt32) -> Double { bits == 0x7F80 ? 0x1p128 : Double(Float(bitPattern: bits << 16)) }
        let best = candidates.min { first, second in
          let (a, b) = (abs(magnitude(first) - abs(value)), abs(magnitude(second) - abs(value)))
          return a != b ? a < b : first % 2 < second % 2
        }
        return (best ?? 0) | (value.sign == .minus ? 0x8000 : 0)
      }
    }

    static func size(_ dtype: puna_dtype) -> Int { dtype == PUNA_FLOAT32 ? 4 : 2 }

    static func element(_ bytes: UnsafeRawPointer, _ index: Int, _ dtype: puna_dtype) -> UInt32 {
      dtype == PUNA_FLOAT32
        ? bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
        : UInt32(bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
    }

    static func value(_ bits: UInt32, _ dtype: puna_dtype) -> Double {
      switch dtype {
      case PUNA_FLOAT32: Double(Float(bitPattern: bits))
      case PUNA_FLOAT16: Double(Float16(bitPattern: UInt16(bits)))
      default: Double(Float(bitPattern: bits << 16))
      }
    }

    struct Case: CustomTestStringConvertible {
      let isa: puna_isa
      let dtype: puna_dtype
      let outType: puna_dtype
      static let all = instructionSets.flatMap { isa in dtypes.flatMap { a in dtypes.map { Case(isa: isa, dtype: a, outType: $0) } } }
      var testDescription: String { "\(isa.testDescription) \(dtype.rawValue) to \(outType.rawValue)" }
    }

    @Test(arguments: Case.all) func sumsRoundedOnce(_ test: Case) {
      var random = Philox(seed: 5, stream: 1)
      for (columns, rows) in zip(lengths, lengths.map { $0 % 7 + 1 }) where columns > 0 {
        for (termCount, scaled) in [(0, false), (1, false), (2, true), (3, false)] {
          let misalignment = columns % 2
          let (size, outSize) = (Merging.size(test.dtype), Merging.size(test.outType))
          let weights = UnsafeMutableRawPointer.allocate(byteCount: rows * columns * size + 8, alignment: 64)
          let out = UnsafeMutableRawBufferPointer.allocate(byteCount: rows * columns * outSize + 72, alignment: 64)
          defer {
            weights.deallocate()
            out.deallocate()
          }
          out.initializeMemory(as: UInt8.self, repeating: 0xA5)
          for index in 0..<rows * columns {
            let bits = Merging.bits(Double(random.nextUniform() - 0.5), test.dtype)
            if size == 4 {
              weights.storeBytes(of: bits, toByteOffset: misalignment + 4 * index, as: UInt32.self)
            } else {
              weights.storeBytes(of: UInt16(bits), toByteOffset: misalignment + 2 * index, as: UInt16.self)
            }
          }
          let ranks = (0..<termCount).map { 1 + ($0 * 5 + columns) % 9 }
          let a = ranks.map { rank in (0..<rank * columns).map { _ in random.nextUniform() - 0.5 } }
          let b = ranks.map { rank in (0..<rank * rows).map { _ in Double(random.nextUniform() - 0.5) } }
          let factors = (0..<termCount).map { 0.3 + Double($0) }
          let rowFactors = (0..<rows).map { 1 + Double($0) / 3 }
          let notFinite = withContext(test.isa, threads: 2) { context in
            a.withPointers { a in
              b.withPointers { b in
                let terms = (0..<termCount).map { puna_merge_term(a: a[$0], b: b[$0], rank: Int32(ranks[$0]), factor: factors[$0]) }
                return puna_merge_rows(
                  context, rows, columns, weights + misalignment, test.dtype, terms, Int32(termCount), scaled ? rowFactors : nil,
                  out.baseAddress.unsafelyUnwrapped + 1, test.outType)
              }
            }
          }
          #expect(notFinite == 0)
          #expect(out[0] == 0xA5 && out[(1 + rows * columns * outSize)...].allSatisfy { $0 == 0xA5 })
          var wrong = 0
          for row in 0..<rows {
            for column in 0..<columns {
              var delta = 0.0
              for term in 0..<termCount {
                var sum = 0.0
                for t in 0..<ranks[term] { sum += b[term][row * ranks[term] + t] * Double(a[term][t * columns + column]) }
                delta += factors[term] * sum
              }
              var x = Merging.value(Merging.element(weights + misalignment, row * columns + column, test.dtype), test.dtype)
              if termCount > 0 { x += delta }
              if scaled { x *= rowFactors[row] }
              let found = Merging.element(out.baseAddress.unsafelyUnwrapped + 1, row * columns + column, test.outType)
              if found != Merging.bits(x, test.outType) { wrong += 1 }
            }
          }
          #expect(wrong == 0, "\(rows) x \(columns), \(termCount) terms")
        }
      }
    }

    /// Ties, carries, subnormals and the ends of each type, from a float32 weight.
    @Test(arguments: instructionSets, [PUNA_FLOAT16, PUNA_BFLOAT16])
    func roundingOfEveryKindOfNumber(_ isa: puna_isa, _ dtype: puna_dtype) {
      var values: [Float] = [0, -0, 1, 65503, 65504, 65519, 0x1p-14, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-133, 0x1p-134, 0x1.8p-134]
      values += [.leastNonzeroMagnitude, .leastNormalMagnitude, 1.00390625, 1.01171875, 0x1.002p0, 0x1.006p0, 0x1.FFFFFEp-15]
      values += (0..<4000).map { Float(bitPattern: UInt32($0) &* 2_654_435_761) }.filter { $0.isFinite && abs($0) < 65519 }
      values += values.map { -$0 }
      values += values.map { $0.nextUp }.filter { abs($0) < 65520 }
      var out = [UInt16](repeating: 0, count: values.count)
      let notFinite = withContext(isa) { context in
        puna_merge_rows(context, 1, values.count, values, PUNA_FLOAT32, nil, 0, nil, &out, dtype)
      }
      #expect(notFinite == 0)
      for (value, bits) in zip(values, out) where UInt32(bits) != Merging.bits(Double(value), dtype) {
        Issue.record("\(value) became \(bits), expected \(Merging.bits(Double(value), dtype))")
      }
    }

    @Test(arguments: instructionSets, dtypes) func whatIsNotFiniteIsReported(_ isa: puna_isa, _ dtype: puna_dtype) {
      var bad: [Float] = [.nan, .infinity, -.infinity, Float(bitPattern: 0x7FFF_FFFF)]
      if dtype == PUNA_BFLOAT16 { bad.append(.greatestFiniteMagnitude) }
      if dtype == PUNA_FLOAT16 { bad += [65520, -1e9] }
      for value in bad {
        for place in [0, 15, 16, 20] {
          var values = [Float](repeating: 1, count: 21)
          values[place] = value
          var out = [UInt32](repeating: 0, count: 21)
          let found = withContext(isa) { puna_merge_rows($0, 1, 21, values, PUNA_FLOAT32, nil, 0, nil, &out, dtype) }
          #expect(found == 1, "\(value) at \(place)")
        }
      }
    }
  }
}

extension [[Float]] {
  fileprivate func withPointers<Result>(_ body: ([UnsafePointer<Float>]) -> Result) -> Result { borrow(self, [], body) }
}

extension [[Double]] {
  fileprivate func withPointers<Result>(_ body: ([UnsafePointer<Double>]) -> Result) -> Result { borrow(self, [], body) }
}

private func borrow<Element, Result>(
  _ arrays: [[Element]], _ pointers: [UnsafePointer<Element>], _ body: ([UnsafePointer<Element>]) -> Result
) -> Result {
  guard let first = arrays.first else { return body(pointers) }
  return first.withUnsafeBufferPointer { borrow(Array(arrays.dropFirst()), pointers + [$0.baseAddress.unsafelyUnwrapped], body) }
}
