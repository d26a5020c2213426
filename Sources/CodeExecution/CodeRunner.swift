/// Runs Python programs that nobody has read, such as a language model's: each in namespaces of its own, as an unused user without
/// privileges, with no network, little to see of the machine, and limited time, memory, processes, files and output.
///
/// Isolation is the kernel's, and as good as the kernel. A program that *passes* has run to its end; that keeps out programs that leave early,
/// not one that is written to deceive this very runner: what checks an answer in the same process, the answer can change.
public struct CodeRunner: Sendable {
  /// What one program may use.
  public struct Limits: Sendable, Equatable {
    /// From start to end, by the clock.
    public var seconds: Double
    /// Address space of each process, and resident memory of all of them together.
    public var memoryBytes: Int
    /// Processes and threads at a time.
    public var processes: Int
    /// The one folder that can be written, and each file in it. It is in memory, and gone with the program.
    public var fileBytes: Int
    /// What is kept of the output: its end. A program may write more.
    public var outputBytes: Int

    public init(
      seconds: Double = 10, memoryBytes: Int = 1 << 30, processes: Int = 16, fileBytes: Int = 16 << 20, outputBytes: Int = 64 << 10
    ) {
      self.seconds = seconds
      self.memoryBytes = memoryBytes
      self.processes = processes
      self.fileBytes = fileBytes
      self.outputBytes = outputBytes
    }
  }

  /// How a program ended.
  public enum Outcome: Sendable, Equatable {
    /// It ran to its end, with exit status 0.
    case passed
    /// It ended by itself. After an exception the status is 1; 0 means that it left before its end.
    case failed(status: Int32)
    /// A signal ended it: the kernel's, at a crash or a limit.
    case killed(signal: Int32)
    /// It was still running when its time was over.
    case timedOut
    /// Its processes together used more memory than allowed. One process that asks for too much gets a `MemoryError` instead.
    case tooMuchMemory
  }

  /// What is known of one run.
  public struct Result: Sendable, Equatable {
    public let outcome: Outcome
    /// The end of what it wrote to its standard output and standard error. Bytes that are not UTF-8 are replaced; terminal control
    /// sequences are in it as they were written.
    public let output: String
    public let seconds: Double

    public init(outcome: Outcome, output: String, seconds: Double) {
      self.outcome = outcome
      self.output = output
      self.seconds = seconds
    }
  }

  public let limits: Limits
  package let sandbox: Sandbox

  /// Finds Python and tries out everything that a run needs: that a program runs, and that what must fail inside the sandbox does fail.
  ///
  /// - Throws: ``CodeExecutionError`` that says what is missing and what would help.
  public init(limits: Limits = Limits()) throws {
    precondition(limits.seconds > 0 && limits.seconds < 1e6, "a time limit is positive, and less than 11 days")
    precondition(min(limits.memoryBytes, limits.processes, limits.fileBytes, limits.outputBytes) > 0, "limits are positive")
    self.limits = limits
    guard kernelListsChildren() else { throw CodeExecutionError.childrenNotListed }
    sandbox = Sandbox(interpreter: try PythonInterpreter.find(), limits: limits)
    try checkIsolation()
  }

  /// Runs one program, given as its text, in an empty folder.
  ///
  /// As in the reference harness of HumanEval its names begin empty and `__name__` is not `__main__`. The standard library can be imported,
  /// nothing else. Standard input is empty. The calling thread waits for the end; several threads may run programs at the same time.
  ///
  /// - Throws: ``CodeExecutionError`` when the sandbox fails; never for what the program does.
  public func run(python program: String) throws -> Result { try run(python: program, seconds: limits.seconds) }

  /// A program that does what must not be possible. The time is for a machine that reads Python from a disk.
  private func checkIsolation() throws {
    let result = try run(python: PythonDriver.isolationCheck, seconds: max(limits.seconds, 30))
    guard result.outcome != .passed else { return }
    let lines = result.output.split(whereSeparator: \.isNewline)
    let open = lines.filter { $0.hasPrefix(PythonDriver.openMark) }.map { String($0.dropFirst(PythonDriver.openMark.count)) }
    guard open.isEmpty else { throw CodeExecutionError.notIsolated(open) }
    let reason = lines.suffix(5).joined(separator: " / ")
    throw CodeExecutionError.pythonUnusable(
      path: sandbox.interpreter.executable, reason: "a program that should pass ended as \(result.outcome): \(reason).")
  }

  private func run(python program: String, seconds: Double) throws -> Result {
    // Nobody can know it who has not read it in the program's own process.
    let token = (0..<4).map { _ in hexadecimal(UInt32.random(in: .min ... .max)) }.joined()
    let process = try sandbox.start(input: Array((token + program).utf8), seconds: seconds)
    let ending = try process.watch(seconds: seconds, memoryBytes: limits.memoryBytes)
    let outcome: Outcome =
      switch ending.reason {
      case .outOfTime: .timedOut
      case .outOfMemory: .tooMuchMemory
      case .signal(let signal): .killed(signal: signal)
      case .exit(let status): status == 0 && ending.report == Array(token.utf8) ? .passed : .failed(status: status)
      }
    return Result(outcome: outcome, output: text(ofTail: ending.output), seconds: ending.seconds)
  }
}

/// Eight digits.
private func hexadecimal(_ number: UInt32) -> String {
  let digits = String(number, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}

/// Text whose beginning was cut off, perhaps within a character.
private func text(ofTail bytes: (all: [UInt8], isCut: Bool)) -> String {
  let cut = bytes.isCut ? bytes.all.prefix(3).prefix { $0 & 0xC0 == 0x80 }.count : 0
  return String(decoding: bytes.all.dropFirst(cut), as: UTF8.self)
}
