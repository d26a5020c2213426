import TestSupport
import Testing
import Tokenizers

/// `tokenizer.json` files made here. Ids are worked out by hand; the behaviours were compared once with the tokenizers library, on random
/// texts and many more files than these.
struct TokenizerJSONTests {
  func tokenizer(_ file: TinyBytePairs, _ configuration: TokenizerConfiguration = TokenizerConfiguration()) throws -> BytePairTokenizer {
    try BytePairTokenizer(json: Array(file.json.utf8), configuration: configuration)
  }

  func pieces(_ file: TinyBytePairs, _ text: String) throws -> [String] {
    let tokenizer = try tokenizer(file)
    return try tokenizer.encode(text).map { try tokenizer.piece($0) }
  }

  // MARK: - Both kinds of vocabularies

  @Test(arguments: [false, true])
  func bytesAsSymbols(listsMerges: Bool) throws {
    var file = TinyBytePairs(.bytes)
    file.listsMerges = listsMerges
    #expect(try pieces(file, "the and the 語's12 ") == ["the", "Ġand", "Ġthe", "Ġ", "è", "ª", "ŀ", "'", "s", "1", "2", "Ġ"])
    let tokenizer = try tokenizer(file)
    #expect(try tokenizer.encode("the") == [file.id("the")])
    #expect(try tokenizer.decode(tokenizer.encode("the and the 語's12 ")) == "the and the 語's12 ")
    #expect(tokenizer.vocabularySize == file.pieces.count)
    #expect(!tokenizer.addsBeginOfSequence && tokenizer.beginOfSequence == nil && tokenizer.specials.isEmpty)
  }

  @Test(arguments: [false, true])
  func charactersAsSymbols(listsMerges: Bool) throws {
    var file = TinyBytePairs(.characters)
    file.listsMerges = listsMerges
    #expect(try pieces(file, "the and  語") == ["▁the", "▁and", "▁▁", "<0xE8>", "<0xAA>", "<0x9E>"])
    let tokenizer = try tokenizer(file)
    for text in ["the and  語", " the", "  ", "\n", "é\u{1F999}", "a", ""] {
      #expect(try tokenizer.decode(tokenizer.encode(text)) == text)
    }
    #expect(try [0, 1, 3, file.id("▁the")].map { try tokenizer.kind($0) } == [.unknown, .control, .byte, .normal])
    #expect(tokenizer.specials == ["<s>": 1, "</s>": 2])
  }

  @Test func theEarliestMergeIsFirstAndOfEqualsTheLeftmost() throws {
    let file = TinyBytePairs(.bytes, merges: [("b", "c"), ("a", "b"), ("a", "a"), ("bc", "d")])
    #expect(try pieces(file, "abcd") == ["a", "bcd"])
    #expect(try pieces(file, "aaa") == ["aa", "a"])
    #expect(try pieces(file, "aab") == ["a", "ab"])
  }

  /// Long words take other ways through the merging than short ones.
  @Test(arguments: [39, 40, 41, 42, 1_000, 8_192, 8_193, 30_001])
  func longWordsAreMergedAlike(count: Int) throws {
    let file = TinyBytePairs(.bytes, merges: [("a", "a"), ("b", "a"), ("aa", "aa"), ("aaaa", "b"), ("aa", "ba")])
    let tokenizer = try tokenizer(file)
    var random = SystemRandomNumberGenerator()
    let letters = (0..<count).map { _ in Int.random(in: 0..<8, using: &random) == 0 ? "b" : "a" }
    // One merge after another over the whole word.
    var expected = letters
    for merge in file.merges {
      var merged: [String] = []
      var index = 0
      while index < expected.count {
        let isPair = index + 1 < expected.count && expected[index] == merge.0 && expected[index + 1] == merge.1
        merged.append(isPair ? merge.0 + merge.1 : expected[index])
        index += isPair ? 2 : 1
      }
      expected = merged
    }
    #expect(try tokenizer.encode(letters.joined()).map { try tokenizer.piece($0) } == expected)
  }

  @Test func wholeWordsComeFirstIfMergesAreIgnored() throws {
    var file = TinyBytePairs(.bytes, merges: [("b", "c"), ("a", "b"), ("ab", "c")])
    #expect(try pieces(file, "abc") == ["a", "bc"])
    file.modelMembers.append(#""ignore_merges": true"#)
    #expect(try pieces(file, "abc") == ["abc"])
  }

  @Test func whatIsUnknown() throws {
    var file = TinyBytePairs(.characters)
    file.modelMembers = [#""unk_token": "<unk>""#, #""fuse_unk": true"#]
    #expect(try pieces(file, "語語a") == ["▁", "<unk>", "a"])
    file.modelMembers = [#""unk_token": "<unk>""#]
    #expect(try pieces(file, "語語a") == ["▁", "<unk>", "<unk>", "a"])
    file.modelMembers = []
    let tokenizer = try tokenizer(file)
    let error = #expect(throws: TokenizerError.self) { try tokenizer.encode("a語") }
    #expect(
      error?.description
        == "The vocabulary has no piece for '語' (0xE8 0xAA 0x9E) at byte 1 of the text, and none for what is unknown. Remove it from the text."
    )
  }

  // MARK: - Steps

  @Test(arguments: [
    (#"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}"#, ["▁the", "<x>", "▁a", "▁", "▁b"]),
    (#"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}"#, ["▁the", "<x>", "a", "▁", "▁b"]),
    (#"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"}"#, ["the", "<x>", "a", "▁", "▁b"]),
    (#"{"type": "Metaspace", "replacement": "▁", "add_prefix_space": false}"#, ["the", "<x>", "a", "▁", "▁b"]),
    (#"{"type": "Metaspace", "replacement": "▁", "add_prefix_space": true, "split": false}"#, ["▁the", "<x>", "▁a", "▁▁", "b"]),
  ])
  func metaspace(preTokenizer: String, expected: [String]) throws {
    var file = TinyBytePairs(.characters, merges: TinyBytePairs.english + [("▁", "a"), ("▁", "b")])
    file.normalizer = "null"
    file.preTokenizer = preTokenizer
    file.decoder = #"{"type": "Metaspace", "replacement": "▁"}"#
    file.addedTokens.append(TinyBytePairs.token(file.pieces.count, "<x>", isSpecial: false))
    #expect(try pieces(file, "the<x>a  b") == expected)
  }

  @Test func byteLevelSteps() throws {
    var file = TinyBytePairs(.bytes, merges: TinyBytePairs.english + [("1", "2"), ("12", "3"), ("123", "4"), ("Ġ", "1")])
    func steps(_ steps: String...) -> String {
      let byteLevel = #"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}"#
      return #"{"type": "Sequence", "pretokenizers": [\#((steps + [byteLevel]).joined(separator: ", "))]}"#
    }
    file.preTokenizer = steps(#"{"type": "Digits", "individual_digits": true}"#)
    #expect(try pieces(file, "the 12") == ["the", "Ġ", "1", "2"])
    file.preTokenizer = steps(#"{"type": "Digits", "individual_digits": false}"#)
    #expect(try pieces(file, "the 12") == ["the", "Ġ", "12"])
    file.preTokenizer = steps(llama3Split)
    #expect(try pieces(file, "the 1234") == ["the", "Ġ", "123", "4"])
    file.preTokenizer = #"{"type": "ByteLevel", "add_prefix_space": true, "use_regex": true}"#
    #expect(try pieces(file, "the 1234") == ["Ġthe", "Ġ", "1234"])
    for (behavior, expected) in [
      ("Isolated", ["a", "th", "e"]), ("MergedWithPrevious", ["a", "th", "e"]), ("MergedWithNext", ["a", "the"]),
    ] {
      file.preTokenizer = steps(#"{"type": "Split", "pattern": {"String": "th"}, "behavior": "\#(behavior)", "invert": false}"#)
      #expect(try pieces(file, "athe") == expected)
    }
  }

  let llama3Split = #"""
    {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}}
    """#

  @Test(arguments: [
    (#"{"type": "NFC"}"#, "e\u{301}", ["é"]), (#"{"type": "NFKC"}"#, "ﬁ", ["f", "i"]), (#"{"type": "Lowercase"}"#, "AÉ", ["a", "é"]),
    (#"{"type": "Strip", "strip_left": true, "strip_right": true}"#, " \u{3000}a\n", ["a"]),
    (#"{"type": "Replace", "pattern": {"String": "ab"}, "content": "c"}"#, "abab", ["c", "c"]),
  ])
  func normalizers(normalizer: String, text: String, expected: [String]) throws {
    var file = TinyBytePairs(.characters)
    file.normalizer = normalizer
    #expect(try pieces(file, text) == expected)
  }

  @Test func addedTokensAreFound() throws {
    var file = TinyBytePairs(.bytes)
    let count = file.pieces.count
    for (index, token) in [
      ("<x>", ""), ("<xy>", ""), ("<l>", #""lstrip": true"#), ("<r>", #""rstrip": true"#), ("word", #""single_word": true"#),
    ].enumerated() {
      file.addedTokens.append(TinyBytePairs.token(count + index, token.0, isSpecial: false, token.1))
    }
    file.addedTokens.append(TinyBytePairs.token(count + 5, "<|end|>", isSpecial: true))
    #expect(try pieces(file, "a<x><xy>") == ["a", "<x>", "<xy>"])
    #expect(try pieces(file, "a  <l>  a") == ["a", "<l>", "Ġ", "Ġ", "a"])
    #expect(try pieces(file, "a <r>  a") == ["a", "Ġ", "<r>", "a"])
    #expect(try pieces(file, "word") == ["word"])
    #expect(try pieces(file, "aword") == ["a", "w", "o", "r", "d"])
    // Only templates make special ones.
    #expect(try pieces(file, "<|end|>") == ["<", "|", "e", "n", "d", "|", ">"])
    let tokenizer = try tokenizer(file)
    #expect(tokenizer.specials["<|end|>"] == Int32(count + 5))
    #expect(try [0, 5].map { try tokenizer.kind(Int32(count + $0)) } == [.userDefined, .control])
    #expect(try tokenizer.decode([Int32(count), Int32(count + 5), Int32(count + 1)]) == "<x><xy>")
  }

  /// A converted vocabulary can have merges that spell a control token.
  @Test func noMergeMakesAControlToken() throws {
    let file = TinyBytePairs(.characters, merges: [("<", "/"), ("s", ">"), ("</", "s>"), ("<", "s>")])
    #expect(try pieces(file, "</s><s>") == ["▁", "</", "s>", "<", "s>"])
    #expect(try tokenizer(file).decode(tokenizer(file).encode("</s><s>")) == "</s><s>")
  }

  // MARK: - Begin and end

  @Test func beginAndEndOfSequence() throws {
    var file = TinyBytePairs(.characters)
    file.postProcessor = """
      {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}]}
      """
    let plain = try tokenizer(file)
    #expect(plain.beginOfSequence == 1 && plain.addsBeginOfSequence && plain.endOfSequence == nil && !plain.addsEndOfSequence)
    #expect(try plain.encodeSequence("the") == [1, file.id("▁the")])
    let json = #"{"bos_token": "<s>", "eos_token": {"content": "</s>"}, "add_bos_token": false, "add_eos_token": true}"#
    let configured = try tokenizer(file, TokenizerConfiguration(json: Array(json.utf8), path: "tokenizer_config.json"))
    #expect(configured.endOfSequence == 2 && configured.addsEndOfSequence && !configured.addsBeginOfSequence)
  }

  @Test func streamEqualsDecoding() throws {
    var random = SystemRandomNumberGenerator()
    for file in [TinyBytePairs(.bytes), TinyBytePairs(.characters)] {
      let tokenizer = try tokenizer(file)
      for _ in 0..<2_000 {
        let ids = (0..<Int.random(in: 0...8, using: &random)).map { _ in Int32.random(in: 0..<Int32(file.pieces.count), using: &random) }
        var stream = TextStream(tokenizer)
        let text = try ids.map { try stream.append($0) }.joined() + stream.finish()
        let decoded = try tokenizer.decode(ids)
        try #require(Array(text.utf8) == Array(decoded.utf8), "\(ids)")
      }
    }
  }
}
