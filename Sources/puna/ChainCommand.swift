import ArgumentParser
import Chains
import Configuration

struct ChainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chain", abstract: "Run commands after each other, and go on where they stopped.",
    discussion: """
      Example: puna chain recipes/chinese-llama/chain.yaml
      The file lists steps; each is a command line of train, tokenizer train, tokenizer merge, merge, evaluate or generate:
        output: work/chinese-llama
        steps:
          - name: pieces
            run: tokenizer train --input texts/zh.txt --size 20000 --output work/chinese-llama/zh.model
          - run: train recipes/pretrain.yaml lora.rank=16
      Everything is checked before the first step. A step that was done and whose inputs and outputs are what they were is passed over, \
      an interrupted training is continued. What has changed since is named, and made anew only with --from.
      """)

  @Argument(help: "Chain file.") var file: String
  @Option(help: "Make this step, by name or number, and all after it anew.") var from: String?
  @Flag(help: "List the steps and where they stand, and run nothing.") var dryRun = false
  @Flag(help: "Print no progress, only notes and results.") var quiet = false

  func run() throws {
    let chain = try Chain.read(file) { words, location throws(ConfigurationError) in
      try StepCommandLine.describe(words, at: location)
    }
    var first: Chain.Step?
    if let from {
      first = chain.step(from)
      guard first != nil else {
        let names = chain.steps.map(\.name)
        throw Failure(
          "--from is '\(from)'; expected a step of \(file): \(names.orList), or a number from 1 to \(names.count)."
            + Suggestion.sentence(for: from, among: names))
      }
    }
    let history = try ChainHistory(chain, from: first)
    if dryRun {
      print(try ChainTable(chain, history).plan, terminator: "")
      return
    }
    try ChainRun(chain, history, isQuiet: quiet).run()
    print(ChainTable(chain, history).result, terminator: "")
  }
}
