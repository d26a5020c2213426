import Tensors

/// What the values of a tensor are like, found by looking at every one.
package struct ValueScan: Sendable, Equatable {
  package private(set) var nanCount = 0
  package private(set) var infinityCount = 0
  /// The first element that is NaN or infinite, row-major.
  package private(set) var firstNotFinite: Int?
  /// No bit is set but signs.
  package private(set) var isAllZero = true

  /// Looks at elements that begin with element `start` of their tensor. Integers are never infinite.
  package init(_ bytes: UnsafeRawBufferPointer, dtype: DType, start: Int = 0) {
    switch dtype {
    case .bfloat16: scan(bytes, exponent: UInt16(0x7F80), start: start)
    case .float16: scan(bytes, exponent: UInt16(0x7C00), start: start)
    case .float32: scan(bytes, exponent: UInt32(0x7F80_0000), start: start)
    case .float64: scan(bytes, exponent: UInt64(0x7FF0_0000_0000_0000), start: start)
    case .int64, .int32, .int16, .int8, .uint8, .bool: isAllZero = bytes.allSatisfy { $0 == 0 }
    }
  }

  /// Takes what was found in a later part of the same tensor.
  package mutating func add(_ other: ValueScan) {
    nanCount += other.nanCount
    infinityCount += other.infinityCount
    firstNotFinite = [firstNotFinite, other.firstNotFinite].compactMap { $0 }.min()
    isAllZero = isAllZero && other.isAllZero
  }

  /// Bytes that are looked at together: a vector loop finds the largest magnitude, and only blocks where that is no number are looked at
  /// one by one.
  private static let blockByteCount = 1 << 16

  private mutating func scan<Bits: FixedWidthInteger & UnsignedInteger & SIMDScalar>(
    _ bytes: UnsafeRawBufferPointer, exponent: Bits, start: Int
  ) {
    let size = MemoryLayout<Bits>.size
    for begin in stride(from: 0, to: bytes.count - bytes.count % size, by: ValueScan.blockByteCount) {
      let end = min(begin + ValueScan.blockByteCount, bytes.count - bytes.count % size)
      let block = UnsafeRawBufferPointer(rebasing: bytes[begin..<end])
      let largest = ValueScan.largestMagnitude(block, of: Bits.self)
      if largest != 0 { isAllZero = false }
      if largest >= exponent { count(block, exponent: exponent, start: start + begin / size) }
    }
  }

  /// The largest value without its sign: as bits, finite numbers are in the order of their magnitudes, infinity and NaN above.
  @inline(__always)
  private static func largestMagnitude<Bits: FixedWidthInteger & UnsignedInteger & SIMDScalar>(
    _ bytes: UnsafeRawBufferPointer, of type: Bits.Type
  ) -> Bits {
    let magnitude = Bits.max >> 1
    let size = MemoryLayout<SIMD16<Bits>>.size
    let vectorEnd = bytes.count - bytes.count % (2 * size)
    let mask = SIMD16<Bits>(repeating: magnitude)
    var (first, second) = (SIMD16<Bits>(), SIMD16<Bits>())
    for offset in stride(from: 0, to: vectorEnd, by: 2 * size) {
      first = pointwiseMax(first, bytes.loadUnaligned(fromByteOffset: offset, as: SIMD16<Bits>.self) & mask)
      second = pointwiseMax(second, bytes.loadUnaligned(fromByteOffset: offset + size, as: SIMD16<Bits>.self) & mask)
    }
    var largest = pointwiseMax(first, second).max()
    for offset in stride(from: vectorEnd, to: bytes.count, by: MemoryLayout<Bits>.size) {
      largest = max(largest, bytes.loadUnaligned(fromByteOffset: offset, as: type) & magnitude)
    }
    return largest
  }

  private mutating func count<Bits: FixedWidthInteger & UnsignedInteger>(_ bytes: UnsafeRawBufferPointer, exponent: Bits, start: Int) {
    let size = MemoryLayout<Bits>.size
    for index in 0..<bytes.count / size {
      let magnitude = bytes.loadUnaligned(fromByteOffset: index * size, as: Bits.self) & (Bits.max >> 1)
      guard magnitude >= exponent else { continue }
      if magnitude == exponent { infinityCount += 1 } else { nanCount += 1 }
      if firstNotFinite == nil { firstNotFinite = start + index }
    }
  }
}
