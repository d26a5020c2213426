import ArgumentParser

/// Speeds on real shapes with random data. Never part of the tests: what is timed here depends on what else the machine does.
@main
struct Benchmarks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "puna-benchmarks", abstract: "Measures Puna against what the machine can do.",
    subcommands: [
      AttentionCommand.self, DecodeCommand.self, FewRowsCommand.self, GEMMCommand.self, RequestsCommand.self, TrainingCommand.self,
    ])
}
