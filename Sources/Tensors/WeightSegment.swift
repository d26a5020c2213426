/// A block of a weight matrix as it lies in a file: row-major, used in place.
///
/// A weight is a list of segments that cover it exactly once. One segment is the usual case; several express a fused q‖k‖v, a matrix
/// that Meta split over shards, or a vocabulary extended beside its base.
public struct WeightSegment: Sendable {
  /// How stored rows relate to rows of the weight.
  public enum RowOrder: Sendable, Equatable {
    case asStored
    /// Meta rotates neighbouring rows, Hugging Face rotates halves: within each head of `headDimension` rows, row `i` of the first
    /// half is stored at `2i` and row `i` of the second half at `2i + 1`.
    case metaRotary(headDimension: Int)
  }

  /// Bytes that begin with the block's first element.
  public let bytes: MappedBytes
  public let dtype: DType
  /// Rows and columns of the weight that the block fills.
  public let rows: Range<Int>
  public let columns: Range<Int>
  /// Bytes from one stored row to the next.
  public let rowByteStride: Int
  public let rowOrder: RowOrder

  public init(
    bytes: MappedBytes, dtype: DType, rows: Range<Int>, columns: Range<Int>, rowByteStride: Int, rowOrder: RowOrder = .asStored
  ) {
    precondition(rowByteStride >= columns.count * dtype.byteCount, "rows of a segment overlap")
    precondition(
      rows.isEmpty || bytes.count >= (rows.count - 1) * rowByteStride + columns.count * dtype.byteCount,
      "segment reaches beyond its bytes")
    self.bytes = bytes
    self.dtype = dtype
    self.rows = rows
    self.columns = columns
    self.rowByteStride = rowByteStride
    self.rowOrder = rowOrder
  }

  /// The same block further down in a taller weight: how q, k and v become one weight.
  public func shifted(rowsBy offset: Int) -> WeightSegment {
    WeightSegment(
      bytes: bytes, dtype: dtype, rows: rows.lowerBound + offset..<rows.upperBound + offset, columns: columns,
      rowByteStride: rowByteStride, rowOrder: rowOrder)
  }

  /// What of the block lies in some rows of the weight; nil for nothing.
  ///
  /// - Precondition: rows are as stored.
  public func clipped(toRows wanted: Range<Int>) -> WeightSegment? {
    precondition(rowOrder == .asStored, "rows in another order cannot be cut anywhere")
    let kept = rows.clamped(to: wanted)
    guard !kept.isEmpty else { return nil }
    return WeightSegment(
      bytes: bytes.slice((kept.lowerBound - rows.lowerBound) * rowByteStride..<bytes.count), dtype: dtype, rows: kept, columns: columns,
      rowByteStride: rowByteStride)
  }
}

/// A named weight of a base in Hugging Face naming and row order, as segments.
public struct StoredWeight: Sendable {
  public let name: String
  /// `[rows, columns]`, or `[count]` for a vector (whose segments are one row of `count` columns).
  public let shape: [Int]
  public let segments: [WeightSegment]

  public init(name: String, shape: [Int], segments: [WeightSegment]) {
    self.name = name
    self.shape = shape
    self.segments = segments
  }
}
