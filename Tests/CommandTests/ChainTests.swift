import Foundation
import TestSupport
import Testing

/// `puna chain` as a person runs it.
@Suite(.serialized) struct ChainTests {
  /// From text to scores, on the embedded base.
  @Test func aWholeChainThenNothing() throws {
    let chain = try ChainWorkspace()
    let workspace = chain.workspace
    try workspace.write(TokenizerCommandTests.text, to: "zh.txt")
    try workspace.write(TokenizerCommandTests.text.components(separatedBy: "\n").suffix(9).joined(separator: "\n"), to: "held-out.txt")
    let common =
      "base: starter\nlora: {rank: 2, train_embeddings: {input: new_rows, output: new_rows}}\ntraining: {max_steps: 3, batch_size: 2}\nsamples: none\n"
    try workspace.write(
      common
        + "vocabulary: {tokenizer: work/merged.model}\ndata: {train: zh.txt, format: text, max_length: 32, validation: 2}\noutput: work/first\n",
      to: "first.yaml")
    try workspace.write(
      common.replacingOccurrences(of: ", train_embeddings: {input: new_rows, output: new_rows}", with: "")
        + "adapters: [work/first]\ndata: {train: rows.json, max_length: 128}\noutput: work/second\n", to: "second.yaml")
    try workspace.write(
      "[\((0..<8).map { "{\"instruction\": \"Name \($0).\", \"output\": \"It is \($0).\"}" }.joined(separator: ","))]", to: "rows.json")
    try chain.chain(
      "- {name: pieces, run: tokenizer train --input zh.txt --size 280 --output work/zh.model --sample held-out.txt}",
      "- run: tokenizer merge --base starter --add work/zh.model --special '[PAD]' --output work/merged.model",
      "- {name: pre-training, run: train first.yaml lora.rank=4}",
      "- {name: instructions, run: [train, second.yaml]}",
      "- run: merge --base starter --adapter work/second --output work/model",
      "- run: [evaluate, --base, work/model, --task, perplexity, --data, held-out.txt, --output, work/scores.json]")

    let first = try chain.run(quiet: false)
    #expect(first.status == 0, "\(first.error)")
    #expect(
      chain.headers(first).map { String($0.prefix { $0 != "(" }) } == [
        "step 1 of 6: pieces ", "step 2 of 6: tokenizer merge ", "step 3 of 6: pre-training ", "step 4 of 6: instructions ",
        "step 5 of 6: merge ", "step 6 of 6: evaluate ",
      ])
    #expect(chain.headers(first)[2] == "step 3 of 6: pre-training (train first.yaml lora.rank=4)")
    #expect(first.output.contains("base     starter        2,048 pieces"), "\(first.output)")
    let table = first.output.split(separator: "\n").suffix(7)
    #expect(table.first?.split(separator: " ") == ["step", "time", "made"])
    #expect(table.contains { $0.contains("pieces") && $0.hasSuffix("work/zh.model (280 pieces)") }, "\(first.output)")
    #expect(table.contains { $0.contains(/pre-training .* work\/first \(validation loss \d+\.\d{4} -> \d+\.\d{4}\)$/) }, "\(first.output)")
    #expect(table.contains { $0.contains(/instructions .* work\/second \(training loss \d/) }, "\(first.output)")
    #expect(try workspace.read("work/first/recipe.yaml").contains("rank: 4"))

    let files = [
      "work/chain.json", "work/zh.model", "work/first/metrics.jsonl", "work/second/adapter_model.safetensors", "work/scores.json",
    ]
    let before = try files.map { try chain.bytes($0) }
    let again = try chain.run(quiet: false)
    #expect(again.status == 0 && again.output == table.map { $0 + "\n" }.joined(), "\(again.output)\(again.error)")
    #expect(
      again.error.split(separator: "\n").allSatisfy { $0.contains(/^step \d of 6: [a-z -]+: done before \(\d+ s\)$/) }, "\(again.error)")
    #expect(try files.map { try chain.bytes($0) } == before)
    let plan = try chain.run("--dry-run")
    #expect(plan.output.split(separator: "\n").dropFirst().allSatisfy { $0.contains("done (") }, "\(plan.output)")

    // A longer tokenizer, asked for: everything behind it is made of it.
    try workspace.edit("chain.yaml", "--size 280", "--size 281")
    let refused = try chain.run()
    #expect(refused.status == 1 && refused.output.isEmpty)
    #expect(refused.error.contains("step 1 (pieces) was done, but since then:\n  the command is 'tokenizer train"), "\(refused.error)")
    let anew = try chain.run("--from", "pieces", quiet: false)
    #expect(anew.status == 0, "\(anew.error)")
    #expect(anew.output.contains("work/zh.model (281 pieces)"))
    #expect(chain.headers(anew)[2] == "step 3 of 6: pre-training (train first.yaml lora.rank=4 --overwrite)")
    #expect(try chain.bytes("work/first/adapter_model.safetensors") != before[3] && chain.run().error.isEmpty)
  }

  @Test func anUnchangedMeaningIsNoChange() throws {
    let chain = try ChainWorkspace()
    #expect(try chain.run().status == 0)
    // A comment, a value that only tells how, and another way to write the same.
    try chain.workspace.edit("r.yaml", "lora: ", "save_every: 4  # often\nlora: ")
    try chain.chain("- {name: longer, run: [train, ./r.yaml, --threads, 1]}", "- run: merge merge.yaml --quiet")
    let result = try chain.run(quiet: false)
    #expect(result.status == 0 && chain.headers(result).allSatisfy { $0.contains("done before") }, "\(result.error)")
  }

  @Test func whatChangedIsNamedAndNothingTouched() throws {
    let chain = try ChainWorkspace()
    let workspace = chain.workspace
    #expect(try chain.run().status == 0)
    let adapter = try chain.bytes("out/adapter_model.safetensors")
    let record = try chain.bytes("work/chain.json")
    try workspace.edit("r.yaml", "rank: 2", "rank: 3")
    try workspace.edit("data.json", "\"prompt_length\": 2},\n", "\"prompt_length\": 3},\n")
    let message = """
      step 1 (long) was done, but since then:
        lora.rank is 3 and was 2
        data.json has changed
      Nothing of it was touched. Put back what was there, or make that step and all after it anew with:
        puna chain chain.yaml --from long

      """
    let refused = try chain.run()
    #expect(refused.status == 1 && refused.error == "puna: \(message)", "\(refused.error)")
    let plan = try chain.run("--dry-run")
    #expect(plan.status == 0 && plan.output.contains("1     long   stale       train r.yaml"), "\(plan.output)")
    #expect(plan.output.contains("step 1 (long) was done, but since then:\n  lora.rank is 3 and was 2\n  data.json has changed\n"))
    #expect(try chain.bytes("out/adapter_model.safetensors") == adapter && chain.bytes("work/chain.json") == record)

    #expect(try chain.run("--from", "2").status == 1)
    let merged = try chain.bytes("merged/model.safetensors")
    let anew = try chain.run("--from", "1", quiet: false)
    #expect(anew.status == 0, "\(anew.error)")
    #expect(chain.headers(anew) == ["step 1 of 2: long (train r.yaml --overwrite)", "step 2 of 2: merge (merge merge.yaml)"])
    #expect(try chain.bytes("merged/model.safetensors") != merged)
    #expect(try workspace.read("out/recipe.yaml").contains("rank: 3"))
  }

  @Test func whatIsMissingIsMadeAgain() throws {
    let chain = try ChainWorkspace()
    #expect(try chain.run().status == 0)
    let merged = try chain.bytes("merged/model.safetensors")
    try chain.workspace.remove("merged")
    let result = try chain.run(quiet: false)
    #expect(result.status == 0 && chain.headers(result)[0].hasPrefix("step 1 of 2: long: done before"), "\(result.error)")
    #expect(chain.headers(result)[1] == "step 2 of 2: merge (merge merge.yaml)")
    #expect(try chain.bytes("merged/model.safetensors") == merged)
    // The training again gives the same bits, so that the merge stands.
    try chain.workspace.remove("out")
    let trained = try chain.run(quiet: false)
    #expect(chain.headers(trained)[0] == "step 1 of 2: long (train r.yaml)", "\(trained.error)")
    #expect(chain.headers(trained)[1].hasPrefix("step 2 of 2: merge: done before"))
  }

  /// What the chain did not make is neither replaced nor removed, not even when a step is asked for by name.
  @Test func whatSomebodyElseWroteStays() throws {
    let chain = try ChainWorkspace()
    let workspace = chain.workspace
    try workspace.write("mine", to: "merged/notes.txt")
    let first = try chain.run()
    let message = "step 2 (merge) would write merged, which is there, and work/chain.json does not say that this chain made it."
    #expect(first.status == 1 && first.error.contains(message) && !workspace.exists("out"), "\(first.error)")
    try workspace.remove("merged")
    #expect(try chain.run().status == 0)
    try workspace.write("mine", to: "merged/model.safetensors")
    let stale = try chain.run()
    #expect(stale.status == 1 && stale.error.contains("  merged is no longer what it wrote\n"), "\(stale.error)")
    #expect(stale.error.contains("\nWhat the chain did not write is never removed: move merged away first."))
    let from = try chain.run("--from", "merge")
    #expect(from.status == 1 && from.error.contains(message), "\(from.error)")
    #expect(try workspace.read("merged/model.safetensors") == "mine")
    // Nor is a training of somebody else, with or without its checkpoints.
    #expect(try workspace.run(["train", "r.yaml", "training.seed=1", "--overwrite", "--quiet"]).status == 0)
    let adapter = try chain.bytes("out/adapter_model.safetensors")
    for name in ["long", "1"] { #expect(try chain.run("--from", name).error.contains("step 1 (long) would write out")) }
    try workspace.remove("work")
    try workspace.remove("merged")
    #expect(try chain.run().error.contains("training.seed is 42 and was 1"))
    try workspace.remove("out/checkpoints")
    #expect(try chain.run().error.contains("step 1 (long) would write out"))
    #expect(try chain.bytes("out/adapter_model.safetensors") == adapter)
  }

  @Test func aFailingStepEndsTheChain() throws {
    let chain = try ChainWorkspace()
    try chain.workspace.write("[{\"ids\": [1, 2]", to: "data.json")
    let result = try chain.run()
    #expect(result.status == 1 && result.output.isEmpty)
    let lines = result.error.split(separator: "\n")
    #expect(lines.first?.hasPrefix("puna: data.json") == true, "\(result.error)")
    #expect(
      lines.last == "puna: step 1 of 2 (long) failed with status 1; what is wrong stands above. Go on with: puna chain chain.yaml",
      "\(result.error)")
    #expect(!chain.workspace.exists("merged"))
  }
}
