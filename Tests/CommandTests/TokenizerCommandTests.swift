import Foundation
import TestSupport
import Testing

/// `puna tokenizer train` and `merge` as a person runs them.
@Suite(.serialized) struct TokenizerCommandTests {
  static let text = (0..<60).map { "早上你好 \($0) 大家早安 你们好吗 早上好\n" }.joined()

  func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.write(TinySentencePiece().bytes, to: "tokenizer.model")
    try workspace.write(TinySentencePiece(merges: ["你", "好", "你好"]).bytes, to: "zh.model")
    try workspace.write(TokenizerCommandTests.text, to: "zh.txt")
    return workspace
  }

  @Test func trainedMergedAndUsed() throws {
    let workspace = try workspace()
    let trained = try workspace.run(
      ["tokenizer", "train", "--input", "zh.txt", "zh.txt", "--size", "300", "--output", "new.model", "--sample", "zh.txt"])
    #expect(trained.status == 0, "\(trained.error)")
    #expect(trained.output.contains("new.model: 300 pieces, bpe, byte fallback (3 special, 256 bytes, "))
    #expect(trained.output.contains("round trip exact"))
    #expect(trained.error.contains("note: zh.txt is given more than once, and counts as often."))
    #expect(trained.error.contains("training 300 pieces (bpe) on 120 lines"))
    // Not a word of the library.
    #expect(!trained.error.contains("trainer_interface") && !trained.error.contains("LOG("))

    let merged = try workspace.run([
      "tokenizer", "merge", "--base", "tokenizer.model", "--add", "new.model", "--special", "[PAD]", "--output", "merged.model", "--sample",
      "zh.txt", "--json",
    ])
    #expect(merged.status == 0, "\(merged.error)")
    let report = try #require(try JSONSerialization.jsonObject(with: Data(merged.output.utf8)) as? [String: Any])
    let pieces = try #require(report["pieces"] as? Int)
    let special = try #require((report["special"] as? [[String: Any]])?.first)
    #expect(special["token"] as? String == "[PAD]" && special["id"] as? Int == pieces - 1)
    let sample = try #require(report["sample"] as? [String: Any])
    let (before, after) = (sample["before"] as? [String: Any], sample["after"] as? [String: Any])
    let (most, fewest) = (try #require(before?["tokens"] as? Int), try #require(after?["tokens"] as? Int))
    #expect(fewest * 2 < most)
    #expect(after?["round_trip"] as? Bool == true)
    #expect(Set(report.keys).isSuperset(of: ["added", "base", "bytes", "kinds", "notes", "output", "sha256", "type", "byte_fallback"]))

    let ids = try workspace.run(["tokenize", "merged.model", "--text", "你好 the", "--json"])
    #expect(ids.status == 0)
    let pages = try workspace.run(["inspect", "merged.model"])
    #expect(pages.output.contains("byte fallback: spells every text"))
  }

  @Test func theSameCommandMakesTheSameFile() throws {
    let workspace = try workspace()
    for (name, type) in [("bpe", "bpe"), ("unigram", "unigram")] {
      for number in 1...2 {
        let result = try workspace.run([
          "tokenizer", "train", "--input", "zh.txt", "--size", "280", "--type", type, "--output", "\(name)\(number)", "--quiet",
        ])
        #expect(result.status == 0, "\(result.error)")
        #expect(result.error.isEmpty)
      }
      #expect(
        try FileManager.default.contents(atPath: workspace.folder.file("\(name)1"))
          == Data(contentsOf: URL(fileURLWithPath: workspace.folder.file("\(name)2"))))
    }
  }

  struct Mistake: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let arguments: [String]
    var status: Int32 = 1
    let message: String
  }

  static let train = ["tokenizer", "train", "--output", "o.model", "--size", "300", "--input"]
  static let merge = ["tokenizer", "merge", "--output", "o.model", "--base"]

  @Test(arguments: [
    Mistake(testDescription: "no such input", arguments: train + ["none.txt"], message: "none.txt: no such file."),
    Mistake(
      testDescription: "a model as input", arguments: train + ["zh.model"],
      message: "zh.model:"),
    Mistake(testDescription: "a folder as input", arguments: train + ["base"], message: "base: is a folder; expected a file."),
    Mistake(testDescription: "an empty file", arguments: train + ["empty"], message: "empty: is empty (0 bytes)."),
    Mistake(
      testDescription: "a size too large", arguments: train + ["zh.txt", "--size", "9000"],
      message: "--size 9,000 is more than this text gives: "),
    Mistake(
      testDescription: "a size too small for the specials", arguments: train + ["zh.txt", "--size", "100"], status: 2,
      message: "Error: --size is 100; expected a whole number from 260: 3 special pieces, 256 bytes and characters."),
    Mistake(
      testDescription: "an unknown type", arguments: train + ["zh.txt", "--type", "wordpiece"], status: 2,
      message: "Error: The value 'wordpiece' is invalid for '--type <type>'."),
    Mistake(
      testDescription: "trained over an input", arguments: train + ["zh.txt", "--output", "zh.txt"],
      message: "--output zh.txt is also read. Choose another name."),
    Mistake(
      testDescription: "trained over a model", arguments: train + ["zh.txt", "--output", "zh.model"],
      message: "--output zh.model exists already. Choose another name, or remove it first."),
    Mistake(
      testDescription: "into a folder that is not there", arguments: train + ["zh.txt", "--output", "none/o.model"],
      message: "none/o.model: cannot be written: its folder does not exist."),
    Mistake(
      testDescription: "no output", arguments: train + ["zh.txt", "--output", ""], status: 2,
      message: "Error: --output is empty; expected the name of a file."),
    Mistake(
      testDescription: "a sample that is not there", arguments: train + ["zh.txt", "--sample", "none.txt"],
      message: "none.txt: no such file."),
    Mistake(
      testDescription: "nothing to merge", arguments: merge + ["tokenizer.model"], status: 2,
      message: "Error: Give --add, a model to append, or --special, a token."),
    Mistake(
      testDescription: "a kind of nothing", arguments: merge + ["tokenizer.model", "--add", "zh.model", "--special-kind", "control"],
      status: 2,
      message: "Error: --special-kind has no effect without --special."),
    Mistake(
      testDescription: "a folder as base", arguments: merge + ["models", "--add", "zh.model"],
      message: "models: is a folder; expected a SentencePiece model. Did you mean models/tokenizer.model?"),
    Mistake(
      testDescription: "a text as a model", arguments: merge + ["tokenizer.model", "--add", "zh.txt"],
      message: "zh.txt: not a tokenizer: not a SentencePiece model (it does not begin like one)."),
    Mistake(
      testDescription: "the base once more", arguments: merge + ["tokenizer.model", "--add", "tokenizer.model"],
      message: "There is nothing to add: tokenizer.model has every piece already."),
    Mistake(
      testDescription: "a special token that is there", arguments: merge + ["tokenizer.model", "--special", "<s>"],
      message: "--special '<s>': tokenizer.model has this piece already, as id 1. Leave it out, or choose another name."),
    Mistake(
      testDescription: "a special token twice", arguments: merge + ["tokenizer.model", "--special", "[A]", "--special", "[A]"],
      message: "--special '[A]' is given twice."),
    Mistake(
      testDescription: "merged over the base", arguments: merge + ["zh.model", "--add", "tokenizer.model", "--output", "./zh.model"],
      message: "--output ./zh.model is also read. Choose another name."),
    Mistake(
      testDescription: "merged over another file", arguments: merge + ["tokenizer.model", "--add", "zh.model", "--output", "zh.txt"],
      message: "--output zh.txt exists already. Choose another name, or remove it first."),
  ])
  func mistake(mistake: Mistake) throws {
    let workspace = try workspace()
    try workspace.write("", to: "empty")
    try workspace.write(TinySentencePiece().bytes, to: "models/tokenizer.model")
    let before = Set(workspace.folder.names)
    let result = try workspace.run(mistake.arguments)
    #expect(result.status == mistake.status)
    let lines = result.error.split(separator: "\n").map { $0.hasPrefix("puna: ") ? $0.dropFirst(6) : $0 }
    #expect(lines.contains { $0.hasPrefix(mistake.message) }, "found: \(result.error)")
    #expect(result.output.isEmpty)
    #expect(
      Set(workspace.folder.names).subtracting([".stdin", ".stdout", ".stderr"]) == before.subtracting([".stdin", ".stdout", ".stderr"]))
    #expect(try workspace.read("zh.txt") == TokenizerCommandTests.text)
    #expect(FileManager.default.contents(atPath: workspace.folder.file("tokenizer.model")) == Data(TinySentencePiece().bytes))
  }
}
