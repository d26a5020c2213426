import Foundation
import TestSupport
import Testing
import Tokenizers

/// A text encoded in parts has the ids of the whole, wherever it may be cut.
struct PartwiseTokenizerTests {
  static let words = [
    "the", "and", " ", "  ", "\n", "\n\n", "\r\n", "\t", "don't", "'LL", "12345", "é", "e\u{301}", "你好", "\u{3000}", "\u{A0}", "?!", ".\n",
    "\u{1F999}", "\u{2581}", "x_", " \n", "<|eot_id|>", "</s>",
  ]

  /// Returns how many places were tried.
  func check(_ tokenizer: some PartwiseTokenizer, texts: Int) throws -> Int {
    var random = SystemRandomNumberGenerator()
    var cutCount = 0
    for _ in 0..<texts {
      let count = Int.random(in: 1...14, using: &random)
      let text = Array((0..<count).map { _ in Self.words.randomElement(using: &random) ?? "" }.joined().utf8)
      let whole = try tokenizer.encode(utf8: text)
      var index = 0
      while let cut = tokenizer.cut(in: text, from: index) {
        try #require(cut >= max(index, 1) && cut < text.count)
        cutCount += 1
        let parts = try tokenizer.encode(utf8: Array(text[..<cut])) + tokenizer.encodeContinuation(utf8: Array(text[cut...]))
        #expect(parts == whole, "\(String(decoding: text, as: UTF8.self).debugDescription) at \(cut)")
        // Cuts of what was cut.
        if let next = tokenizer.cut(in: Array(text[cut...]), from: 1) {
          let rest = Array(text[cut...])
          let three =
            try tokenizer.encode(utf8: Array(text[..<cut])) + tokenizer.encodeContinuation(utf8: Array(rest[..<next]))
            + tokenizer.encodeContinuation(utf8: Array(rest[next...]))
          #expect(three == whole)
        }
        index = cut + 1
      }
    }
    return cutCount
  }

  @Test func sentencePiece() throws {
    #expect(try check(SentencePieceTokenizer(bytes: TinySentencePiece().bytes), texts: 2000) > 2000)
    // Who cannot know where to cut does not.
    #expect(try check(SentencePieceTokenizer(bytes: TinySentencePiece(userDefined: ["a  b"]).bytes), texts: 20) == 0)
  }

  @Test func ranks() throws {
    var pieces = (0...255).map { [UInt8($0)] }
    pieces += ["th", "the", " a", "\n\n", "  ", " \n", "?!", ".\n", "nd", "12", "\r\n"].map { Array($0.utf8) }
    let lines = pieces.enumerated().map { "\(Data($1).base64EncodedString()) \($0)" }.joined(separator: "\n")
    #expect(try check(BytePairTokenizer(tiktokenRanks: Array(lines.utf8)), texts: 2000) > 500)
  }

  @Test(
    .enabled(if: SharedFiles.exist, "needs the shared folder (PUNA_SHARED)"),
    arguments: ["llama", "llama3", "llama2-hf", "smollm2", "chinese2"])
  func publishedTokenizers(name: String) throws {
    let tokenizer = try openTokenizer(at: SharedFiles.file("data/tokenizers/\(name)"))
    let partwise = try #require(tokenizer as? any PartwiseTokenizer)
    let cutCount = try check(partwise, texts: 1000)
    // Llama 2's tokenizer.json changes the text before it cuts it into words.
    #expect(name == "llama2-hf" ? cutCount == 0 : cutCount > 200, "\(cutCount)")
  }
}
