import Checkpoints
import Tensors

/// A tensor as a shard holds it, whatever the shard's format.
struct ShardTensor {
  let name: String
  let dtype: DType
  let shape: [Int]
  /// From the first element to the last, row-major.
  let bytes: MappedBytes
  let rowByteStride: Int

  /// The whole tensor as part of a weight, beginning at `row` and `column` of it; nil for one that is no vector or matrix or has no
  /// elements.
  func segment(row: Int = 0, column: Int = 0, order: WeightSegment.RowOrder = .asStored) -> WeightSegment? {
    guard (1...2).contains(shape.count), !shape.contains(0), let columns = shape.last else { return nil }
    let rows = shape.count == 2 ? shape[0] : 1
    return WeightSegment(
      bytes: bytes, dtype: dtype, rows: row..<row + rows, columns: column..<column + columns, rowByteStride: rowByteStride,
      rowOrder: order)
  }

  /// `count` rows of a matrix from `first` on, `step` apart, as rows of a weight from `row` on; nil when there are none.
  func segment(
    rowsFrom first: Int, by step: Int, count: Int, row: Int, order: WeightSegment.RowOrder = .asStored
  ) -> WeightSegment? {
    guard shape.count == 2, !shape.contains(0), count > 0 else { return nil }
    let begin = first * rowByteStride
    let end = begin + (count - 1) * step * rowByteStride + shape[1] * dtype.byteCount
    return WeightSegment(
      bytes: bytes.slice(begin..<end), dtype: dtype, rows: row..<row + count, columns: 0..<shape[1], rowByteStride: step * rowByteStride,
      rowOrder: order)
  }
}

/// A shard, opened.
struct ShardFile {
  /// Relative to the base folder.
  let name: String
  let shard: Base.Shard
  let tensors: [ShardTensor]

  /// - Throws: `CheckpointError` of the format.
  init(_ bytes: MappedBytes, name: String, path: String, format: ShardFormat) throws {
    self.name = name
    switch format {
    case .safetensors:
      tensors = try SafetensorsFile(bytes, path: path).tensors.map {
        // A product of numbers in the shape of nothing may not fit.
        let stride = $0.shape.contains(0) ? 0 : ($0.shape.last ?? 1) * $0.dtype.byteCount
        return ShardTensor(name: $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes, rowByteStride: stride)
      }
      shard = Base.Shard(path: path, bytes: bytes, otherValues: [])
    case .pytorch:
      let file = try TorchFile(bytes, path: path)
      tensors = file.tensors.map {
        ShardTensor(name: $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes, rowByteStride: $0.rowByteStride)
      }
      shard = Base.Shard(path: path, bytes: bytes, otherValues: file.otherValues)
    }
  }
}

/// The formats of Hugging Face shards, and how their files are called.
enum ShardFormat: CaseIterable {
  case safetensors
  case pytorch

  var singleName: String { self == .safetensors ? "model.safetensors" : "pytorch_model.bin" }
  var indexName: String { singleName + ".index.json" }

  /// `model-00002-of-00003.safetensors`, `pytorch_model-2-of-33.bin`: number and count, as written.
  func number(of name: String) -> (number: Substring, count: Substring)? {
    let (prefix, suffix) = affixes
    guard name.hasPrefix(prefix), name.hasSuffix(suffix), name.count > prefix.count + suffix.count else { return nil }
    let parts = name.dropFirst(prefix.count).dropLast(suffix.count).split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[1] == "of", [parts[0], parts[2]].allSatisfy({ part in part.allSatisfy { ("0"..."9").contains($0) } }),
      let number = Int(parts[0]), let count = Int(parts[2]), (1...99_999).contains(count), (1...count).contains(number)
    else { return nil }
    return (parts[0], parts[2])
  }

  /// The name of shard `number`, padded if `count` is.
  func name(_ number: Int, of count: Substring) -> String {
    let (prefix, suffix) = affixes
    let digits = String(number)
    let zeros = String(repeating: "0", count: count.hasPrefix("0") ? max(0, count.count - digits.count) : 0)
    return "\(prefix)\(zeros)\(digits)-of-\(count)\(suffix)"
  }

  private var affixes: (prefix: String, suffix: String) {
    self == .safetensors ? ("model-", ".safetensors") : ("pytorch_model-", ".bin")
  }
}

/// The shards of a Hugging Face folder.
enum ShardSet: Equatable {
  case single(String)
  case indexed(index: String)
  /// All of `N-of-N`, without an index.
  case numbered([String])
}
