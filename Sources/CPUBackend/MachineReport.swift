import CKernels
import Glibc

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
  /// `OpenBLAS 0.3.21, Cooperlake kernels`, or why it is missing.
  public let openBLAS: String

  /// Measures for about a second.
  /// - Parameter threads: `nil` takes every processor this process may use.
  /// - Throws: `CPUBackendError` when `PUNA_ISA` names a set that is unknown or unavailable.
  public init(threads: Int? = nil, instructionSet: InstructionSet? = nil) throws(CPUBackendError) {
    let set: InstructionSet
    if let instructionSet { set = instructionSet } else { set = try InstructionSet.chosen() }
    guard set.isAvailable else { throw .unavailableInstructionSet(set, best: InstructionSet.best) }
    coreCount = Int(puna_available_cores())
    let count = threads ?? coreCount
    guard let context = puna_context_create(Int32(count), set.kernelValue) else { throw .noThreads(count) }
    defer { puna_context_destroy(context) }
    processor = field("model name", of: "/proc/cpuinfo") ?? "unknown"
    availableInstructionSets = InstructionSet.allCases.filter(\.isAvailable)
    chosenInstructionSet = set
    bfloat16Peak = puna_measure_peak(context, 1, 0.25)
    float32Peak = puna_measure_peak(context, 0, 0.25)
    bandwidth = puna_measure_bandwidth(context, 0.25)
    totalMemory = kibibytes("MemTotal")
    availableMemory = min(kibibytes("MemAvailable"), roomInControlGroup())
    do {
      let library = try OpenBLAS.shared()
      let version = library.configuration.split(separator: " ").prefix(2).joined(separator: " ")
      openBLAS = "\(version), \(library.core) kernels"
    } catch {
      openBLAS = error.description
    }
  }
}

/// The first line of a file that begins with `name`, after its colon.
private func field(_ name: String, of path: String) -> String? {
  for line in lines(of: path) where line.hasPrefix(name) {
    guard let colon = line.firstIndex(of: ":") else { continue }
    return line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }.description
  }
  return nil
}

private func kibibytes(_ name: String) -> Int {
  guard let value = field(name, of: "/proc/meminfo"), let number = Int(value.prefix { $0.isNumber }) else { return 0 }
  return number * 1024
}

/// Bytes that the control group's memory limit leaves, counting cached files as free; `Int.max` without a limit.
private func roomInControlGroup() -> Int {
  let root = "/sys/fs/cgroup"
  for (limit, usage, statistics, cached) in [
    ("memory.max", "memory.current", "memory.stat", "inactive_file "),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file "),
  ] {
    if let limit = lines(of: "\(root)/\(limit)").first.flatMap({ Int($0) }),
      let usage = lines(of: "\(root)/\(usage)").first.flatMap({ Int($0) })
    {
      let cache = lines(of: "\(root)/\(statistics)").first { $0.hasPrefix(cached) }.flatMap { Int($0.dropFirst(cached.count)) } ?? 0
      return max(0, limit - usage + cache)
    }
  }
  return Int.max
}

private func lines(of path: String) -> [String] {
  guard let file = fopen(path, "re") else { return [] }
  defer { fclose(file) }
  var lines: [String] = []
  var buffer: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { free(buffer) }
  while getline(&buffer, &capacity, file) >= 0 {
    guard let buffer else { break }
    lines.append(String(cString: buffer).split(separator: "\n", omittingEmptySubsequences: false).first.map(String.init) ?? "")
  }
  return lines
}
