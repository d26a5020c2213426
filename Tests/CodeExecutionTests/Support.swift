import CodeExecution
import Foundation
import Testing

/// The sandbox of these tests, where this machine can have one.
enum Available {
  private static let made = Result { try CodeRunner(limits: limits { $0.seconds = 30 }) }

  static var isHere: Bool { if case .success = made { true } else { false } }

  /// For the report of a skipped test.
  static var reason: Comment {
    if case .failure(let error) = made { Comment(rawValue: "\(error)") } else { "programs can be run here" }
  }

  /// With patience for a busy machine.
  static func runner() throws -> CodeRunner { try made.get() }

  /// With limits of its own.
  static func runner(_ change: (inout CodeRunner.Limits) -> Void) throws -> CodeRunner { try CodeRunner(limits: limits(change)) }

  private static func limits(_ change: (inout CodeRunner.Limits) -> Void) -> CodeRunner.Limits {
    var limits = CodeRunner.Limits()
    change(&limits)
    return limits
  }
}

/// What is left of sandboxes: processes that run the driver, or that belong to a user that nobody is.
func remainingProcesses() -> [String] {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
  return names.filter { Int32($0) != nil }.compactMap { name in
    guard let text = textOfKernelFile("/proc/\(name)/status") else { return nil }
    let command = textOfKernelFile("/proc/\(name)/cmdline") ?? ""
    let users = text.split(separator: "\n").first { $0.hasPrefix("Uid:") }?.split(separator: "\t").dropFirst().compactMap { UInt32($0) }
    let isOurs = command.contains("compile(program, \"program.py\"") || (users ?? []).contains { UnusedIdentity.preferred.contains($0) }
    return isOurs ? "\(name) \(users ?? []) \(command.prefix(40))" : nil
  }
}

/// What `python3` says of a program outside of every sandbox.
func runOutside(_ program: String) throws -> Int32 {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: try PythonInterpreter.find().executable)
  process.arguments = ["-c", program]
  process.standardOutput = FileHandle.nullDevice
  process.standardError = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  return process.terminationStatus
}
