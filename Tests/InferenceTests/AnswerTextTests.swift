import Inference
import TestSupport
import Testing
import Tokenizers

@Suite struct AnswerTextTests {
  static func tokenizer() throws -> SentencePieceTokenizer { try SentencePieceTokenizer(bytes: TinySentencePiece().bytes, name: "tiny") }

  struct Case: Sendable {
    let text: String
    let stops: [String]
    let expected: String
    var stopped = true
  }

  static let cases = [
    Case(text: "the stone rose", stops: [], expected: "the stone rose", stopped: false),
    Case(text: "the stone rose", stops: [""], expected: "the stone rose", stopped: false),
    Case(text: "the stone rose", stops: ["one"], expected: "the st"),
    Case(text: "the stone rose", stops: ["rose"], expected: "the stone "),
    Case(text: "the stone rose", stops: ["the"], expected: ""),
    Case(text: "the stone rose", stops: ["rosette", "stony"], expected: "the stone rose", stopped: false),
    Case(text: "a\n###\n### in", stops: ["\n### in"], expected: "a\n###"),
    Case(text: "aaab", stops: ["aab"], expected: "a"),
    // The first to be complete, and of those the longest.
    Case(text: "abcde", stops: ["abcde", "cd"], expected: "ab"),
    Case(text: "abcd", stops: ["d", "bcd"], expected: "a"),
    Case(text: "日本語と", stops: ["語"], expected: "日本"),
    Case(text: "日本", stops: ["本日"], expected: "日本", stopped: false),
  ]

  @Test(arguments: cases) func isCutBeforeTheStop(one: Case) throws {
    let tokenizer = try AnswerTextTests.tokenizer()
    var text = AnswerText(tokenizer, stops: one.stops)
    var shown = ""
    for id in try tokenizer.encode(one.text) {
      shown += try text.append(id)
      // Nothing is shown that would have to be taken back.
      #expect(one.expected.hasPrefix(shown))
    }
    shown += text.finish()
    #expect(shown == one.expected)
    #expect(text.isStopped == one.stopped)
    #expect(try text.append(300).isEmpty == one.stopped)
  }

  @Test func aTextThatContinuesKeepsItsSpace() throws {
    let tokenizer = try AnswerTextTests.tokenizer()
    let ids = try tokenizer.encode("the")
    for (continues, expected) in [(true, " the"), (false, "the")] {
      var text = AnswerText(tokenizer, continues: continues)
      #expect(try ids.map { try text.append($0) }.joined() == expected)
    }
  }
}
