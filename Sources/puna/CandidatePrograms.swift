import CodeExecution
import Evaluation

/// Runs the programs that a model writes, apart from everything else on the machine.
struct CandidatePrograms: ProgramRunner {
  private let runner: CodeRunner

  /// - Throws: `CodeExecutionError` when this machine cannot keep them apart.
  init() throws { runner = try CodeRunner() }

  func run(_ program: String) throws -> (passes: Bool, outcome: String) {
    let result = try runner.run(python: program)
    let last = result.output.split(whereSeparator: \.isNewline).last.map { ": \($0)" } ?? ""
    return switch result.outcome {
    case .passed: (true, "passed")
    case .failed(let status): (false, status == 0 ? "left before its end" : "failed\(last)")
    case .killed(let signal): (false, "killed by signal \(signal)")
    case .timedOut: (false, "not done after \(runner.limits.seconds.formatted()) s")
    case .tooMuchMemory: (false, "more than \(Terminal.bytes(runner.limits.memoryBytes)) of memory")
    }
  }
}
