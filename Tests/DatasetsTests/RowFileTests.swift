import Datasets
import TestSupport
import Testing
import Tokenizers

/// What is read from files, and what is refused with which words.
struct RowFileTests {
  let folder: TemporaryFolder
  let model = TinySentencePiece()

  init() throws { folder = try TemporaryFolder() }

  func open(_ text: String, format: DataOptions.Format = .auto, tokenizer: Bool = true) throws -> TrainingSet {
    try open(Array(text.utf8), format: format, tokenizer: tokenizer)
  }

  func open(_ bytes: [UInt8], format: DataOptions.Format = .auto, tokenizer: Bool = true) throws -> TrainingSet {
    var options = DataOptions(train: [.init(path: try folder.write(bytes, to: "rows"), format: format, template: "alpaca-short")])
    options.shuffle = false
    return try TrainingSet(
      options, batchSize: 100, seed: 1, tokenizer: tokenizer ? SentencePieceTokenizer(bytes: model.bytes) : nil, vocabularySize: 500)
  }

  static let row = #"{"instruction": "the", "input": "", "output": "and"}"#

  @Test(arguments: [
    "[\(row), \(row)]", "\(row)\n\(row)\n", "\(row)\r\n\r\n  \(row)", "\u{FEFF}[\r\n\(row),\r\n\(row)\r\n]",
    #"[{"output": "and", "instruction": "the"}, {"instruction": "the", "input": null, "output": "and"}]"#,
    "{\n\"instruction\": \"the\",\n\"output\": \"and\"\n}\n\(row)",
  ])
  func spellingsOfTwoRows(text: String) throws {
    let set = try open(text)
    let examples = try set.examples(step: 0)
    #expect(examples.count == 2)
    #expect(examples[0].ids == examples[1].ids)
    #expect(examples.map(\.origin.row) == [1, 2])
    #expect(set.facts.duplicateRows == 1)
  }

  @Test func escapesBecomeCharacters() throws {
    let set = try open(#"[{"instruction": "\u0074h\u0065\n", "output": "\ud83e\udd99\"\\"}]"#)
    let expected = try PromptEncoder(PromptTemplate.named("alpaca-short"), SentencePieceTokenizer(bytes: model.bytes))
      .encodeExample(instruction: "the\n", output: "\u{1F999}\"\\")
    #expect(try set.examples(step: 0)[0].ids == expected.ids)
  }

  @Test func factsOfReading() throws {
    let set = try open(#"[{"instruction":"a","output":"","id":1},{"instruction":"b","output":"x","id":2,"source":[{}]}]"#)
    #expect(set.facts.rowsRead == 2)
    #expect(set.facts.rowsWithEmptyOutput == 1)
    #expect(set.facts.ignoredKeys == ["id": 2, "source": 1])
  }

  @Test func tokenRows() throws {
    let rows = [
      #"{"ids": [1, 7, 8, 2], "prompt_length": 2}"#, #"{"prompt_length": 0, "ids": [1, 9]}"#, #"{"ids": [4], "prompt_length": 1}"#,
    ]
    for text in ["[\(rows.joined(separator: ","))]", rows.joined(separator: "\n")] {
      let examples = try open(text, tokenizer: false).examples(step: 0)
      #expect(examples.map(\.ids) == [[1, 7, 8, 2], [1, 9], [4]])
      #expect(examples.map(\.supervised) == [[2..<4], [1..<2], []])
    }
  }

  static let textKeys = "Expected objects with 'instruction', 'output' and optional 'input'."
  static let tokenKeys = "Expected objects with 'ids' and 'prompt_length'."

  @Test(arguments: [
    ("", "rows: the file is empty."),
    (" \n", "rows: the file holds no rows."),
    ("[]", "rows: the array is empty: there are no rows."),
    ("3", "rows: the file is a number. Expected an array of rows, or one row per line."),
    (#"{"data": []}"#, "rows: the file is one object (with 'data'). Expected an array of rows, or one row per line."),
    ("[\(row), {\"output\": \"x\"}]", "rows: row 2 has no 'instruction'. \(textKeys)"),
    ("[{\"instruction\": \"x\"}]", "rows: row 1 has no 'output'. \(textKeys)"),
    ("[\(row), 3]", "rows: row 2 is a number. \(textKeys)"),
    (#"[{"instruction": 1, "output": ""}]"#, "rows: row 1 has a number as 'instruction'; expected a string."),
    (#"[{"instruction": "x", "output": null}]"#, "rows: row 1 has null as 'output'; expected a string."),
    (#"[{"instruction": "x", "input": [], "output": ""}]"#, "rows: row 1 has an array as 'input'; expected a string."),
    (#"[{"instruction": "x", "output": "", "output": ""}]"#, "rows: row 1 has 'output' twice."),
    (
      #"[{"question": "x"}]"#,
      "rows: row 1 is an object with 'question': no known format. Expected 'instruction' and 'output', 'messages' or 'conversations', "
        + "'text', or 'ids' and 'prompt_length'."
    ),
    ("[\(row),\n {\"instruction\": \"x\" \"output\": 1}]", "rows:2:22 (byte 76): not JSON: expected ',' or '}' after a value, found '\"'."),
    ("[\(row)] x", "rows:1:56 (byte 55): not JSON: expected the end of the file after the array, found 'x'."),
    ("\(row) \(row)", "rows:1:54 (byte 53): not JSON: expected a new line after row 1, found '{'."),
    ("\(row),\n\(row)", "rows:1:53 (byte 52): not JSON: expected a new line after row 1, found ','."),
    ("[\(row)", "rows:1:54 (byte 53): not JSON: expected ',' or ']' after a value, found the end of the file."),
    (#"{"ids": [1]}"#, "rows: row 1 has no 'prompt_length'. \(tokenKeys)"),
    (#"[{"ids": [1], "prompt_length": 0}, {"prompt_length": 0}]"#, "rows: row 2 has no 'ids'. \(tokenKeys)"),
    (#"{"ids": [], "prompt_length": 0}"#, "rows: row 1 has an empty list of 'ids'."),
    (#"{"ids": [1, 2], "prompt_length": 3}"#, "rows: row 1 has a 'prompt_length' of 3, but only 2 ids."),
    (#"{"ids": [1, 2], "prompt_length": -1}"#, "rows: row 1 has a 'prompt_length' that is not a whole number from 0."),
    (#"{"ids": [1, 500], "prompt_length": 1}"#, "rows: row 1 has ids[1] = 500, outside the vocabulary of 500."),
    (#"{"ids": [-1], "prompt_length": 0}"#, "rows: row 1 has ids[0] = -1, which is no token id."),
    (#"{"ids": [1, 2.5], "prompt_length": 0}"#, "rows: row 1 has ids[1] that is not a whole number."),
    (#"{"ids": "1 2", "prompt_length": 0}"#, "rows: row 1 has a string as 'ids'; expected a list of whole numbers."),
  ])
  func mistakes(text: String, message: String) throws {
    let error = #expect(throws: DataError.self) { try open(text) }
    #expect(error?.description == folder.path + "/" + message)
  }

  @Test func invalidUTF8() {
    let bytes = Array(#"[{"instruction": ""#.utf8) + [0xFF] + Array(#"", "output": ""}]"#.utf8)
    let error = #expect(throws: DataError.self) { try open(bytes) }
    #expect(error?.description == folder.path + "/rows:1:19 (byte 18): not JSON: invalid UTF-8 (byte 0xFF).")
  }

  @Test func missingFilesAndTokenizers() throws {
    let options = DataOptions(train: [.init(path: folder.path + "/none")])
    let missing = #expect(throws: DataError.self) { try TrainingSet(options, batchSize: 1, seed: 1, tokenizer: nil) }
    #expect(missing?.description == folder.path + "/none: no such file.")
    let without = #expect(throws: DataError.self) { try open("[\(Self.row)]", tokenizer: false) }
    #expect(without?.description.contains("rows of text need a tokenizer") == true)
  }

  /// Mutated files are read or refused, and nothing worse.
  @Test func mutations() throws {
    let seed = Array("[\(Self.row),\n{\"instruction\": \"\\u00e9\", \"input\": null, \"output\": \"é\"}]".utf8)
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = Bool.random(using: &random) ? UInt8.random(in: 0...255) : seed[0]
      }
      do {
        _ = try open(bytes).examples(step: 0)
      } catch {
        #expect(error is DataError)
      }
    }
  }
}
