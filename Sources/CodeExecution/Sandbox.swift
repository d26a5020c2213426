import CSandbox
import Foundation

/// What is the same for every program: where Python lies, what it sees, what it may use.
package struct Sandbox: Sendable {
  package let interpreter: PythonInterpreter
  package let limits: CodeRunner.Limits
  package let root: RootPlan

  init(interpreter: PythonInterpreter, limits: CodeRunner.Limits) {
    self.interpreter = interpreter
    self.limits = limits
    root = RootPlan(interpreter: interpreter)
  }

  /// No site packages: results should not depend on what happens to be installed. `-I` would forget the seed of hashes as well.
  private var arguments: [String] { [interpreter.executable, "-s", "-S", "-B", "-c", PythonDriver.run] }

  private static let environment = [
    "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=\(RootPlan.workFolder)", "TMPDIR=\(RootPlan.workFolder)", "PYTHONHASHSEED=0",
    "PYTHONDONTWRITEBYTECODE=1",
  ]

  /// Starts Python with the driver, which reads `input`.
  package func start(input: [UInt8], seconds: Double) throws -> SandboxedProcess {
    let privileged = geteuid() == 0
    let user = try UnusedIdentity.onThisMachine(isName: !privileged)
    let texts = CStrings()
    let argumentTexts = arguments.map { texts.pointer($0) } + [nil]
    let environmentTexts = Self.environment.map { texts.pointer($0) } + [nil]
    let entries = root.entries.map { entry in
      puna_sandbox_entry(kind: entry.kind, path: texts.pointer(entry.path), target: entry.target.flatMap { texts.pointer($0) })
    }
    var child = puna_sandbox_child()
    var problem = puna_sandbox_problem()
    let status = argumentTexts.withUnsafeBufferPointer { arguments in
      environmentTexts.withUnsafeBufferPointer { environment in
        entries.withUnsafeBufferPointer { entries in
          input.withUnsafeBytes { input in
            var options = puna_sandbox_options()
            options.arguments = arguments.baseAddress
            options.environment = environment.baseAddress
            options.entries = entries.baseAddress
            options.entry_count = entries.count
            options.work_folder = texts.pointer(RootPlan.workFolder)
            options.input = input.baseAddress
            options.input_count = input.count
            options.user = user
            options.user_namespace = privileged ? 0 : 1
            options.memory_bytes = UInt64(limits.memoryBytes)
            options.file_bytes = UInt64(limits.fileBytes)
            options.file_count = 1000
            options.process_count = UInt64(limits.processes)
            options.open_count = 256
            options.cpu_seconds = UInt64(seconds.rounded(.up)) + 1
            return puna_sandbox_start(&options, &child, &problem)
          }
        }
      }
    }
    withExtendedLifetime(texts) {}
    guard status == 0 else {
      let entry = root.entries.indices.contains(Int(problem.entry)) ? root.entries[Int(problem.entry)].path : nil
      let subject = problem.step == PUNA_SANDBOX_EXECUTE ? interpreter.executable : entry
      throw CodeExecutionError.refused(
        step: CodeExecutionError.Step(problem.step), subject: subject, error: problem.error, privileged: privileged)
    }
    return SandboxedProcess(child, outputBytes: limits.outputBytes)
  }
}

/// Texts for C, alive as long as their owner.
private final class CStrings {
  private var copies: [UnsafeMutablePointer<CChar>] = []

  deinit { for copy in copies { copy.deallocate() } }

  func pointer(_ text: String) -> UnsafePointer<CChar>? {
    let bytes = text.utf8CString
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { copy[index] = byte }
    copies.append(copy)
    return UnsafePointer(copy)
  }
}
