import Llama
import Tensors

extension PEFTAdapter {
  /// How much a module adds to its weight.
  public struct ModuleNorm: Sendable, Equatable {
    public let layer: Int
    public let projection: Projection
    /// `‖scale · B A‖`, Frobenius.
    public let norm: Double
    /// Of `‖W‖`; nil without the weight.
    public let share: Double?

    public init(layer: Int, projection: Projection, norm: Double, share: Double?) {
      self.layer = layer
      self.projection = projection
      self.norm = norm
      self.share = share
    }
  }

  /// Multiplications that `norms` makes; with a large rank they are too many for a moment.
  public var normOperations: Double {
    modules.reduce(0) { $0 + Double($1.rank) * Double($1.rank) * Double($1.inputs + $1.outputs) }
  }

  /// The norm of every module, without making any `B A`: `‖B A‖² = tr(Bᵀ B · A Aᵀ)`, both of which are rank x rank.
  ///
  /// - Parameters:
  ///   - weights: of the base, in Hugging Face naming.
  ///   - rowLimit: rows of each weight that its norm is taken from, evenly spaced, as an estimate for the whole.
  public func norms(beside weights: [String: StoredWeight], rowLimit: Int = 256) -> [ModuleNorm] {
    modules.map { module in
      let rank = module.rank
      let b = PEFTAdapter.gram(module.b, rank: rank)
      // A by columns: row after row of what is rank wide.
      let columns = (0..<module.inputs).flatMap { column in (0..<rank).map { module.a[$0 * module.inputs + column] } }
      let a = PEFTAdapter.gram(columns, rank: rank)
      // Both are symmetric: the trace of their product is their inner product. Rounding may leave it below 0.
      let square = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
      let norm = abs(module.scale) * max(0, square).squareRoot()
      let weight = weights[module.projection.weightName(layer: module.layer)]?.estimatedNorm(rowLimit: rowLimit)
      return ModuleNorm(
        layer: module.layer, projection: module.projection, norm: norm, share: weight.flatMap { $0 > 0 ? norm / $0 : nil })
    }
  }

  /// `Mᵀ M` of a matrix that is `rank` wide, row-major.
  private static func gram(_ matrix: [Float], rank: Int) -> [Double] {
    var gram = [Double](repeating: 0, count: rank * rank)
    gram.withUnsafeMutableBufferPointer { gram in
      matrix.withUnsafeBufferPointer { matrix in
        for start in stride(from: 0, to: matrix.count - matrix.count % rank, by: rank) {
          for row in 0..<rank {
            let factor = Double(matrix[start + row])
            for column in 0..<rank { gram[row * rank + column] += factor * Double(matrix[start + column]) }
          }
        }
      }
    }
    return gram
  }
}

extension StoredWeight {
  /// The Frobenius norm of a matrix, from at most `rowLimit` of its rows, evenly spaced; nil for other types than a weight's.
  fileprivate func estimatedNorm(rowLimit: Int) -> Double? {
    guard shape.count == 2, let rowCount = shape.first, let columns = shape.last, rowCount > 0, dtype.isWeightType else { return nil }
    let taken = min(rowCount, max(1, rowLimit))
    var sum = 0.0
    for index in 0..<taken {
      let row = index * rowCount / taken
      withBytes(at: row * columns * dtype.byteCount..<(row + 1) * columns * dtype.byteCount) { sum += dtype.sumOfSquares($0) }
    }
    return (sum * Double(rowCount) / Double(taken)).squareRoot()
  }
}

extension DType {
  fileprivate func sumOfSquares(_ bytes: UnsafeRawBufferPointer) -> Double {
    func sum<Stored>(_ type: Stored.Type, _ widen: (Stored) -> Float) -> Double {
      let size = MemoryLayout<Stored>.size
      return (0..<bytes.count / size).reduce(0) { sum, index in
        let value = Double(widen(bytes.loadUnaligned(fromByteOffset: index * size, as: type)))
        return sum + value * value
      }
    }
    return switch self {
    case .float32: sum(UInt32.self) { Float(bitPattern: UInt32(littleEndian: $0)) }
    case .float16: sum(UInt16.self) { Float(Float16(bitPattern: UInt16(littleEndian: $0))) }
    case .bfloat16: sum(UInt16.self) { Float(bitPattern: UInt32(UInt16(littleEndian: $0)) << 16) }
    default: 0
    }
  }
}
