import CKernels
import Tensors
import Testing

/// The instruction sets that this processor has.
let instructionSets: [puna_isa] = (0...puna_best_isa().rawValue).map { puna_isa($0) }

extension puna_isa: @retroactive CustomTestStringConvertible {
  public var testDescription: String { String(cString: puna_isa_name(self)) }
}

/// An instruction set and an element type.
struct Variant: CustomTestStringConvertible {
  let isa: puna_isa
  let bf16: Bool
  static let all = instructionSets.flatMap { [Variant(isa: $0, bf16: false), Variant(isa: $0, bf16: true)] }
  var testDescription: String { "\(isa.testDescription) \(bf16 ? "bf16" : "float32")" }
  var flag: Int32 { bf16 ? 1 : 0 }
  /// Largest relative error of rounding to the element type.
  var unit: Double { bf16 ? 0x1p-8 : 0x1p-24 }
}

func withContext<Result>(_ isa: puna_isa, threads: Int32 = 1, _ body: (OpaquePointer) -> Result) -> Result {
  guard let context = puna_context_create(threads, isa) else { preconditionFailure("no context") }
  defer { puna_context_destroy(context) }
  return body(context)
}

/// Counts of vectors' remainders: 0 ... 2 · lanes + 1 of the widest set, and some longer ones.
let lengths = Array(0...33) + [63, 64, 65, 100, 257]

func bf16Bits(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
  return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
}

func rounded(_ value: Float, bf16: Bool) -> Float { bf16 ? Float(bitPattern: UInt32(bf16Bits(value)) << 16) : value }

/// A matrix for a kernel between guard bytes, in bf16 or float32. Everything in it starts as a pattern, so that whatever a kernel writes
/// outside of its rows shows.
final class Matrix {
  static let pattern: UInt8 = 0xA5
  let rows: Int
  let columns: Int
  let stride: Int
  let bf16: Bool
  private let byteOffset: Int
  private let byteCount: Int
  private let memory: UnsafeMutableRawBufferPointer

  /// `misalignment` in elements; `stride` by default as operands have it.
  init(_ rows: Int, _ columns: Int, bf16: Bool = false, stride: Int? = nil, misalignment: Int = 0) {
    self.rows = rows
    self.columns = columns
    self.bf16 = bf16
    self.stride = stride ?? max(32, (columns + 31) / 32 * 32)
    let size = bf16 ? 2 : 4
    byteOffset = 128 + misalignment * size
    byteCount = rows * self.stride * size
    memory = .allocate(byteCount: byteOffset + byteCount + 256, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: Matrix.pattern)
  }

  deinit { memory.deallocate() }

  convenience init(
    random: inout Philox, _ rows: Int, _ columns: Int, bf16: Bool = false, stride: Int? = nil, misalignment: Int = 0, scale: Float = 2
  ) {
    self.init(rows, columns, bf16: bf16, stride: stride, misalignment: misalignment)
    for row in 0..<rows { for column in 0..<columns { self[row, column] = (random.nextUniform() - 0.5) * 2 * scale } }
  }

  var pointer: UnsafeMutableRawPointer { memory.baseAddress.unsafelyUnwrapped + byteOffset }
  var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }

  subscript(row: Int, column: Int) -> Float {
    get {
      let index = row * stride + column
      if !bf16 { return pointer.loadUnaligned(fromByteOffset: 4 * index, as: Float.self) }
      return Float(bitPattern: UInt32(pointer.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
    }
    set {
      let index = row * stride + column
      if bf16 {
        pointer.storeBytes(of: bf16Bits(newValue), toByteOffset: 2 * index, as: UInt16.self)
      } else {
        pointer.storeBytes(of: newValue, toByteOffset: 4 * index, as: Float.self)
      }
    }
  }

  var bytes: [UInt8] { Array(memory) }

  /// Nothing outside the rows was written; of the rows' padding, only zeros up to the next multiple of 32 where the contract says so.
  func isIntact(paddingZeroed: Bool) -> Bool {
    let size = bf16 ? 2 : 4
    let padded = paddingZeroed ? (columns + 31) / 32 * 32 : columns
    for index in memory.indices {
      let inside = index - byteOffset
      if inside >= 0, inside < byteCount {
        let column = inside / size % stride
        if column < columns { continue }
        if column < padded {
          if memory[index] != 0 { return false }
          continue
        }
      }
      if memory[index] != Matrix.pattern { return false }
    }
    return true
  }

  /// The first element that is farther than `relative · |reference| + absolute` from its reference, in words.
  func mismatch(relative: Double = 0, absolute: Double = 0, _ reference: (Int, Int) -> Double) -> String? {
    for row in 0..<rows {
      for column in 0..<columns {
        let expected = reference(row, column)
        let found = Double(self[row, column])
        if !(abs(found - expected) <= relative * abs(expected) + absolute) {
          return "[\(row), \(column)] is \(found), expected \(expected)"
        }
      }
    }
    return nil
  }
}

/// All kernel tests, one after the other: spinning pools would fight.
@Suite(.serialized) enum KernelTests {}
