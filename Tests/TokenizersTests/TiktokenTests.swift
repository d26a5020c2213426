import TestSupport
import Testing
import Tokenizers

/// Lists of ranks made here: the bytes, and tokens in the order of their merges.
struct TiktokenTests {
  let tokens = ["th", "the", " the", "an", "and", " and", "12", "123", "  ", "中", "'s", "ab", "bc", "abc"]

  func tokenizer(_ configuration: TokenizerConfiguration = TokenizerConfiguration()) throws -> BytePairTokenizer {
    try BytePairTokenizer(tiktokenRanks: Array(TinyBytePairs.ranks(tokens).utf8), configuration: configuration)
  }

  @Test func idsArePiecesByRank() throws {
    let tokenizer = try tokenizer()
    func pieces(_ text: String) throws -> [String] { try tokenizer.encode(text).map { try tokenizer.piece($0) } }
    #expect(try tokenizer.encode("the and") == [257, 261])
    #expect(try pieces("the 1234文's") == ["the", " ", "123", "4", "<0xE6>", "<0x96>", "<0x87>", "'s"])
    // A token that no merges reach is one all the same when it is the whole word.
    #expect(try pieces("中 the") == ["中", " the"])
    #expect(try pieces("中中").count == 6)
    #expect(try pieces("abc") == ["abc"])
    #expect(try pieces("abcd") == ["abc", "d"])
    for text in ["the and\n\n  中文's \u{1F999}", "", "\0", " "] { #expect(try tokenizer.decode(tokenizer.encode(text)) == text) }
    #expect(try tokenizer.decode([0xE6, 0x41]) == "\u{FFFD}A")
  }

  @Test func controlTokensFollowTheRanks() throws {
    let tokenizer = try tokenizer()
    let first = Int32(256 + tokens.count)
    #expect(tokenizer.vocabularySize == 256 + tokens.count + 256)
    let names = [
      (0, "<|begin_of_text|>"), (1, "<|end_of_text|>"), (2, "<|reserved_special_token_0|>"), (4, "<|finetune_right_pad_id|>"),
      (5, "<|reserved_special_token_2|>"), (6, "<|start_header_id|>"), (7, "<|end_header_id|>"), (8, "<|eom_id|>"), (9, "<|eot_id|>"),
      (10, "<|python_tag|>"), (11, "<|reserved_special_token_3|>"), (255, "<|reserved_special_token_247|>"),
    ]
    for (offset, name) in names {
      #expect(tokenizer.specials[name] == first + Int32(offset))
      #expect(try tokenizer.piece(first + Int32(offset)) == name)
      #expect(try tokenizer.kind(first + Int32(offset)) == .control)
    }
    #expect(tokenizer.specials.count == 256)
    #expect(tokenizer.beginOfSequence == first && tokenizer.addsBeginOfSequence)
    #expect(tokenizer.endOfSequence == first + 1 && !tokenizer.addsEndOfSequence)
    #expect(try tokenizer.encodeSequence("the") == [first, 257])
    #expect(try tokenizer.encode("<|eot_id|>").allSatisfy { $0 < first })
    #expect(try tokenizer.decode([first] + tokenizer.encode("the<|eot_id|>") + [first + 9]) == "the<|eot_id|>")
  }

  @Test func configurationBesideIt() throws {
    let json = #"{"eos_token": "<|eot_id|>", "added_tokens_decoder": {"128009": {"content": "<|eot_id|>", "special": true}}}"#
    let configuration = try TokenizerConfiguration(json: Array(json.utf8), path: "tokenizer_config.json")
    #expect(try tokenizer(configuration).endOfSequence == Int32(256 + tokens.count + 9))
  }

  @Test(arguments: [
    ("IQ== 0\nIQ== 1\n", "ranks:2: not a tokenizer: rank 1 repeats the token of rank 0."),
    ("IQ== 0\nIg== 2\n", "ranks:2: not a tokenizer: rank 2 follows rank 0; ranks count from 0 without gaps."),
    ("IQ== 0\nIg==", "ranks:2: not a tokenizer: expected a token in base64 and its rank; the file may be cut short."),
    ("IQ== 0\n\nIg== 1\n", "ranks:2: not a tokenizer: expected a token in base64 and its rank."),
    ("IQ== 0\nIh== 1\n", "ranks:2: not a tokenizer: expected a token in base64 and its rank."),
    ("IQ== 0\nIg== -1\n", "ranks:2: not a tokenizer: expected a token in base64 and its rank."),
    ("IQ== 0\nIg== 99999999999999999999\n", "ranks:2: not a tokenizer: expected a token in base64 and its rank."),
  ])
  func badRanks(text: String, expected: String) throws {
    let error = #expect(throws: TokenizerError.self) { try BytePairTokenizer(tiktokenRanks: Array(text.utf8), name: "ranks") }
    #expect(error?.description == expected)
  }

  @Test func cutOrMutatedRanks() throws {
    let bytes = Array(TinyBytePairs.ranks(tokens).utf8)
    for length in 0..<bytes.count {
      guard let tokenizer = try? BytePairTokenizer(tiktokenRanks: Array(bytes[..<length])) else { continue }
      // Whole lines, the last one's end aside.
      #expect(tokenizer.vocabularySize < 512 + tokens.count || length == bytes.count - 1)
    }
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      var mutated = bytes
      mutated[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      guard let tokenizer = try? BytePairTokenizer(tiktokenRanks: mutated) else { continue }
      #expect(try tokenizer.decode(tokenizer.encode("the and 語")) == "the and 語")
    }
  }
}
