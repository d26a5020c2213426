import Bases
import Tensors

/// One row of a merged tensor in Double, by the plain formula: what the kernels are held against, and what the proof computes again.
struct MergedRow {
  private let tensor: MergedTensor
  /// The row of the source.
  private(set) var weights: [Double]
  /// What is added to it.
  private(set) var delta: [Double]
  /// The row before it is rounded.
  private(set) var exact: [Double]
  private var sums: [Double]

  init(_ tensor: MergedTensor) {
    self.tensor = tensor
    let zeros = [Double](repeating: 0, count: tensor.columns)
    (weights, delta, exact, sums) = (zeros, zeros, zeros, zeros)
  }

  /// - Parameter factor: DoRA's, of the whole row.
  mutating func compute(_ row: Int, factor: Double = 1) {
    tensor.source.widen(row, into: &weights)
    guard tensor.isChanged else {
      exact = weights
      return
    }
    for column in delta.indices { delta[column] = 0 }
    for term in tensor.terms { add(term, row) }
    for column in delta.indices { exact[column] = weights[column] + delta[column] }
    guard tensor.magnitude != nil else { return }
    for column in delta.indices {
      exact[column] *= factor
      delta[column] = exact[column] - weights[column]
    }
  }

  /// `delta += factor · B A` for one row; every product of B and A is exact in Double.
  private mutating func add(_ term: MergedTensor.Term, _ row: Int) {
    let (rank, columns) = (term.delta.rank, tensor.columns)
    sums.withUnsafeMutableBufferPointer { sums in
      term.delta.a.withUnsafeBufferPointer { a in
        sums.update(repeating: 0)
        for index in 0..<rank {
          let b = Double(term.delta.b[row * rank + index])
          let values = UnsafeBufferPointer(rebasing: a[index * columns..<(index + 1) * columns])
          for column in 0..<columns { sums[column] += b * Double(values[column]) }
        }
      }
    }
    for column in delta.indices { delta[column] += term.factor * sums[column] }
  }
}

extension MergedTensor {
  /// DoRA's factor of each row: `magnitude / ‖W + Σ factor · B A‖` (Liu et al., arXiv 2402.09353), the length in Double over the whole row.
  func rowFactors(_ rows: Range<Int>, magnitude: [Float]) throws -> [Double] {
    var row = MergedRow(self)
    return try rows.map { index in
      row.compute(index)
      let length = row.exact.reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard length > 0 else { throw MergeError([.emptyRow(tensor: name, row: index)]) }
      return Double(magnitude[index]) / length
    }
  }
}

extension StoredWeight {
  /// One row as Double, exactly.
  func widen(_ row: Int, into values: inout [Double]) {
    withRows(row..<row + 1) { bytes in
      values.withUnsafeMutableBufferPointer { values in Widening.widen(bytes, dtype, into: values) }
    }
  }
}

/// Elements as Double, exactly.
enum Widening {
  static func widen(_ bytes: UnsafeRawBufferPointer, _ dtype: DType, into values: UnsafeMutableBufferPointer<Double>) {
    guard bytes.count == values.count * dtype.byteCount else { preconditionFailure("as many elements as values") }
    switch dtype {
    case .bfloat16:
      for index in values.indices {
        let bits = UInt32(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))) << 16
        values[index] = Double(Float(bitPattern: bits))
      }
    case .float16:
      for index in values.indices {
        values[index] = half(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)))
      }
    default:
      for index in values.indices {
        let bits = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
        values[index] = Double(Float(bitPattern: bits))
      }
    }
  }

  /// Without the conversion that old processors do in a function.
  private static func half(_ bits: UInt16) -> Double {
    let magnitude = UInt64(bits & 0x7FFF)
    let sign = UInt64(bits & 0x8000) << 48
    if magnitude >= 0x7C00 { return Double(Float16(bitPattern: bits)) }
    // The exponent moves from a bias of 15 to one of 1023; subnormals come out as 2^-14 more than they are.
    guard magnitude < 0x400 else { return Double(bitPattern: sign | (magnitude << 42) + (1008 << 52)) }
    return Double(bitPattern: sign | (Double(magnitude) * 0x1p-24).bitPattern)
  }
}

/// Rounding of a Double to a narrower type, once, to nearest even.
enum Rounding {
  /// The result as Double; infinite where the type ends.
  static func round(_ value: Double, to dtype: DType) -> Double {
    switch dtype {
    case .bfloat16: round(value, digits: 8, least: -126, largest: 0x1.FEp127)
    case .float16: round(value, digits: 11, least: -14, largest: 65504)
    case .float32: Double(Float(value))
    default: value
    }
  }

  /// Keeps `digits` binary digits; below 2^least as many as the spacing there allows.
  private static func round(_ value: Double, digits: UInt64, least: Int, largest: Double) -> Double {
    guard value.isFinite else { return value }
    let smallest = Double(sign: .plus, exponent: least, significand: 1)
    guard abs(value) >= smallest else {
      let spacing = smallest * Double(sign: .plus, exponent: 1 - Int(digits), significand: 1)
      return (value / spacing).rounded(.toNearestOrEven) * spacing
    }
    // In the bits, where a carry out of the digits is a carry into the exponent.
    let dropped = 53 - digits
    let half = UInt64(1) << (dropped - 1)
    let even = (value.bitPattern >> dropped) & 1
    let rounded = Double(bitPattern: (value.bitPattern + half - 1 + even) & ~(half << 1 - 1))
    return abs(rounded) > largest ? (rounded > 0 ? .infinity : -.infinity) : rounded
  }
}
