import TestSupport
import Testing
import Tokenizers

/// Files that contradict themselves, ask for what is not read, or attack.
struct TokenizerJSONMistakeTests {
  func error(_ json: String) -> String {
    do {
      _ = try BytePairTokenizer(json: Array(json.utf8), name: "t.json")
      return "none"
    } catch { return "\(error)" }
  }

  @Test(arguments: [
    (#""type": "BPE""#, #""type": "Unigram""#, "t.json: a model of type 'Unigram' is not supported yet."),
    (
      #""type": "BPE""#, #""type": "WordPiece", "max_input_chars_per_word": 100"#,
      "t.json: a model of type 'WordPiece' is not supported yet."
    ),
    (#""dropout": null"#, #""dropout": 0.1"#, "t.json: a model with 'dropout' of 0.1 is not supported yet."),
    (#""dropout": null"#, #""end_of_word_suffix": "</w>""#, "t.json: a model with 'end_of_word_suffix' of '</w>' is not supported yet."),
    (#""dropout": null"#, #""byte_fallbacks": true"#, "t.json: a model with 'byte_fallbacks' is not supported yet."),
    (#""decoder": {"type": "ByteLevel""#, #""decoder": {"type": "CTC""#, "t.json: decoder 'CTC' is not supported yet."),
    (#""normalizer": null"#, #""normalizer": {"type": "Nmt"}"#, "t.json: normalizer 'Nmt' is not supported yet."),
    (
      #""normalizer": null"#, #""normalizer": {"type": "Replace", "pattern": {"Regex": "a+"}, "content": "b"}"#,
      "t.json: a normalizer that replaces the expression 'a+' is not supported yet."
    ),
    (
      #""pre_tokenizer": {"type": "ByteLevel""#,
      #""pre_tokenizer": {"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "\\w+"}"#,
      "t.json: a pre_tokenizer that splits by '\\w+' is not supported yet."
    ),
    (
      #""pre_tokenizer": {"type": "ByteLevel""#, #""pre_tokenizer": {"type": "Whitespace""#,
      "t.json: pre_tokenizer 'Whitespace' is not supported yet."
    ),
    (
      #""post_processor": null"#, #""post_processor": {"type": "BertProcessing"}"#,
      "t.json: post_processor 'BertProcessing' is not supported yet."
    ),
    (#""0": 48"#, #""0": -48"#, "t.json:3: the id of '0' is no whole number from 0 to 2147483647."),
    (#""0": 48"#, #""0": 4.8"#, "t.json:3: the id of '0' is no whole number from 0 to 2147483647."),
    (#""0": 48"#, #""0": 49"#, "t.json: '0' and '1' both have id 49."),
    (#""0": 48"#, #""0": 2000000000"#, "t.json: a piece has id 2000000000, and none has id 48; ids count from 0 without gaps."),
    (#""0": 48"#, #""1": 48"#, "t.json: '1' has two ids, 48 and 49."),
    (#""0": 48, "#, "", "t.json: a piece has id 264, and none has id 48; ids count from 0 without gaps."),
    (#""t h""#, #""t h e""#, "t.json:3: a merge is not two pieces with one space between them."),
    (#""t h""#, #"["t", "h", "e"]"#, "t.json:3: a merge has 3 pieces; expected two."),
    (#""t h""#, #""t q""#, "t.json: merge 0 needs 'tq', which is not in the vocabulary."),
    (
      #""added_tokens": ["#, #""added_tokens": [{"id": 48, "content": "<x>", "special": true}"#,
      "t.json: '0' and the added token '<x>' both have id 48."
    ),
    (
      #""added_tokens": ["#, #""added_tokens": [{"id": 900, "content": "<x>", "special": true}"#,
      "t.json: a piece has id 900, and none has id 265; ids count from 0 without gaps."
    ),
  ])
  func whatIsRefused(text: String, replacement: String, expected: String) {
    let json = TinyBytePairs(.bytes).json
    #expect(json.contains(text))
    let found = error(json.replacing(text, with: replacement, maxReplacements: 1))
    // Columns and bytes are the JSON reader's.
    guard expected.hasPrefix("t.json:3") else {
      #expect(found == expected)
      return
    }
    #expect(found.hasPrefix("t.json:3:") && found.hasSuffix(expected.dropFirst("t.json:3".count)), "\(found)")
  }

  @Test func whatHasNoModel() {
    #expect(error("{}") == "t.json: not a tokenizer: it has no 'model'.")
    #expect(error("[]").hasPrefix("t.json: cannot be read: not JSON: t.json:1:1 (byte 0): expected an object"))
    var file = TinyBytePairs(.characters)
    file.decoder = "null"
    #expect(error(file.json) == "t.json: it has no decoder, so that its ids cannot be made into text.")
  }

  @Test func cutAtEveryLength() {
    let bytes = Array(TinyBytePairs(.characters).json.utf8)
    for length in 0..<bytes.count { #expect(throws: TokenizerError.self) { try BytePairTokenizer(json: Array(bytes[..<length])) } }
  }

  /// With any byte changed a file is refused or opened, and nothing worse.
  @Test func mutatedFiles() {
    var random = SystemRandomNumberGenerator()
    for bytes in [TinyBytePairs(.characters), TinyBytePairs(.bytes)].map({ Array($0.json.utf8) }) {
      for _ in 0..<1_000 {
        var mutated = bytes
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          mutated[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0x20...0x7E, using: &random)
        }
        guard let tokenizer = try? BytePairTokenizer(json: mutated) else { continue }
        if let ids = try? tokenizer.encode("the </s> and\n語 12") { _ = try? tokenizer.decode(ids) }
      }
    }
  }

  @Test func manyNestedOrRepeatedThings() {
    let start = ContinuousClock.now
    let deep = String(repeating: "[", count: 1_000_000)
    #expect(error(#"{"normalizer": "# + deep).contains("nested more than 100 levels deep"))
    #expect(error(#"{"model": {"vocab": "# + deep).contains("nested more than 100 levels deep"))
    var file = TinyBytePairs(.characters)
    let step = #"{"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaaaaaaaa"}"#
    file.normalizer = #"{"type": "Sequence", "normalizers": [\#(Array(repeating: step, count: 20).joined(separator: ","))]}"#
    #expect(throws: TokenizerError.textTooLong(byteCount: 1)) { try BytePairTokenizer(json: Array(file.json.utf8)).encode("a") }
    file.normalizer = #"{"type": "Sequence", "normalizers": [\#(Array(repeating: step, count: 100_000).joined(separator: ","))]}"#
    #expect(error(file.json) == "t.json: it has more than 64 steps.")
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  /// Of a pair that is given twice the last holds, as in the library.
  @Test func repeatedMerges() throws {
    let file = TinyBytePairs(.bytes, merges: [("a", "b"), ("b", "c"), ("a", "b")])
    let tokenizer = try BytePairTokenizer(json: Array(file.json.utf8))
    #expect(try tokenizer.encode("abc") == [Int32(97), file.id("bc")])
  }
}
