import Foundation
import JSON
import TestSupport
import Testing
import Tokenizers

/// The tokenizers of LLaMA 1, 2 and 3 against llama.cpp's test vectors.
@Suite(.enabled(if: SharedFiles.exist, "needs the shared folder (PUNA_SHARED)"))
struct LlamaVectorTests {
  func tokenizer(usesLibrary: Bool = false) throws -> SentencePieceTokenizer {
    let file = SharedFiles.file("data/tokenizers/llama/tokenizer.model")
    return try SentencePieceTokenizer(bytes: Array(Data(contentsOf: URL(fileURLWithPath: file))), usesLibrary: usesLibrary)
  }

  func text(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: SharedFiles.file(name))), as: UTF8.self)
  }

  @Test(arguments: [("llama", "llama-spm"), ("llama2-hf", "llama-spm"), ("llama3", "llama-bpe")])
  func vectors(folder: String, vectors: String) throws {
    let name = "data/tokenizers/vectors/ggml-vocab-\(vectors).gguf"
    let inputs = try text(name + ".inp").components(separatedBy: "\n__ggml_vocab_test__\n").dropLast()
    let outputs = try text(name + ".out").components(separatedBy: "\n").dropLast()
    #expect(inputs.count == outputs.count)
    let tokenizer = try openTokenizer(at: SharedFiles.file("data/tokenizers/\(folder)"))
    for (input, output) in zip(inputs, outputs) {
      let expected = output.split(separator: " ").compactMap { Int32($0) }
      #expect(try tokenizer.encode(input) == expected, "\(input.debugDescription)")
      #expect(try tokenizer.decode(expected) == input)
    }
  }

  @Test func aStoryIsRestored() throws {
    let tokenizer = try openTokenizer(at: SharedFiles.file("data/stories260k/hf"))
    let json = try JSONValue(parsing: Array(text("data/stories260k/greedy_ids.json").utf8))
    guard case .array(let numbers) = json else {
      Issue.record("no list of ids")
      return
    }
    let ids = numbers.compactMap { $0.integer.flatMap(Int32.init(exactly:)) }
    // The file ends its last line.
    let story = String(try text("data/stories260k/greedy.txt").dropLast())
    #expect(try tokenizer.decode(ids) == story)
    var stream = TextStream(tokenizer)
    #expect(try ids.map { try stream.append($0) }.joined() + stream.finish() == story)
  }

  @Test func mergesEqualTheLibraryOnRealText() throws {
    let merging = try tokenizer()
    let library = try tokenizer(usesLibrary: true)
    for name in ["data/text/tinyshakespeare.txt", "data/text/hongloumeng_zh.txt", "data/text/wikitext2_test.txt"] {
      let text = Array(try text(name).utf8.prefix(300_000))
      // Whole characters, in pieces of varied length.
      var start = 0
      var length = 1
      while start < text.count {
        var end = min(start + length, text.count)
        while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
        if end == text.count { break }
        let part = Array(text[start..<end])
        let ids = try merging.encode(utf8: part)
        let expected = try library.encode(utf8: part)
        try #require(ids == expected)
        #expect(try Array(merging.decode(ids).utf8) == part)
        start = end
        length = length * 7 % 4_999 + 1
      }
    }
  }
}
