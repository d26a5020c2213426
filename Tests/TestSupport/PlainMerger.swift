import Tensors

/// `round(factor · (W + Σ factor · B A))` in plain loops: what backends are held against, and what tests of files merge with.
public final class PlainMerger: RowMerger {
  /// Changes an element on its way out: a machine that fails.
  public var disturb: ((_ row: Int, _ column: Int, _ value: Double) -> Double)?

  public init() {}

  public func mergeRows(
    _ weights: UnsafeRawBufferPointer, _ dtype: DType, rows: Int, columns: Int, terms: [MergeTerm], rowFactors: [Double]?,
    into output: UnsafeMutableRawBufferPointer, _ outputType: DType
  ) -> Bool {
    var isFinite = true
    for row in 0..<rows {
      for column in 0..<columns {
        var x = PlainMerger.element(weights, row * columns + column, dtype)
        var delta = 0.0
        for term in terms {
          var sum = 0.0
          for index in 0..<term.rank { sum += term.b[row * term.rank + index] * Double(term.a[index * columns + column]) }
          delta += term.factor * sum
        }
        if !terms.isEmpty { x += delta }
        if let rowFactors { x *= rowFactors[row] }
        if let disturb { x = disturb(row, column, x) }
        if !PlainMerger.store(x, output, row * columns + column, outputType) { isFinite = false }
      }
    }
    return isFinite
  }

  public static func element(_ bytes: UnsafeRawBufferPointer, _ index: Int, _ dtype: DType) -> Double {
    switch dtype {
    case .bfloat16: Double(Float(bitPattern: UInt32(bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)) << 16))
    case .float16: Double(Float16(bitPattern: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)))
    default: Double(bytes.loadUnaligned(fromByteOffset: 4 * index, as: Float.self))
    }
  }

  /// Rounds once; false for what is not finite then.
  public static func store(_ value: Double, _ output: UnsafeMutableRawBufferPointer, _ index: Int, _ dtype: DType) -> Bool {
    switch dtype {
    case .bfloat16:
      let rounded = bfloat16(value)
      output.storeBytes(of: rounded, toByteOffset: 2 * index, as: UInt16.self)
      return rounded & 0x7F80 != 0x7F80
    case .float16:
      output.storeBytes(of: Float16(value).bitPattern, toByteOffset: 2 * index, as: UInt16.self)
      return Float16(value).isFinite
    default:
      output.storeBytes(of: Float(value), toByteOffset: 4 * index, as: Float.self)
      return Float(value).isFinite
    }
  }

  /// By way of float32 rounded to odd, which leaves enough digits for the second rounding to be the only one.
  public static func bfloat16(_ value: Double) -> UInt16 {
    var bits = Float(value).bitPattern
    if Double(Float(value)) != value, value.isFinite {
      if abs(Double(Float(value))) > abs(value) { bits -= 1 }
      bits |= 1
    }
    if value.isNaN { return 0x7FC0 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }
}
