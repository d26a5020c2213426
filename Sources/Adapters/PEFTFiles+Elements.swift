import Checkpoints
import Tensors

extension PEFTFiles.Tensor {
  /// Rows as they lie in the file, one piece where nothing lies between them.
  private var pieces: [MappedBytes] {
    if shape.contains(0) { return [] }
    let rowByteCount = (shape.last ?? 1) * dtype.byteCount
    if rowByteStride == rowByteCount || bytes.count <= rowByteCount { return [bytes] }
    return stride(from: 0, to: bytes.count, by: rowByteStride).map { bytes.slice($0..<$0 + rowByteCount) }
  }

  /// The elements widened to float32, row-major; nil for types that are not weights'.
  func floats() -> [Float]? {
    dtype.isWeightType ? pieces.reduce(into: []) { $0 += $1.floats(dtype) ?? [] } : nil
  }

  /// The index of the first element that is NaN or infinite, without a copy of the elements.
  var firstNotFinite: Int? {
    var start = 0
    for piece in pieces {
      if let element = piece.firstNotFinite(dtype) { return start + element }
      start += piece.count / dtype.byteCount
    }
    return nil
  }

  func hasSameElements(as other: PEFTFiles.Tensor) -> Bool {
    guard dtype == other.dtype, shape == other.shape else { return false }
    var mine = pieces[...]
    var others = other.pieces[...]
    // One of the two may come in one piece and the other in rows.
    while let one = mine.popFirst(), let two = others.popFirst() {
      let count = min(one.count, two.count)
      let same = one.withUnsafeBytes { one in two.withUnsafeBytes { two in one.prefix(count).elementsEqual(two.prefix(count)) } }
      guard same else { return false }
      if one.count > count { mine = [one.slice(count..<one.count)] + mine }
      if two.count > count { others = [two.slice(count..<two.count)] + others }
    }
    return true
  }
}

extension MappedBytes {
  /// Whether all bits of an exponent are set says it, for the three types of weights.
  fileprivate func firstNotFinite(_ dtype: DType) -> Int? {
    withUnsafeBytes { bytes in
      func search<Stored: FixedWidthInteger>(_ type: Stored.Type, exponent: Stored) -> Int? {
        let size = MemoryLayout<Stored>.size
        return (0..<bytes.count / size).first { index in
          Stored(littleEndian: bytes.loadUnaligned(fromByteOffset: index * size, as: type)) & exponent == exponent
        }
      }
      return switch dtype {
      case .float32: search(UInt32.self, exponent: 0x7F80_0000)
      case .float16: search(UInt16.self, exponent: 0x7C00)
      case .bfloat16: search(UInt16.self, exponent: 0x7F80)
      default: nil
      }
    }
  }
}
