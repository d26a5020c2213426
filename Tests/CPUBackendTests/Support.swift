import CKernels
import Tensors
import Testing

/// All that runs on worker pools, one after the other: spinning pools would fight over the processors.
@Suite(.serialized) struct CPUBackendTests {}

/// An instruction set of this processor and an element type that it multiplies.
struct Variant: CustomTestStringConvertible, Sendable {
  let isa: puna_isa
  let isBFloat16: Bool

  static let all: [Variant] = (0...puna_best_isa().rawValue).flatMap { value in
    let isa = puna_isa(rawValue: value)
    return isa == PUNA_ISA_AVX512_BF16
      ? [Variant(isa: isa, isBFloat16: false), Variant(isa: isa, isBFloat16: true)] : [Variant(isa: isa, isBFloat16: false)]
  }

  var testDescription: String { "\(String(cString: puna_isa_name(isa))) \(isBFloat16 ? "bfloat16" : "float32")" }
  var flag: Int32 { isBFloat16 ? 1 : 0 }

  func withContext<Result>(threads: Int = 2, _ body: (OpaquePointer) throws -> Result) rethrows -> Result {
    guard let context = puna_context_create(Int32(threads), isa) else { preconditionFailure("no context") }
    defer { puna_context_destroy(context) }
    return try body(context)
  }
}

func bfloat16Bits(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
  return UInt16(truncatingIfNeeded: (bits + 0x7fff + (bits >> 16 & 1)) >> 16)
}

func roundedToBFloat16(_ value: Float) -> Float { Float(bitPattern: UInt32(bfloat16Bits(value)) << 16) }

extension Philox {
  /// In -1 ..< 1.
  mutating func nextSigned() -> Float { nextUniform() * 2 - 1 }
  mutating func nextInt(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(next32()) % range.count }
}

/// A matrix as kernels take it, every byte that is not an element a guard.
final class Matrix {
  let rows: Int, columns: Int, stride: Int, isBFloat16: Bool
  private let memory: UnsafeMutableRawBufferPointer
  private static let margin = 256
  private static let guardByte: UInt8 = 0xc5

  init(_ rows: Int, _ columns: Int, stride: Int, isBFloat16: Bool) {
    self.rows = rows
    self.columns = columns
    self.stride = stride
    self.isBFloat16 = isBFloat16
    memory = .allocate(byteCount: rows * stride * (isBFloat16 ? 2 : 4) + 2 * Matrix.margin, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: Matrix.guardByte)
  }

  /// The input of a product: aligned rows, zero from `columns` to the next multiple of 32, and NaN beyond.
  convenience init(operand rows: Int, _ columns: Int, isBFloat16: Bool, random: inout Philox) {
    let padded = (columns + 31) / 32 * 32
    self.init(rows, columns, stride: padded + 32, isBFloat16: isBFloat16)
    for row in 0..<rows {
      for column in 0..<stride { self[row, column] = column < columns ? random.nextSigned() : column < padded ? 0 : .nan }
    }
  }

  deinit { memory.deallocate() }

  var pointer: UnsafeMutableRawPointer {
    guard let base = memory.baseAddress else { preconditionFailure("no memory") }
    return base + Matrix.margin
  }

  private func offset(_ row: Int, _ column: Int) -> Int { Matrix.margin + (row * stride + column) * (isBFloat16 ? 2 : 4) }

  subscript(row: Int, column: Int) -> Float {
    get {
      isBFloat16
        ? Float(bitPattern: UInt32(memory.load(fromByteOffset: offset(row, column), as: UInt16.self)) << 16)
        : memory.load(fromByteOffset: offset(row, column), as: Float.self)
    }
    set {
      if isBFloat16 {
        memory.storeBytes(of: bfloat16Bits(newValue), toByteOffset: offset(row, column), as: UInt16.self)
      } else {
        memory.storeBytes(of: newValue, toByteOffset: offset(row, column), as: Float.self)
      }
    }
  }

  func fillRandomly(_ random: inout Philox) {
    for row in 0..<rows { for column in 0..<columns { self[row, column] = random.nextSigned() } }
  }

  /// Whether everything around the elements is as it was made.
  var guardsAreIntact: Bool {
    let size = isBFloat16 ? 2 : 4
    for (index, byte) in memory.enumerated() where byte != Matrix.guardByte {
      let element = (index - Matrix.margin) / size
      guard index >= Matrix.margin, element < rows * stride, element % stride < columns else { return false }
    }
    return true
  }

  var bytes: [UInt8] { Array(memory) }
}

/// A weight of several segments in files' types, unaligned, and its values.
final class Weight {
  enum Layout: CaseIterable {
    case whole, splitByRows, splitByColumns, metaRotary
  }

  let rows: Int, columns: Int
  private(set) var values: [Float]
  private var blocks: [UnsafeMutableRawBufferPointer] = []
  private let segments: UnsafeMutablePointer<puna_segment>
  let pointer: UnsafeMutablePointer<puna_weight>

  init(_ rows: Int, _ columns: Int, _ layout: Layout, dtypes: [puna_dtype], random: inout Philox) {
    self.rows = rows
    self.columns = columns
    values = Array(repeating: 0, count: rows * columns)
    segments = .allocate(capacity: 4)
    pointer = .allocate(capacity: 1)
    var rowCuts = [0, rows], columnCuts = [0, columns]
    if layout == .splitByRows, rows > 1 { rowCuts.insert(random.nextInt(1...rows - 1), at: 1) }
    if layout == .splitByColumns, columns > 1 { columnCuts.insert(random.nextInt(1...columns - 1), at: 1) }
    let headDimension = layout == .metaRotary && rows % 8 == 0 ? 8 : 0
    var count = 0
    for (top, bottom) in zip(rowCuts, rowCuts.dropFirst()) {
      for (left, right) in zip(columnCuts, columnCuts.dropFirst()) {
        let dtype = dtypes[random.nextInt(0...dtypes.count - 1)]
        segments[count] = makeBlock(top..<bottom, left..<right, dtype, headDimension, &random)
        count += 1
      }
    }
    pointer.initialize(to: puna_weight(segments: segments, segment_count: Int32(count), rows: Int32(rows), columns: Int32(columns)))
  }

  deinit {
    for block in blocks { block.deallocate() }
    segments.deallocate()
    pointer.deallocate()
  }

  private func makeBlock(
    _ rowRange: Range<Int>, _ columnRange: Range<Int>, _ dtype: puna_dtype, _ headDimension: Int, _ random: inout Philox
  ) -> puna_segment {
    let size = dtype == PUNA_FLOAT32 ? 4 : 2
    let misalignment = random.nextInt(0...7), stride = columnRange.count * size + random.nextInt(0...5)
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: rowRange.count * stride + misalignment, alignment: 64)
    blocks.append(block)
    for row in rowRange {
      var stored = row - rowRange.lowerBound
      if headDimension > 0 {
        let within = stored % headDimension, half = headDimension / 2
        stored += (within < half ? 2 * within : 2 * (within - half) + 1) - within
      }
      for column in columnRange {
        let value = random.nextSigned(), offset = misalignment + stored * stride + (column - columnRange.lowerBound) * size
        switch dtype {
        case PUNA_FLOAT32:
          store(value.bitPattern, block, offset)
          values[row * columns + column] = value
        case PUNA_FLOAT16:
          store(Float16(value).bitPattern, block, offset)
          values[row * columns + column] = Float(Float16(value))
        default:
          store(bfloat16Bits(value), block, offset)
          values[row * columns + column] = roundedToBFloat16(value)
        }
      }
    }
    return puna_segment(
      bytes: block.baseAddress.map { UnsafeRawPointer($0) + misalignment }, row_byte_stride: stride, dtype: dtype,
      row_begin: Int32(rowRange.lowerBound), row_count: Int32(rowRange.count), column_begin: Int32(columnRange.lowerBound),
      column_count: Int32(columnRange.count), rotary_head_dimension: Int32(headDimension))
  }

  private func store<Value: BitwiseCopyable>(_ value: Value, _ block: UnsafeMutableRawBufferPointer, _ offset: Int) {
    block.storeBytes(of: value, toByteOffset: offset, as: Value.self)
  }
}
