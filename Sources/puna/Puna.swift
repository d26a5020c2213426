import ArgumentParser
import Configuration

@main
struct Puna: AsyncParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "puna",
    abstract: "LoRA fine-tuning for LLaMA-family models on the CPU.",
    discussion: """
      A frozen base is mapped from its shards, adapters are trained on instruction data from a recipe file.
      Results go to standard output, progress and notes to standard error.
      Exit status: 0 done, 1 failed, 2 wrong command line, 130 interrupted.
      """,
    version: version,
    subcommands: [
      TrainCommand.self, PreviewCommand.self, MergeCommand.self, EvaluateCommand.self, GenerateCommand.self, ChatCommand.self,
      ChainCommand.self, InspectCommand.self, RunsCommand.self, LogitsCommand.self, TokenizeCommand.self, TokenizerCommand.self,
      MachineCommand.self,
    ])

  /// ArgumentParser ends with 64 on a wrong command line; Puna's users rely on 2.
  static func main() async {
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
    } catch let error as ExitCode {
      exit(withError: error)
    } catch {
      let code = exitCode(for: error)
      if code == .success { exit(withError: error) }
      if code == .validationFailure {
        standardError(fullMessage(for: error))
        exit(withError: ExitCode(2))
      }
      // Problems of a recipe begin with their place each.
      standardError(error is ConfigurationError ? "\(error)" : "puna: \(error)")
      exit(withError: ExitCode(1))
    }
  }
}

/// What every command that computes accepts.
struct ComputeFlags: ParsableArguments {
  @Option(help: "auto, bfloat16 or float32.") var precision: PrecisionChoice?
  @Option(help: "Threads; default: all cores this process may use.") var threads: Int?

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads is \(threads); expected a whole number from 1.") }
  }
}
