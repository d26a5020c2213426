import Foundation
import TestSupport
import Testing

/// The README's table of what can be read: each row is made, and read by the tool; nothing is made that has no row.
@Suite(.serialized) struct ReadableTests {
  struct Example: Sendable {
    /// Puts the files in place and returns the arguments of the tool.
    let arguments: @Sendable (Workspace) throws -> [String]
    /// In what the tool prints.
    let expected: String
  }

  static let shards = "\(Workspace.package)/Tests/GoldenTests/goldens/shards"
  static let corpus = "\(Workspace.package)/Tests/Fuzzing/corpus"

  static let examples: [String: Example] = [
    "base, safetensors": Example(arguments: { _ in ["inspect", "base"] }, expected: "Hugging Face folder, safetensors in 4 shards"),
    "base, PyTorch": copying("\(shards)/base", expected: "Hugging Face folder, PyTorch files in 2 shards"),
    "base, PyTorch before 1.6": copying("\(shards)/before-1.6", expected: "Hugging Face folder, PyTorch file"),
    "base, Meta": copying("\(shards)/meta-rows", expected: "Meta's files in 4 shards"),
    "base, Meta inside": copying("\(shards)/meta-columns", to: "outer/original", inspecting: "outer", expected: "Meta's files in 3 shards"),
    "base, hub cache": Example(
      arguments: { workspace in
        for name in try FileManager.default.contentsOfDirectory(atPath: workspace.folder.file("base")) {
          let blob = "hub/blobs/\(name.hashValue)"
          try workspace.write([UInt8](Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("base/\(name)")))), to: blob)
          try FileManager.default.createDirectory(atPath: workspace.folder.file("hub/snapshots/1"), withIntermediateDirectories: true)
          try FileManager.default.createSymbolicLink(
            atPath: workspace.folder.file("hub/snapshots/1/\(name)"), withDestinationPath: "../../\(blob.dropFirst(4))")
        }
        return ["inspect", "hub/snapshots/1"]
      }, expected: "Hugging Face folder, safetensors in 4 shards"),
    "adapter, PEFT": Example(arguments: { _ in ["inspect", "adapter"] }, expected: "PEFT adapter"),
    "adapter, early PEFT": copying("\(Workspace.package)/Tests/AdaptersTests/goldens/first-version", expected: "PEFT adapter"),
    "tokenizer, SentencePiece": copying("\(corpus)/sentencepiece/bpe", to: "tokenizer.model", expected: "SentencePiece"),
    "tokenizer, tiktoken": copying("\(corpus)/tiktoken/small", to: "tokenizer.model", expected: "tiktoken"),
    "tokenizer, Hugging Face": copying("\(corpus)/tokenizer-json/byte-level", to: "tokenizer.json", expected: "tokenizer.json, 6 ids"),
    "data, instructions": rows(#"[{"instruction": "Name a bird.", "input": "", "output": "A wren."}]"#, expected: "row 1: "),
    "data, messages": rows(
      #"{"messages": [{"role": "user", "content": "Name a bird."}, {"role": "assistant", "content": "A wren."}]}"#, expected: "row 1: "),
    "data, conversations": rows(
      #"{"conversations": [{"from": "human", "value": "Name a bird."}, {"from": "gpt", "value": "A wren."}]}"#, expected: "row 1: "),
    "data, text in rows": rows(#"{"text": "A wren is a bird."}"#, expected: "block 1: "),
    "data, plain text": rows("A wren is a bird.\n", name: "data.txt", expected: "block 1: "),
    "data, tokens": rows(#"{"ids": [1, 5, 6, 2], "prompt_length": 2}"#, expected: "row 1: 4 tokens"),
  ]

  static func copying(_ source: String, to name: String = "copy", inspecting path: String? = nil, expected: String) -> Example {
    Example(
      arguments: { workspace in
        let place = URL(fileURLWithPath: workspace.folder.file(name))
        try FileManager.default.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: source, toPath: place.path)
        return ["inspect", path ?? name]
      }, expected: expected)
  }

  static func rows(_ text: String, name: String = "data.json", expected: String) -> Example {
    Example(
      arguments: { workspace in
        try workspace.write(text, to: name)
        try workspace.recipe(base: "starter", train: name, training: "{max_steps: 1, batch_size: 1}")
        return ["preview", "r.yaml"]
      }, expected: expected)
  }

  /// First cells of the table's rows.
  static let tableRows: [String] = {
    guard let readme = try? String(contentsOfFile: "\(Workspace.package)/README.md", encoding: .utf8) else { return [] }
    let section = readme.components(separatedBy: "\n## ").first { $0.hasPrefix("What can be read\n") } ?? ""
    let rows = section.split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasPrefix("| |") }
    return rows.map { $0.split(separator: "|")[0].trimmingCharacters(in: .whitespaces) }
  }()

  @Test func theTableHasOneRowForEachThingThatCanBeRead() {
    #expect(ReadableTests.tableRows.sorted() == ReadableTests.examples.keys.sorted())
  }

  @Test(arguments: examples.keys.sorted()) func whatTheTableSaysCanBeRead(_ name: String) throws {
    let example = try #require(ReadableTests.examples[name])
    let workspace = try Workspace()
    let result = try workspace.run(example.arguments(workspace))
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains(example.expected), "\(result.output.prefix(300))")
  }
}
