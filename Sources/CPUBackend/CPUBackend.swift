import CKernels
import Glibc
import Tensors

/// Computes on the processor's vector units: products, attention and everything between in CKernels, memory from one arena.
public final class CPUBackend: ComputeBackend {
  public let precision: Precision
  public let activationType: DType
  public let instructionSet: InstructionSet
  let context: OpaquePointer
  let arena = Arena()
  var isBFloat16: Int32 { precision == .bfloat16 ? 1 : 0 }

  /// - Parameters:
  ///   - precision: `nil` takes bfloat16 where the instruction set multiplies it.
  ///   - threads: `nil` takes every processor this process may use.
  ///   - instructionSet: `nil` takes what the environment variable `PUNA_ISA` names, else the best there is.
  /// - Throws: `CPUBackendError` when the set is unknown or unavailable, or cannot compute in the precision asked for.
  public init(precision: Precision? = nil, threads: Int? = nil, instructionSet: InstructionSet? = nil) throws(CPUBackendError) {
    let set: InstructionSet
    if let instructionSet { set = instructionSet } else { set = try InstructionSet.chosen() }
    guard set.isAvailable else { throw .unavailableInstructionSet(set, best: InstructionSet.best) }
    let precision = precision ?? (set.multipliesBFloat16 ? .bfloat16 : .float32)
    guard precision == .float32 || set.multipliesBFloat16 else { throw .precisionNeedsInstructions(set) }
    let count = threads ?? MachineReport.availableCores
    guard let context = puna_context_create(Int32(count), set.kernelValue) else { throw .noThreads(count) }
    if set == .generic { try OpenBLAS.useForGenericProducts() }
    self.precision = precision
    self.instructionSet = set
    self.context = context
    activationType = precision == .bfloat16 ? .bfloat16 : .float32
  }

  deinit { puna_context_destroy(context) }

  // MARK: Memory

  public func reserve(byteCount: Int) {
    if let memory = arena.reserve(byteCount) { puna_populate(context, memory.baseAddress, memory.count) }
  }

  /// The most bytes that tensors have held at once, and what the workers have for themselves.
  public var memoryUse: (peak: Int, scratch: Int) { (arena.peakByteCount, puna_scratch_bytes(context)) }

  public func makeTensor(rows: Int, columns: Int, _ dtype: DType) -> Tensor {
    Tensor(
      rows: rows, columns: columns, dtype: dtype,
      storage: MatrixStorage(rows: rows, columns: columns, elementSize: dtype.byteCount, arena: arena))
  }

  public func makeTensor(_ values: [Float], rows: Int, columns: Int) -> Tensor {
    let tensor = makeTensor(rows: rows, columns: columns, .float32)
    write(values, to: tensor)
    return tensor
  }

  public func makeZeros(rows: Int, columns: Int) -> Tensor {
    let tensor = makeTensor(rows: rows, columns: columns, .float32)
    fillWithZeros(tensor)
    return tensor
  }

  public func fillWithZeros(_ tensor: Tensor) {
    memset(tensor.matrix.pointer, 0, tensor.rows * tensor.matrix.stride * tensor.matrix.elementSize)
  }

  public func write(_ values: [Float], to tensor: Tensor) {
    precondition(values.count == tensor.rows * tensor.columns && tensor.dtype == .float32, "values must fill a float32 tensor")
    values.withUnsafeBufferPointer { source in
      guard let base = source.baseAddress else { return }
      for row in 0..<tensor.rows {
        memcpy(tensor.matrix.row(row), base + row * tensor.columns, tensor.columns * MemoryLayout<Float>.size)
      }
    }
  }

  public func write(_ values: [Float], to tensor: Tensor, at offset: Int) {
    precondition(tensor.rows == 1 && tensor.dtype == .float32 && offset + values.count <= tensor.columns, "elements of a flat tensor")
    values.withUnsafeBytes { source in
      if let base = source.baseAddress { memcpy(tensor.matrix.floats + offset, base, source.count) }
    }
  }

  public func makeWeight(outputs: Int, inputs: Int, segments: [WeightSegment], trained: TrainedRows?) -> FrozenWeight {
    let storage = WeightStorage(rows: outputs, columns: inputs, segments: segments, trained: trained)
    return FrozenWeight(outputs: outputs, inputs: inputs, storage: storage)
  }

  public func makeVector(count: Int, segments: [WeightSegment]) -> Tensor {
    let weight = WeightStorage(rows: 1, columns: count, segments: segments)
    let tensor = makeTensor(rows: 1, columns: count, .float32)
    puna_widen(context, weight.weight, tensor.matrix.floats, tensor.matrix.stride)
    return tensor
  }

  public func read(_ tensor: Tensor) -> [Float] {
    precondition(tensor.dtype == .float32 || tensor.dtype == .bfloat16, "read floating-point tensors")
    return [Float](unsafeUninitializedCapacity: tensor.rows * tensor.columns) { buffer, count in
      if let base = buffer.baseAddress {
        puna_widen_rows(
          context, tensor.dtype == .bfloat16 ? 1 : 0, Int32(tensor.rows), Int32(tensor.columns), tensor.matrix.pointer,
          tensor.matrix.stride, base, tensor.columns)
      }
      count = tensor.rows * tensor.columns
    }
  }

  public func read(_ tensor: Tensor, _ elements: Range<Int>) -> [Float] {
    precondition(tensor.rows == 1 && tensor.dtype == .float32 && elements.upperBound <= tensor.columns, "elements of a flat tensor")
    return Array(UnsafeBufferPointer(start: tensor.matrix.floats + elements.lowerBound, count: elements.count))
  }

  public func readIntegers(_ tensor: Tensor) -> [Int32] {
    precondition(tensor.dtype == .int32 && tensor.columns == 1, "a column of integers")
    return (0..<tensor.rows).map { tensor.matrix.integers[$0 * tensor.matrix.stride] }
  }

  public func synchronize() {}

  public func makeLayout(of batch: PackedBatch, residents: [ResidentSegment]) -> BatchLayout {
    BatchLayout(batch: batch, residents: residents, storage: LayoutStorage(batch, residents: residents))
  }

  public func selectRows(_ rows: [Int32], of layout: BatchLayout) -> BatchLayout {
    let sets = layout.batch.segments.flatMap { segment in segment.rows.map { _ in segment.adapterSet } }
    let segments = rows.indices.map { PackedBatch.Segment(rows: $0..<$0 + 1, parent: .none, position: 0, adapterSet: sets[Int(rows[$0])]) }
    let batch = PackedBatch(tokens: rows.map { layout.batch.tokens[Int($0)] }, segments: segments, targets: [])
    return BatchLayout(
      batch: batch, residents: [],
      storage: LayoutStorage(batch, residents: [], rowHashes: rows.map { layout.rows.rowHashes[Int($0)] }))
  }

  /// The input of a product, with the padding that products read set to zero.
  func makeOperand(rows: Int, columns: Int) -> Operand {
    let storage = MatrixStorage(rows: rows, columns: columns, elementSize: activationType.byteCount, arena: arena)
    let padding = (columns + 31) / 32 * 32 - columns
    if padding > 0 {
      for row in 0..<rows { memset(storage.row(row, column: columns), 0, padding * storage.elementSize) }
    }
    return Operand(rows: rows, columns: columns, storage: storage)
  }
}

public enum CPUBackendError: Error, CustomStringConvertible, Equatable {
  case unknownInstructionSet(String)
  case unavailableInstructionSet(InstructionSet, best: InstructionSet)
  case precisionNeedsInstructions(InstructionSet)
  case noThreads(Int)
  case noOpenBLAS(String)

  public var description: String {
    switch self {
    case .unknownInstructionSet(let name):
      "PUNA_ISA is '\(name)'; expected one of \(InstructionSet.allCases.map(\.rawValue).joined(separator: ", "))."
    case .unavailableInstructionSet(let set, let best):
      "This processor has no \(set.rawValue) instructions; its best set is \(best.rawValue). Choose that with PUNA_ISA, or unset PUNA_ISA."
    case .precisionNeedsInstructions(let set):
      "Precision bfloat16 needs the avx512bf16 instructions; \(set.rawValue) is in use. Set compute.precision to auto or float32."
    case .noThreads(let count): "The system would not start \(count) threads. Set compute.threads lower."
    case .noOpenBLAS(let reason): "OpenBLAS could not be opened: \(reason). Install it (Debian: libopenblas0)."
    }
  }
}
