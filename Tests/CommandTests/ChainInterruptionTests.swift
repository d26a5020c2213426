import Foundation
import TestSupport
import Testing

/// A chain that is stopped in the middle of a training, in every way there is.
@Suite(.serialized) struct ChainInterruptionTests {
  enum Stop: CaseIterable { case parentAlone, wholeGroup, childAlone }

  /// The adapter of the training, never stopped.
  private func undisturbed(_ chain: ChainWorkspace) throws -> Data {
    let result = try chain.workspace.run(["train", "r.yaml", "output=undisturbed", "--quiet"])
    #expect(result.status == 0, "\(result.error)")
    return try chain.bytes("undisturbed/adapter_model.safetensors")
  }

  private func expectToGoOn(_ chain: ChainWorkspace, _ expected: Data) throws {
    let plan = try chain.run("--dry-run")
    #expect(plan.output.contains("to continue from training step "), "\(plan.output)")
    let result = try chain.run(quiet: false)
    #expect(result.status == 0, "\(result.error)")
    #expect(chain.headers(result) == ["step 1 of 2: long (train r.yaml --resume)", "step 2 of 2: merge (merge merge.yaml)"])
    #expect(try chain.bytes("out/adapter_model.safetensors") == expected)
    #expect(chain.workspace.exists("merged/model.safetensors"))
  }

  @Test(arguments: Stop.allCases) func interruptedItSavesAndGoesOn(stop: Stop) throws {
    let chain = try ChainWorkspace(steps: 1500, more: "save_every: 5000\nevaluate_every: 5000\n")
    let expected = try undisturbed(chain)
    let process = try chain.start(inGroup: stop == .wholeGroup)
    try chain.waitForSteps(5)
    switch stop {
    case .parentAlone: kill(process.processIdentifier, SIGTERM)
    case .wholeGroup:
      let group = try #require(Int32(try chain.workspace.read("group").trimmingCharacters(in: .whitespacesAndNewlines)))
      kill(-group, SIGINT)
    case .childAlone: for child in try chain.children(of: process.processIdentifier) { kill(child, SIGINT) }
    }
    process.waitUntilExit()
    let error = try chain.workspace.read("error")
    #expect(process.terminationStatus == 130, "\(error)")
    #expect(error.contains("\npuna: interrupted in step 1 of 2 (long). Go on with: puna chain chain.yaml\n"), "\(error)")
    #expect(error.contains("of 1500, saved in out/checkpoints/step-"), "\(error)")
    #expect(!chain.workspace.exists("merged") && !chain.workspace.exists("out/adapter_config.json"))
    try expectToGoOn(chain, expected)
  }

  /// Ctrl-C reaches both processes; passed on once more, it would end a training in the middle of a step that takes longer.
  @Test func whatTheChildHasGotIsNotPassedOn() throws {
    let chain = try ChainWorkspace()
    try chain.workspace.write(String(repeating: TokenizerCommandTests.text, count: 40), to: "zh.txt")
    try chain.workspace.write(
      "base: starter\ndata: {train: zh.txt, format: text, max_length: 128}\nlora: {rank: 2}\ntraining: {max_steps: 20, batch_size: 96}\n"
        + "samples: none\noutput: out\n", to: "slow.yaml")
    try chain.chain("- {name: long, run: train slow.yaml}")
    let process = try chain.start(inGroup: true)
    try chain.waitForSteps(0)
    usleep(50_000)
    kill(-(try #require(Int32(try chain.workspace.read("group").trimmingCharacters(in: .whitespacesAndNewlines)))), SIGINT)
    process.waitUntilExit()
    let error = try chain.workspace.read("error")
    #expect(process.terminationStatus == 130 && error.contains("of 20, saved in out/checkpoints/step-"), "\(error)")
  }

  @Test func killedItGoesOnFromTheNewestCheckpoint() throws {
    let chain = try ChainWorkspace(steps: 1500, more: "save_every: 20\nevaluate_every: 5000\n")
    let expected = try undisturbed(chain)
    let process = try chain.start()
    try chain.waitForSteps(50)
    for child in try chain.children(of: process.processIdentifier) { kill(child, SIGKILL) }
    process.waitUntilExit()
    #expect(process.terminationStatus == 1)
    #expect(
      try chain.workspace.read("error")
        == "puna: step 1 of 2 (long) was ended by signal 9, as the system does when memory runs out. Go on with: puna chain chain.yaml\n")
    try expectToGoOn(chain, expected)
  }

  /// Two chains would write the same record.
  @Test func oneProcessHasTheChain() throws {
    let chain = try ChainWorkspace(steps: 100_000, more: "save_every: 100000\n")
    let process = try chain.start()
    try chain.waitForSteps(5)
    let second = try chain.run()
    #expect(second.status == 1)
    #expect(second.error == "puna: work: another process is running a chain there. Wait for it, or choose another output.\n")
    process.interrupt()
    process.waitUntilExit()
    // A changed recipe is another training: the one that was begun is not continued with it.
    try chain.workspace.edit("r.yaml", "rank: 2", "rank: 3")
    let changed = try chain.run()
    #expect(changed.status == 1 && changed.error.contains("lora.rank is 3 and was 2."), "\(changed.error)")
    #expect(changed.error.hasSuffix("Go on with: puna chain chain.yaml (or --from long, which begins it anew)\n"), "\(changed.error)")
    try chain.workspace.edit("r.yaml", "max_steps: 100000", "max_steps: 3")
    let anew = try chain.run("--from", "long")
    #expect(anew.status == 0, "\(anew.error)")
  }
}
