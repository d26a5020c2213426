import CKernels
import CPUBackend
import Tensors

/// Bytes a second that all threads read from memory.
final class Bandwidth {
  private let context: KernelContext

  init(threads: Int?) throws { context = try KernelContext(threads: threads) }

  func measure() -> Double { puna_measure_bandwidth(context.pointer, 0.03) }
}

/// Operations a second of the product instruction alone, on all threads.
final class Peak {
  private let context: KernelContext
  private let bfloat16: Int32

  init(_ precision: Precision, threads: Int?) throws {
    context = try KernelContext(threads: threads)
    bfloat16 = precision == .bfloat16 ? 1 : 0
  }

  func measure() -> Double { puna_measure_peak(context.pointer, bfloat16, 0.05) }
}

/// Workers of the instruction set that is in use.
final class KernelContext {
  let pointer: OpaquePointer

  init(threads: Int?) throws {
    let set = try InstructionSet.chosen()
    let count = threads ?? Int(puna_available_cores())
    let isa = puna_isa(rawValue: UInt32(InstructionSet.allCases.firstIndex(of: set) ?? 0))
    guard let pointer = puna_context_create(Int32(count), isa) else { throw CPUBackendError.noThreads(count) }
    self.pointer = pointer
  }

  deinit { puna_context_destroy(pointer) }
}
