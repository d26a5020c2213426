import ArgumentParser
import CPUBackend

struct MachineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "machine", abstract: "Show instruction sets, chosen kernels, measured peak and bandwidth, and memory.")

  @Option(help: "Threads; default: all cores this process may use.") var threads: Int?

  func run() throws {
    print("instruction set: \(try InstructionSet.chosen().rawValue)")
  }
}
