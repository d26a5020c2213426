import CKernels

/// What this machine offers and what it measurably does.
public struct MachineReport: Sendable {
  /// As the processor names itself, for example `AMD EPYC`.
  public let processor: String
  /// Processors this process may use: the smaller of its affinity and its control group's quota.
  public let coreCount: Int
  public let availableInstructionSets: [InstructionSet]
  public let chosenInstructionSet: InstructionSet
  /// Floating-point operations a second of the product instruction on registers alone, all cores together; 0 for bfloat16 where the
  /// chosen set has no such instruction.
  public let bfloat16Peak: Double
  public let float32Peak: Double
  /// Bytes a second read from memory, all cores together.
  public let bandwidth: Double
  /// Bytes.
  public let totalMemory: Int
  /// Bytes that can be had without swapping, within the control group's limit.
  public let availableMemory: Int
  /// `OpenBLAS 0.3.21, Cooperlake kernels, 1 thread a call`, or why it is missing.
  public let openBLAS: String

  /// As the processor names itself.
  public static var processorName: String { field("model name", of: "/proc/cpuinfo") ?? "unknown" }

  /// Measures for about a second.
  /// - Parameter threads: `nil` takes every processor this process may use.
  /// - Throws: `CPUBackendError` when `PUNA_ISA` names a set that is unknown or unavailable.
  public init(threads: Int? = nil, instructionSet: InstructionSet? = nil) throws(CPUBackendError) {
    let set: InstructionSet
    if let instructionSet { set = instructionSet } else { set = try InstructionSet.chosen() }
    guard set.isAvailable else { throw .unavailableInstructionSet(set, best: InstructionSet.best) }
    coreCount = MachineReport.availableCores
    let count = threads ?? coreCount
    guard let context = puna_context_create(Int32(count), set.kernelValue) else { throw .noThreads(count) }
    defer { puna_context_destroy(context) }
    processor = MachineReport.processorName
    availableInstructionSets = InstructionSet.allCases.filter(\.isAvailable)
    chosenInstructionSet = set
    bfloat16Peak = puna_measure_peak(context, 1, 0.25)
    float32Peak = puna_measure_peak(context, 0, 0.25)
    bandwidth = puna_measure_bandwidth(context, 0.25)
    totalMemory = SystemMemory.total
    availableMemory = SystemMemory.available
    do {
      let library = try OpenBLAS.shared()
      let version = library.configuration.split(separator: " ").prefix(2).joined(separator: " ")
      openBLAS = "\(version), \(library.core) kernels, \(library.threadCount) thread\(library.threadCount == 1 ? "" : "s") a call"
    } catch {
      openBLAS = error.description
    }
  }
}
