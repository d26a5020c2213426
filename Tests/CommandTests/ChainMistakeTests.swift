import Foundation
import TestSupport
import Testing

/// Everything that is wrong with a chain is said before its first step, by line.
@Suite(.serialized) struct ChainMistakeTests {
  struct Mistake: Sendable, CustomTestStringConvertible {
    /// From line 3 of the chain file.
    let steps: [String]
    var arguments: [String] = []
    /// Everything on standard error.
    let messages: [String]

    var testDescription: String { messages[0] }
  }

  static let commands = "train, tokenizer train, tokenizer merge, merge, evaluate or generate"

  static let mistakes = [
    Mistake(
      steps: ["- run: chat --base starter"], messages: ["chain.yaml:3: step 1 (chat): 'chat' cannot be a step; expected \(commands)."]),
    Mistake(
      steps: ["- run: chain other.yaml"], messages: ["chain.yaml:3: step 1 (chain): 'chain' cannot be a step; expected \(commands)."]),
    Mistake(
      steps: ["- run: tokenizer"], messages: ["chain.yaml:3: step 1 (tokenizer): 'tokenizer' cannot be a step; expected \(commands)."]),
    Mistake(
      steps: ["- run: trian r.yaml"], messages: ["chain.yaml:3: step 1 (trian): 'trian' is no command of puna. Did you mean 'train'?"]),
    Mistake(
      steps: ["- run: train r.yaml --qiet"],
      messages: ["chain.yaml:3: step 1 (train): Unknown option '--qiet'. Did you mean '--quiet'?"]),
    Mistake(steps: ["- run: train --help"], messages: ["chain.yaml:3: step 1 (train): asks for help; a step does something."]),
    Mistake(
      steps: ["- run: train r.yaml --resume", "- run: train r.yaml --dry-run output=b"],
      messages: [
        "chain.yaml:3: step 1 (train): leave out --resume: the chain goes on with what was interrupted, and --from begins anew.",
        "chain.yaml:4: step 2 (train 2): leave out --dry-run: the chain goes on with what was interrupted, and --from begins anew.",
      ]),
    Mistake(
      steps: ["- run: evaluate --base base --task perplexity --data data.json"],
      messages: ["chain.yaml:3: step 1 (evaluate): 'evaluate' keeps nothing; give it --output, --samples or --report."]),
    Mistake(
      steps: ["- run: generate --base base --prompt Hello"],
      messages: ["chain.yaml:3: step 1 (generate): 'generate' is a step only with --file and --output, which keeps the answers."]),
    // Recipes, by their own lines; what the chain file overrides, by its line.
    Mistake(
      steps: ["- {name: a, run: train bad.yaml lora.rnak=3}", "- run: merge none.yaml"],
      messages: [
        "bad.yaml:3: training.max_steps is 0; expected a whole number from 1.",
        "chain.yaml:3: step 1 (a): unknown key 'rnak' in 'lora'. Did you mean 'rank'?", "none.yaml: there is no such file.",
      ]),
    Mistake(
      steps: ["- run: train missing.yaml adapters=[absent]", "- run: merge --base none --adapter out --output m"],
      messages: [
        "missing.yaml:1: base is 'nowhere', which is not there, and no earlier step of chain.yaml writes it.",
        "chain.yaml:3: step 1 (train): entry 1 of adapters is 'absent', which is not there, and no earlier step of chain.yaml writes it.",
        "chain.yaml:4: step 2 (merge): --base is 'none', which is not there, and no earlier step of chain.yaml writes it.",
        "chain.yaml:4: step 2 (merge): --adapter is 'out', which is not there, and no earlier step of chain.yaml writes it.",
      ]),
    Mistake(
      steps: ["- run: merge merge.yaml", "- run: train r.yaml"],
      messages: [
        "merge.yaml:2: entry 1 of adapter is 'out', which is not there, and no earlier step of chain.yaml writes it. Step 2 (train) does.",
        "chain.yaml:4: step 2 (train) writes out, where step 1 (merge) reads out. Choose another output.",
      ]),
    Mistake(
      steps: ["- run: tokenizer train --input data.json base --size 300 --output z.model --sample texts/*.txt"],
      messages: [
        "chain.yaml:3: step 1 (tokenizer train): --input is 'base', which is a folder; expected a file.",
        "chain.yaml:3: step 1 (tokenizer train): --sample is 'texts/*.txt', which is not there, and no earlier step of chain.yaml writes it. "
          + "Patterns are not expanded here: name the files.",
      ]),
    Mistake(
      steps: ["- run: train r.yaml", "- run: train r.yaml output=./out/", "- run: train r.yaml output=work"],
      messages: [
        "chain.yaml:4: step 2 (train 2) writes ./out/, where step 1 (train) writes too. Choose another output.",
        "chain.yaml:5: step 3 (train 3) writes work, where this chain keeps chain.json. Choose another output.",
      ]),
    Mistake(
      steps: ["- {nmae: a, run: train r.yaml}"], messages: ["chain.yaml:3: unknown key 'nmae' in entry 1 of 'steps'. Did you mean 'name'?"]),
    Mistake(
      steps: ["- {name: long, run: train r.yaml}", "- run: merge merge.yaml"], arguments: ["--from", "lon"],
      messages: ["puna: --from is 'lon'; expected a step of chain.yaml: long or merge, or a number from 1 to 2. Did you mean 'long'?"]),
    Mistake(
      steps: ["- run: train r.yaml"], arguments: ["--from", "2"],
      messages: ["puna: --from is '2'; expected a step of chain.yaml: train, or a number from 1 to 1."]),
  ]

  @Test(arguments: mistakes) func mistake(mistake: Mistake) throws {
    let chain = try ChainWorkspace()
    let workspace = chain.workspace
    try workspace.write("base: base\ndata: {train: data.json}\ntraining: {max_steps: 0}\noutput: bad\n", to: "bad.yaml")
    try workspace.write("base: nowhere\ndata: {train: data.json}\ntraining: {epochs: 1}\noutput: o\n", to: "missing.yaml")
    try workspace.write("output: work\nsteps:\n" + mistake.steps.map { "  \($0)\n" }.joined(), to: "chain.yaml")
    let before = workspace.folder.names
    let result = try workspace.run(["chain", "chain.yaml"] + mistake.arguments)
    #expect(result.status == 1)
    #expect(result.error.split(separator: "\n").map(String.init) == mistake.messages)
    #expect(result.output.isEmpty)
    #expect(Set(workspace.folder.names).subtracting(before).allSatisfy { $0.hasPrefix(".std") })
  }

  @Test func noFile() throws {
    let result = try Workspace().run(["chain", "none.yaml"])
    #expect(result.status == 1 && result.error == "none.yaml: there is no such file.\n")
  }

  /// The chain that comes with the tool, as far as it can be known without running it.
  @Test func theShippedChainStands() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Workspace.tool)
    process.arguments = ["chain", "recipes/chain-quickstart.yaml", "--dry-run"]
    process.currentDirectoryURL = URL(fileURLWithPath: Workspace.package)
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(text.split(separator: "\n").prefix(4).map { $0.split(separator: " ").first } == ["step", "1", "2", "3"], "\(text)")
  }
}
