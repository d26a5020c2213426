import CKernels
import Tensors

/// A row-major matrix in the arena. Rows are aligned to cache lines, and padded to what products require of their inputs.
final class MatrixStorage: BackendStorage {
  let pointer: UnsafeMutableRawPointer
  /// Elements from row to row.
  let stride: Int
  let elementSize: Int
  private let block: UnsafeMutableRawBufferPointer
  private let arena: Arena

  init(rows: Int, columns: Int, elementSize: Int, arena: Arena) {
    self.elementSize = elementSize
    self.arena = arena
    stride = MatrixStorage.stride(rows: rows, columns: columns, elementSize: elementSize)
    block = arena.allocate(max(rows, 1) * stride * elementSize)
    guard let base = block.baseAddress else { preconditionFailure("an allocation is never empty") }
    pointer = base
  }

  deinit { arena.release(block) }

  /// A multiple of 32 elements; never a multiple of 4 KiB, which would put neighbouring rows into the same cache set. The kibibytes of k
  /// that products of few rows take at a time fall on all sets evenly when rows lie 1 KiB past a multiple of 4 KiB apart.
  static func stride(rows: Int, columns: Int, elementSize: Int) -> Int {
    let stride = (columns + 31) / 32 * 32
    if rows > 1, rows <= PUNA_FEW_ROWS, stride * elementSize > 1024 {
      return ((stride * elementSize + 3071) / 4096 * 4096 + 1024) / elementSize
    }
    return stride * elementSize % 4096 == 0 ? stride + 32 : stride
  }

  var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
  var integers: UnsafeMutablePointer<Int32> { pointer.assumingMemoryBound(to: Int32.self) }

  /// From row to row.
  var rowByteCount: Int { stride * elementSize }

  func row(_ row: Int, column: Int = 0) -> UnsafeMutableRawPointer { pointer + (row * stride + column) * elementSize }
}

/// Segments of a base weight as the kernels read them, and what keeps their bytes alive.
final class WeightStorage: BackendStorage {
  let weight: UnsafeMutablePointer<puna_weight>
  private let segments: UnsafeMutableBufferPointer<puna_segment>
  /// Files, or the tensors of parameters.
  private let owners: [AnyObject]

  /// - Parameter trained: rows that a parameter set holds, whatever segments hold there.
  convenience init(rows: Int, columns: Int, segments: [WeightSegment], trained: TrainedRows? = nil) {
    var segments = segments
    if let range = trained?.range {
      precondition(range.upperBound <= rows && trained?.parameter.columns == columns, "trained rows outside the weight")
      segments = segments.flatMap { segment in
        [0..<range.lowerBound, range.upperBound..<rows].compactMap { segment.clipped(toRows: $0) }
      }
    }
    let sorted = segments.sorted { ($0.rows.lowerBound, $0.columns.lowerBound) < ($1.rows.lowerBound, $1.columns.lowerBound) }
    let covered = sorted.reduce((trained?.range.count ?? 0) * columns) { $0 + $1.rows.count * $1.columns.count }
    precondition(covered == rows * columns, "segments must cover the weight exactly once")
    var all = sorted.map { segment in puna_segment(segment, base: segment.bytes.withUnsafeBytes { $0.baseAddress }) }
    if let trained {
      let place = sorted.firstIndex { $0.rows.lowerBound >= trained.first } ?? sorted.count
      all.insert(puna_segment(trained.parameter, first: trained.first), at: place)
    }
    self.init(
      rows: rows, columns: columns, segments: all, owners: sorted.map { $0.bytes.owner } + (trained.map { [$0.parameter.set.values] } ?? [])
    )
  }

  /// A matrix of a parameter set, so that products take it as they take weights of a base.
  convenience init(_ parameter: Parameter) {
    self.init(
      rows: parameter.rows, columns: parameter.columns, segments: [puna_segment(parameter, first: 0)], owners: [parameter.set.values])
  }

  /// Rows of an operand as a weight.
  convenience init(rows: Range<Int>, of operand: Operand) {
    let matrix = operand.matrix
    let segment = puna_segment(
      bytes: matrix.row(rows.lowerBound), row_byte_stride: matrix.rowByteCount,
      dtype: matrix.elementSize == 2 ? PUNA_BFLOAT16 : PUNA_FLOAT32,
      row_begin: 0, row_count: Int32(rows.count), column_begin: 0, column_count: Int32(operand.columns), rotary_head_dimension: 0)
    self.init(rows: rows.count, columns: operand.columns, segments: [segment], owners: [matrix])
  }

  private init(rows: Int, columns: Int, segments values: [puna_segment], owners: [AnyObject]) {
    segments = UnsafeMutableBufferPointer<puna_segment>.allocate(capacity: values.count)
    _ = segments.initialize(from: values)
    self.owners = owners
    weight = UnsafeMutablePointer<puna_weight>.allocate(capacity: 1)
    weight.initialize(
      to: puna_weight(
        segments: UnsafePointer(segments.baseAddress), segment_count: Int32(values.count), rows: Int32(rows), columns: Int32(columns)))
  }

  deinit {
    weight.deallocate()
    segments.deallocate()
  }
}

extension puna_segment {
  init(_ segment: WeightSegment, base: UnsafeRawPointer?) {
    let rotary: Int32
    switch segment.rowOrder {
    case .asStored: rotary = 0
    case .metaRotary(let headDimension): rotary = Int32(headDimension)
    }
    self.init(
      bytes: base, row_byte_stride: segment.rowByteStride, dtype: puna_dtype(segment.dtype), row_begin: Int32(segment.rows.lowerBound),
      row_count: Int32(segment.rows.count), column_begin: Int32(segment.columns.lowerBound), column_count: Int32(segment.columns.count),
      rotary_head_dimension: rotary)
  }
}

extension puna_segment {
  /// All of a parameter, as rows of a weight from `first` on.
  init(_ parameter: Parameter, first: Int) {
    self.init(
      bytes: parameter.set.values.matrix.floats + parameter.offset, row_byte_stride: parameter.columns * MemoryLayout<Float>.size,
      dtype: PUNA_FLOAT32, row_begin: Int32(first), row_count: Int32(parameter.rows), column_begin: 0,
      column_count: Int32(parameter.columns), rotary_head_dimension: 0)
  }
}

extension puna_dtype {
  init(_ dtype: DType) {
    switch dtype {
    case .float32: self = PUNA_FLOAT32
    case .float16: self = PUNA_FLOAT16
    case .bfloat16: self = PUNA_BFLOAT16
    case .float64, .int64, .int32, .int16, .int8, .uint8, .bool: preconditionFailure("weights are float32, float16 or bfloat16")
    }
  }
}

/// Positions, hashes and segments of a batch as the kernels read them.
final class LayoutStorage: BackendStorage {
  let tokens: [Int32]
  let positions: [Int32]
  let rowHashes: [UInt64]
  let segments: [puna_attention_segment]
  /// Runs of rows whose segments take no adapter.
  let rowsWithoutAdapters: [Range<Int>]

  /// - Parameter rowHashes: of the texts before the rows, where the batch itself does not hold them.
  init(_ batch: PackedBatch, residents: [ResidentSegment], rowHashes: [UInt64]? = nil) {
    tokens = batch.tokens
    positions = batch.positions
    self.rowHashes = rowHashes ?? batch.rowHashes
    var segments = residents.map {
      puna_attention_segment(parent: Int32($0.parent ?? -1), resident: 1, begin: Int32($0.rows.lowerBound), count: Int32($0.rows.count))
    }
    for segment in batch.segments {
      let parent: Int
      switch segment.parent {
      case .none: parent = -1
      case .segment(let index): parent = residents.count + index
      case .resident(let index):
        precondition(index < residents.count, "a batch continues a segment that the cache does not hold")
        parent = index
      }
      segments.append(
        puna_attention_segment(
          parent: Int32(parent), resident: 0, begin: Int32(segment.rows.lowerBound), count: Int32(segment.rows.count)))
    }
    self.segments = segments
    rowsWithoutAdapters = batch.segments.filter { $0.adapterSet == 0 }.map(\.rows)
  }
}

extension Tensor {
  /// - Precondition: the tensor was made by a CPU backend.
  var matrix: MatrixStorage { matrixStorage(storage) }
}

extension Operand {
  var matrix: MatrixStorage { matrixStorage(storage) }
}

private func matrixStorage(_ storage: any BackendStorage) -> MatrixStorage {
  guard let storage = storage as? MatrixStorage else { preconditionFailure("a tensor of another backend") }
  return storage
}

extension FrozenWeight {
  var kernelWeight: UnsafePointer<puna_weight> {
    guard let storage = storage as? WeightStorage else { preconditionFailure("a weight of another backend") }
    return UnsafePointer(storage.weight)
  }
}

extension BatchLayout {
  var rows: LayoutStorage {
    guard let storage = storage as? LayoutStorage else { preconditionFailure("a layout of another backend") }
    return storage
  }
}
