import Tensors

extension StoredWeight {
  /// The element type; all segments of a weight have the same.
  public var dtype: DType { segments.first?.dtype ?? .float32 }

  /// Bytes of all elements.
  public var byteCount: Int { shape.reduce(dtype.byteCount, *) }

  /// Calls `body` with the bytes at `range` of the weight laid out row-major in Hugging Face row order, piece after piece, whatever
  /// segments hold them. A weight that lies in one piece comes in one piece.
  public func withBytes(at range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    guard !range.isEmpty else { return }
    let rowByteCount = (shape.last ?? 1) * dtype.byteCount
    if segments.count == 1, let segment = segments.first, segment.rowOrder == .asStored,
      segment.rowByteStride == rowByteCount || segment.rows.count == 1
    {
      return try segment.bytes.slice(range).withUnsafeBytes(body)
    }
    let ordered = segments.sorted { ($0.rows.lowerBound, $0.columns.lowerBound) < ($1.rows.lowerBound, $1.columns.lowerBound) }
    for row in range.lowerBound / rowByteCount...(range.upperBound - 1) / rowByteCount {
      let wanted = range.clamped(to: row * rowByteCount..<(row + 1) * rowByteCount)
      for segment in ordered where segment.rows.contains(row) {
        let begin = row * rowByteCount + segment.columns.lowerBound * segment.dtype.byteCount
        let end = row * rowByteCount + segment.columns.upperBound * segment.dtype.byteCount
        let piece = wanted.clamped(to: begin..<end)
        guard !piece.isEmpty else { continue }
        let offset = segment.storedRow(of: row) * segment.rowByteStride - begin
        try segment.bytes.slice(piece.lowerBound + offset..<piece.upperBound + offset).withUnsafeBytes(body)
      }
    }
  }

  /// Whether every byte of both is the same.
  package func hasSameBytes(as other: StoredWeight) -> Bool {
    guard shape == other.shape, dtype == other.dtype else { return false }
    // Pieces of both may end anywhere; bounded steps keep the copies small when they are not contiguous.
    let step = 1 << 20
    for start in stride(from: 0, to: byteCount, by: step) {
      let range = start..<min(start + step, byteCount)
      guard bytes(at: range) == other.bytes(at: range) else { return false }
    }
    return true
  }

  private func bytes(at range: Range<Int>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count)
    withBytes(at: range) { bytes.append(contentsOf: $0) }
    return bytes
  }
}

extension WeightSegment {
  /// Where in the block the weight's row `row` is stored.
  func storedRow(of row: Int) -> Int {
    let local = row - rows.lowerBound
    switch rowOrder {
    case .asStored: return local
    case .metaRotary(let headDimension):
      let index = local % headDimension
      let half = headDimension / 2
      return local - index + (index < half ? 2 * index : 2 * (index - half) + 1)
    }
  }
}
