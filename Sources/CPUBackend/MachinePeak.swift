import CKernels
import Tensors

extension MachineReport {
  /// Processors this process may use, and what `threads: auto` takes.
  public static var availableCores: Int { Int(puna_available_cores()) }

  /// Operations a second of the product instruction on registers alone, all threads together, measured for `seconds`; 0 where the
  /// instruction set has none for the precision.
  ///
  /// - Throws: `CPUBackendError` when threads cannot be made.
  public static func peak(
    _ precision: Precision, threads: Int?, instructionSet: InstructionSet, seconds: Double
  ) throws(CPUBackendError) -> Double {
    guard instructionSet.isAvailable else { throw .unavailableInstructionSet(instructionSet, best: InstructionSet.best) }
    let count = threads ?? availableCores
    guard let context = puna_context_create(Int32(clamping: count), instructionSet.kernelValue) else { throw .noThreads(count) }
    defer { puna_context_destroy(context) }
    return puna_measure_peak(context, precision == .bfloat16 ? 1 : 0, seconds)
  }
}
