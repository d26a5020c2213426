import Foundation
import TestSupport
import Testing

/// Training on text: tokens that are kept, and losses that tokenizers do not decide.
struct TextRunTests {
  private let text = (0..<40).map { "The llama number \($0) eats the grass of the puna.\nIt hums; 牦牛 do not.\n" }.joined()

  private func workspace(_ more: String = "") throws -> Workspace {
    let workspace = try Workspace()
    try workspace.write(text, to: "train.txt")
    try workspace.write(#"{"text": "A llama hums."}"# + "\n" + #"{"text": "The puna is high."}"# + "\n", to: "held.jsonl")
    try workspace.recipe(
      base: "starter", train: "train.txt", data: "  validation: held.jsonl\n  max_length: 64\n\(more)",
      training: "{max_steps: 2, batch_size: 2}", more: "evaluate_every: 1\nsave_every: 1\n")
    return workspace
  }

  private func events(_ workspace: Workspace, _ name: String) throws -> [[String: Any]] {
    try workspace.read("out/metrics.jsonl").split(separator: "\n").compactMap {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }.filter { $0["event"] as? String == name }
  }

  @Test func validationOnTextCountsBytes() throws {
    let workspace = try workspace("  token_cache: none\n")
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 0, "\(result.error)")
    let lines = try events(workspace, "validation")
    #expect(lines.count == 3)
    for line in lines {
      let (loss, bytes) = (try #require(line["loss"] as? Double), try #require(line["bytes"] as? Int))
      // Every byte of both documents stands behind a token that is learnt, and a token is at least a byte.
      #expect(bytes == "A llama hums.".utf8.count + "The puna is high.".utf8.count)
      // Begins of sequences are not learnt.
      let nats = loss * Double((line["tokens"] as? Int ?? 0) - 2)
      let bits = try #require(line["bits_per_byte"] as? Double)
      #expect(abs(bits - nats / log(2) / Double(bytes)) < 1e-12)
      #expect(abs((line["perplexity"] as? Double ?? 0) - exp(loss)) < 1e-9 * exp(loss))
      #expect(abs((line["perplexity_per_byte"] as? Double ?? 0) - pow(2, bits)) < 1e-9)
    }
    let first = try #require(lines[0]["bits_per_byte"] as? Double)
    #expect(result.error.contains(String(format: ", %.3f bits per byte)\n", first)) && result.error.contains("(perplexity "))
    let runs = try workspace.run(["runs", "."]).output
    let last = try #require(lines[2]["bits_per_byte"] as? Double)
    #expect(runs.contains("bits/byte") && runs.contains(String(format: "%.4f", last)), "\(runs)")
    #expect(try workspace.run(["inspect", "out"]).output.contains(String(format: "(%.4f bits per byte)", first)))
    #expect(try workspace.read("out/report.html").contains("bits per byte"))
    #expect(try workspace.run(["train", "r.yaml", "--verify"]).status == 0)
  }

  @Test func otherRowsKeepTheirLine() throws {
    let workspace = try workspace("  token_cache: none\n")
    try workspace.write(#"[{"instruction": "Hum.", "output": "Hm."}]"#, to: "held.json")
    let result = try workspace.run(["train", "r.yaml", "data.validation=held.json"])
    #expect(result.status == 0, "\(result.error)")
    for line in try events(workspace, "validation") {
      #expect(Set(line.keys) == ["event", "step", "loss", "tokens", "seconds"])
    }
    #expect(!result.error.contains("bits per byte") && !result.error.contains("perplexity"))
  }

  @Test func tokensAreFoundAgain() throws {
    let workspace = try workspace("  token_cache: kept tokens/1\n")
    func origins(_ arguments: [String]) throws -> [String] {
      let result = try workspace.run(["train", "r.yaml", "--dry-run"] + arguments)
      #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
      return result.output.split(separator: "\n").filter { $0.contains(" tokens of ") }.map {
        $0.contains("tokenized now and kept in kept tokens/1/") ? "kept" : $0.contains("from the cache, kept tokens/1/") ? "cached" : "?"
      }
    }
    #expect(try origins([]) == ["kept", "kept"])
    #expect(try origins(["data.max_length=32"]) == ["cached", "cached"])
    let trained = try workspace.run(["train", "r.yaml", "--quiet", "training.max_steps=1"])
    #expect(trained.status == 0 && trained.error.isEmpty, "\(trained.error)")
    try workspace.write(text + ".", to: "train.txt")
    #expect(try origins([]) == ["kept", "cached"])
    try workspace.write(text, to: "train.txt")
    // A run does not depend on where its tokens come from.
    let adapter = try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("out/adapter_model.safetensors")))
    #expect(try workspace.run(["train", "r.yaml", "--quiet", "training.max_steps=1", "data.token_cache=none", "--overwrite"]).status == 0)
    #expect(try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("out/adapter_model.safetensors"))) == adapter)
    // Nor does its continuation.
    #expect(
      try workspace.run(["train", "r.yaml", "--quiet", "training.schedule=constant", "training.warmup_steps=0", "--overwrite"]).status == 0)
    let changed = try workspace.run(
      [
        "train", "r.yaml", "--quiet", "training.schedule=constant", "training.warmup_steps=0", "training.max_steps=3",
        "data.token_cache=none", "--resume",
      ])
    #expect(changed.status == 0 && changed.error.contains("data.token_cache is none and was kept tokens/1."), "\(changed.error)")
    for name in try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file("kept tokens/1")) {
      try workspace.write("half", to: "kept tokens/1/\(name)")
    }
    let noted = try workspace.run(["train", "r.yaml", "--dry-run"])
    #expect(noted.status == 0 && noted.error.contains("it has 4 bytes, fewer than a header. The text is tokenized again."))
  }

  /// What everyone's cache is for: large files.
  @Test func byItselfLargeTextAloneIsKept() throws {
    let workspace = try workspace()
    try workspace.write(String(repeating: "The llama hums on the puna. ", count: 160_000), to: "large.txt")
    let environment = ["XDG_CACHE_HOME": workspace.folder.path]
    let result = try workspace.run(["train", "r.yaml", "--dry-run", "data.train=[train.txt, large.txt]"], environment: environment)
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains("kept in \(workspace.folder.path)/puna/tokens/"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file("puna/tokens")).count == 1)
    let homeless = try workspace.run(
      ["train", "r.yaml", "--dry-run", "data.train=large.txt"], environment: ["XDG_CACHE_HOME": "", "HOME": ""])
    #expect(
      homeless.error
        == "note: the tokens of large.txt are not kept for the next run: neither XDG_CACHE_HOME nor HOME names a folder. "
        + "data.token_cache names one.\n")
  }
}
