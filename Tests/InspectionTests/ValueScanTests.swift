import Inspection
import Tensors
import Testing

struct ValueScanTests {
  struct Format: Sendable, CustomTestStringConvertible {
    let dtype: DType
    /// Bits of 1, of infinity, of NaN with the smallest and with the largest payload, and the sign.
    let one, infinity, smallNaN, largeNaN, sign: UInt64

    var testDescription: String { dtype.rawValue }

    static let all = [
      Format(dtype: .bfloat16, one: 0x3F80, infinity: 0x7F80, smallNaN: 0x7F81, largeNaN: 0x7FFF, sign: 0x8000),
      Format(dtype: .float16, one: 0x3C00, infinity: 0x7C00, smallNaN: 0x7C01, largeNaN: 0x7FFF, sign: 0x8000),
      Format(dtype: .float32, one: 0x3F80_0000, infinity: 0x7F80_0000, smallNaN: 0x7F80_0001, largeNaN: 0x7FFF_FFFF, sign: 0x8000_0000),
      Format(
        dtype: .float64, one: 0x3FF0_0000_0000_0000, infinity: 0x7FF0_0000_0000_0000, smallNaN: 0x7FF0_0000_0000_0001,
        largeNaN: 0x7FFF_FFFF_FFFF_FFFF, sign: 0x8000_0000_0000_0000),
    ]

    /// Looks at values `shift` bytes away from where memory is aligned.
    func scan(_ bits: [UInt64], shift: Int = 0, start: Int = 0) -> ValueScan {
      let bytes =
        [UInt8](repeating: 0xFF, count: shift)
        + bits.flatMap { value in (0..<dtype.byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) } }
        + [UInt8](repeating: 0xFF, count: 64)
      return bytes.withUnsafeBytes { all in
        ValueScan(UnsafeRawBufferPointer(rebasing: all[shift..<all.count - 64]), dtype: dtype, start: start)
      }
    }
  }

  @Test(arguments: Format.all) func everyPlaceIsLookedAt(format: Format) {
    for count in [1, 2, 15, 16, 17, 31, 32, 33, 64, 100] {
      for shift in [0, 1, 3] {
        let ones = [UInt64](repeating: format.one, count: count)
        let clean = format.scan(ones, shift: shift)
        #expect(clean.nanCount == 0 && clean.infinityCount == 0 && clean.firstNotFinite == nil && !clean.isAllZero)
        for place in 0..<count {
          var bits = ones
          bits[place] = place % 2 == 0 ? format.smallNaN : format.infinity | format.sign
          let found = format.scan(bits, shift: shift, start: 1000)
          #expect(found.nanCount == (place % 2 == 0 ? 1 : 0) && found.infinityCount == (place % 2 == 0 ? 0 : 1))
          #expect(found.firstNotFinite == 1000 + place)
        }
      }
    }
  }

  @Test(arguments: Format.all) func kindsAreToldApart(format: Format) {
    // The largest finite number is one below infinity.
    let finite = [0, format.sign, format.one, format.infinity - 1, (format.infinity - 1) | format.sign, 1]
    #expect(format.scan(finite).firstNotFinite == nil)
    let found = format.scan(
      finite + [format.largeNaN | format.sign, format.infinity, format.infinity | format.sign, format.smallNaN, format.largeNaN])
    #expect(found.nanCount == 3 && found.infinityCount == 2 && found.firstNotFinite == finite.count)
  }

  @Test(arguments: Format.all) func zerosOfBothSigns(format: Format) {
    #expect(format.scan([0, format.sign, 0, format.sign]).isAllZero)
    #expect(!format.scan([UInt64](repeating: 0, count: 40) + [1]).isAllZero)
    #expect(format.scan([]).isAllZero)
  }

  /// Beyond the blocks that are looked at as one.
  @Test(arguments: Format.all) func longTensors(format: Format) {
    var bits = [UInt64](repeating: format.one, count: 100_000)
    bits[70_000] = format.infinity
    bits[99_999] = format.smallNaN
    let found = format.scan(bits)
    #expect(found.nanCount == 1 && found.infinityCount == 1 && found.firstNotFinite == 70_000)
  }

  @Test func integersAreOnlyZeroOrNot() {
    for dtype in [DType.int64, .int8, .bool] {
      let ones = [UInt8](repeating: 0xFF, count: 16).withUnsafeBytes { ValueScan($0, dtype: dtype) }
      #expect(ones.firstNotFinite == nil && !ones.isAllZero)
      #expect([UInt8](repeating: 0, count: 16).withUnsafeBytes { ValueScan($0, dtype: dtype) }.isAllZero)
    }
  }

  @Test func partsMakeAWhole() {
    let format = Format.all[0]
    var whole = format.scan([format.one, format.one])
    whole.add(format.scan([format.one, format.infinity], start: 2))
    whole.add(format.scan([format.smallNaN, 0], start: 4))
    #expect(whole == format.scan([format.one, format.one, format.one, format.infinity, format.smallNaN, 0]))
  }
}
