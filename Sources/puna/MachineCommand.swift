import ArgumentParser
import CPUBackend

struct MachineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "machine", abstract: "Show instruction sets, chosen kernels, measured peak and bandwidth, and memory.")

  @Option(help: "Threads; default: all cores this process may use.") var threads: Int?

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads is \(threads); expected a whole number from 1.") }
  }

  func run() throws {
    let report = try MachineReport(threads: threads)
    func rate(_ value: Double) -> String { "\(Int((value / 1e9).rounded())) GFLOP/s" }
    let sets = report.availableInstructionSets.map(\.rawValue).joined(separator: ", ")
    let precision = report.chosenInstructionSet.multipliesBFloat16 ? "bfloat16" : "float32"
    print("processor        \(report.processor), \(report.coreCount) cores available, \(threads ?? report.coreCount) used")
    print("instructions     \(sets); kernels for \(report.chosenInstructionSet.rawValue) (PUNA_ISA chooses another)")
    print("precision        auto is \(precision) here")
    print(
      "measured peak    bfloat16 \(report.bfloat16Peak > 0 ? rate(report.bfloat16Peak) : "not available"), float32 \(rate(report.float32Peak))"
    )
    print("memory reads     \(Int((report.bandwidth / 1e9).rounded())) GB/s")
    print("memory           \(Terminal.bytes(report.availableMemory)) available of \(Terminal.bytes(report.totalMemory))")
    print("OpenBLAS         \(report.openBLAS)")
  }
}
