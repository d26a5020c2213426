import CodeExecution
import Foundation
import Testing

/// Everything that starts programs, one after the other: the tests look at what is left.
@Suite(.serialized, .enabled(if: Available.isHere, Available.reason)) enum SandboxTests {}

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

/// What is left of this process's sandboxes: processes that run the driver, or that belong to a user that nobody is, and are children of this
/// process or of nobody who is left. Another process's tests may have their own.
func remainingProcesses() -> [String] {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
  var parents: [String: String] = [:]
  for name in names where Int32(name) != nil {
    guard let text = textOfKernelFile("/proc/\(name)/status") else { continue }
    func field(_ name: String) -> [Substring] {
      (text.split(separator: "\n").first { $0.hasPrefix(name) } ?? "").split(separator: "\t").dropFirst().map { $0 }
    }
    let command = textOfKernelFile("/proc/\(name)/cmdline") ?? ""
    let isNobody = field("Uid:").compactMap { UInt32($0) }.contains(where: UnusedIdentity.preferred.contains)
    if command.contains("compile(program, \"program.py\"") || isNobody { parents[name] = field("PPid:").first.map(String.init) }
  }
  return parents.filter { $0.value == "1" || $0.value == "\(getpid())" }.map { $0.key }.sorted()
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
