import Foundation
import Glibc
import TestSupport
import Testing

/// The tool, run as a person runs it.
@Suite(.serialized) struct CommandTests {
  @Test func trainingWritesAWholeRunFolder() throws {
    let workspace = try Workspace()
    try workspace.recipe(
      data: "  validation: 1\n", training: "{max_steps: 4, batch_size: 1}", more: "save_every: 1\nkeep_checkpoints: 2\nevaluate_every: 2\n")
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.isEmpty, "results only on standard output: \(result.output)")
    for name in ["adapter_config.json", "adapter_model.safetensors", "recipe.yaml", "run.json", "metrics.jsonl"] {
      #expect(workspace.exists("out/\(name)"), "\(name)")
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file("out/checkpoints")).sorted() == [
        "step-000003", "step-000004",
      ])
    let events = try workspace.read("out/metrics.jsonl").split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    #expect(events.compactMap { $0["event"] as? String } == ["validation", "step", "step", "validation", "step", "step", "validation"])
    #expect(events.filter { $0["event"] as? String == "step" }.compactMap { $0["step"] as? Int } == [1, 2, 3, 4])

    // The resolved recipe runs again as it is, and gives the same adapter; the adapter can be continued and stacked on.
    let again = try workspace.run(["train", "out/recipe.yaml", "output=again"])
    #expect(again.status == 0, "\(again.error)")
    let adapters = try ["out", "again"].map {
      try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("\($0)/adapter_model.safetensors")))
    }
    #expect(adapters[0] == adapters[1])
    let continued = try workspace.run(["train", "r.yaml", "lora={start_from: out}", "output=continued"])
    #expect(continued.status == 0, "\(continued.error)")
    let continuedAgain = try workspace.run(["train", "continued/recipe.yaml", "--overwrite"])
    #expect(continuedAgain.status == 0, "\(continuedAgain.error)")
    let stacked = try workspace.run(["train", "r.yaml", "adapters=[out]", "output=stacked"])
    #expect(stacked.status == 0, "\(stacked.error)")
    let logits = try workspace.run([
      "logits", "--base", "base", "--adapter", "out", "--adapter", "stacked=0.5", "--tokens", "1,2,3", "--output", "l",
    ])
    #expect(logits.status == 0 && workspace.exists("l"), "\(logits.error)")
  }

  @Test func previewShowsRowsAndNothingElse() throws {
    let workspace = try Workspace()
    let result = try workspace.run(["preview", "r.yaml", "--rows", "1"])
    #expect(result.status == 0, "\(result.error)")
    #expect(
      result.output.contains("data.json, row 1: 6 tokens, 3 learnt") || result.output.contains("data.json, row 2: 4 tokens, 2 learnt"))
    #expect(!workspace.exists("out"))
  }

  /// Conversations, instructions, text and ids in one run, each file by its own rules; then what came out runs again.
  @Test func aMixOfAllFormats() throws {
    let workspace = try Workspace()
    try workspace.write(
      #"""
      {"messages": [{"role": "user", "content": "What is a young bat called?"}, {"role": "assistant", "content": "A pup."},
        {"role": "user", "content": "And a goose?"}, {"role": "assistant", "content": "A gosling."}, {"role": "user", "content": "So?"}]}
      {"messages": [{"role": "user", "content": "Say no."}, {"role": "assistant", "content": "No."}], "id": 7}
      """#, to: "chat.jsonl")
    try workspace.write(#"[{"instruction": "Say yes.", "output": "Yes."}]"#, to: "alpaca.json")
    try workspace.write(String(repeating: "The llama eats grass. ", count: 40), to: "notes.txt")
    try workspace.write(#"{"ids": [1, 5, 6, 2], "prompt_length": 2}"#, to: "ids.jsonl")
    try workspace.recipe(
      base: "starter",
      train:
        "[{path: chat.jsonl, template: llama2}, {path: alpaca.json, weight: 2}, {path: notes.txt, format: text, weight: 0.5}, ids.jsonl]",
      data: "  max_length: 32\n", training: "{epochs: 2, batch_size: 4}")
    let dry = try workspace.run(["train", "r.yaml", "--dry-run"])
    #expect(dry.status == 0, "\(dry.error)")
    for line in [
      "#   2 an epoch from chat.jsonl: chat by template llama2, 2 of 2 rows",
      "#   2 an epoch from alpaca.json: alpaca by template alpaca, 1 of 1 rows, weight 2", " blocks, weight 0.5",
      "#   1 an epoch from ids.jsonl: tokens, 1 of 1 rows",
    ] { #expect(dry.output.contains(line), "\(line) in \(dry.output)") }
    #expect(
      dry.error.contains("note: 1 conversation with a last turn of the user that has no answer; that turn is left out."), "\(dry.error)")
    #expect(dry.error.contains("note: the key 'id' of 1 row is not used."))
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 0 && workspace.exists("out/adapter_model.safetensors"), "\(result.error)")
    let again = try workspace.run(["train", "out/recipe.yaml", "output=again"])
    #expect(again.status == 0, "\(again.error)")
    let adapters = try ["out", "again"].map {
      try Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("\($0)/adapter_model.safetensors")))
    }
    #expect(adapters[0] == adapters[1])
    let preview = try workspace.run(["preview", "r.yaml", "data.train=notes.txt", "--rows", "1"])
    #expect(preview.output.contains("notes.txt, block ") && preview.output.contains("1 document in blocks"), "\(preview.output)")
  }

  @Test(arguments: ["chat.jsonl", "notes.md"]) func oneFileOfEachNewFormat(file: String) throws {
    let workspace = try Workspace()
    try workspace.write(
      #"{"conversations": [{"from": "human", "value": "Say no."}, {"from": "gpt", "value": "No."}]}"#, to: "chat.jsonl")
    try workspace.write("# Llamas\n\nThey eat grass.\n", to: "notes.md")
    try workspace.recipe(base: "starter", train: file)
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 0 && workspace.exists("out/adapter_model.safetensors"), "\(result.error)")
  }

  @Test func tokenizeAndBack() throws {
    let workspace = try Workspace()
    let encoded = try workspace.run(["tokenize", "starter", "--text", "The llama hums.", "--bos", "--json"])
    let object = try #require(try JSONSerialization.jsonObject(with: Data(encoded.output.utf8)) as? [String: Any])
    let ids = try #require(object["ids"] as? [Int])
    #expect(ids.first == 1 && (object["pieces"] as? [String])?.count == ids.count)
    let decoded = try workspace.run(["tokenize", "starter", "--decode", ids.map(String.init).joined(separator: ","), "--json"])
    #expect(decoded.output == "{\"text\": \"The llama hums.\"}\n")
  }

  @Test func theEnvironmentCannotSlowOpenBLAS() throws {
    let workspace = try Workspace()
    let lines = try [[:], ["OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Prescott", "OMP_NUM_THREADS": "2"]].map { environment in
      let result = try workspace.run(["machine"], environment: environment)
      #expect(result.status == 0, "\(result.error)")
      return try #require(result.output.split(separator: "\n").first { $0.hasPrefix("OpenBLAS") })
    }
    #expect(lines[0].hasSuffix("1 thread a call"))
    #expect(lines[0] == lines[1])
  }

  @Test func anUnknownInstructionSetIsRefused() throws {
    let workspace = try Workspace()
    let result = try workspace.run(["train", "r.yaml"], environment: ["PUNA_ISA": "avx1024"])
    #expect(result.status == 1 && result.error.contains("PUNA_ISA is 'avx1024'; expected one of generic, avx2, avx512, avx512bf16."))
  }

  @Test(.enabled(if: getuid() == 0, "mounting a small file system needs root")) func aFullDisk() throws {
    let workspace = try Workspace()
    let disk = workspace.folder.file("disk")
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    guard mount("tmpfs", disk, "tmpfs", 0, "size=16k") == 0 else {
      withKnownIssue("no file system can be mounted here") { Issue.record("not run") }
      return
    }
    defer { umount(disk) }
    try workspace.recipe(output: "disk/out")
    let result = try workspace.run(["train", "r.yaml"])
    #expect(result.status == 1)
    #expect(result.error.contains("puna: disk/out/") && result.error.contains("the disk is full"), "\(result.error)")
    #expect(!workspace.exists("disk/out/adapter_config.json") && !workspace.exists("disk/out/adapter_model.safetensors"))
  }
}
