import Foundation
import TestSupport
import Testing
import Tokenizers

struct TokenizerFileTests {
  let folder: TemporaryFolder
  let model = TinySentencePiece(controls: ["<|end|>"])

  init() throws { folder = try TemporaryFolder() }

  @Test func aFolderOrAFile() throws {
    let file = try folder.write(model.bytes, to: "tokenizer.model")
    #expect(try openTokenizer(at: file).vocabularySize == model.pieces.count)
    #expect(try openTokenizer(at: folder.path).vocabularySize == model.pieces.count)
    #expect(try SentencePieceTokenizer(path: folder.path).endOfSequence == 2)
  }

  @Test func configurationBesideTheModel() throws {
    try folder.write(model.bytes, to: "tokenizer.model")
    try folder.write(
      #"{"add_bos_token": false, "add_eos_token": true, "bos_token": "", "eos_token": {"content": "<|end|>"}, "model_max_length": 1e30}"#,
      to: "tokenizer_config.json")
    let tokenizer = try openTokenizer(at: folder.path)
    #expect(!tokenizer.addsBeginOfSequence)
    #expect(tokenizer.addsEndOfSequence)
    #expect(tokenizer.beginOfSequence == 1)
    #expect(tokenizer.endOfSequence == model.id("<|end|>"))
  }

  @Test(arguments: [
    (#"{"add_bos_token": 1}"#, "'add_bos_token' is a number; expected true or false."),
    (#"{"add_bos_token": true"#, "tokenizer_config.json:1:23 (byte 22): expected ',' or '}' after a value, found the end of the file."),
    (
      #"{"eos_token": "[END]"}"#,
      "the token '[END]', which the configuration beside it names, is no control piece and nothing gives it an id."
    ),
  ])
  func badConfiguration(json: String, expected: String) throws {
    try folder.write(model.bytes, to: "tokenizer.model")
    try folder.write(json, to: "tokenizer_config.json")
    let error = #expect(throws: TokenizerError.self) { try openTokenizer(at: folder.path) }
    #expect(error?.description.hasSuffix(expected) == true, "\(error?.description ?? "")")
  }

  @Test func whatIsNoModel() throws {
    let cases: [(String, [UInt8], String)] = [
      ("empty", [], "not a tokenizer: the file is empty."),
      ("page", Array("\n<!DOCTYPE html><html>".utf8), "not a tokenizer: an HTML page; download the file itself."),
      (
        "pointer", Array("version https://git-lfs.github.com/spec/v1\noid sha256:12".utf8),
        "not a tokenizer: a git-lfs pointer; run 'git lfs pull' to fetch the file itself."
      ),
      ("json", Array("{\"model\": {}}".utf8), "not a tokenizer: its model has no vocabulary."),
      (
        "ranks", Array("IQ== 0\nIg== 1\n".utf8),
        "not a tokenizer: no token is the byte 0x00 alone; the list of ranks is not complete."
      ),
      (
        "tekken.json", Array(#"{"config": {"pattern": "[^\r\n]"}, "vocab": []}"#.utf8),
        "a tekken.json (Mistral's own tokenizer) is not supported yet."
      ),
      ("gguf", Array("GGUF\u{3}\0\0\0".utf8), "not a tokenizer: a GGUF file; expected a tokenizer.model or tokenizer.json."),
      ("noise", [1, 2, 3], "not a tokenizer: not a SentencePiece model (it does not begin like one)."),
      (
        "short", Array(model.bytes.dropLast(3)),
        "the SentencePiece model is cut short (\(model.bytes.count - 3) bytes are there). Copy or download the file again."
      ),
    ]
    for (name, bytes, expected) in cases {
      let path = try folder.write(bytes, to: name)
      let error = #expect(throws: TokenizerError.self) { try openTokenizer(at: path) }
      #expect(error?.description == "\(path): \(expected)")
    }
  }

  @Test func missingFiles() throws {
    #expect(throws: TokenizerError.missingFile(path: folder.path, lookedFor: ["tokenizer.model", "tokenizer.json"])) {
      try openTokenizer(at: folder.path)
    }
    let error = #expect(throws: TokenizerError.self) { try openTokenizer(at: folder.path + "/none") }
    #expect(error?.description == "\(folder.path)/none: no such file.")
  }

  /// Cut anywhere or with any byte changed, a model is refused or opened, and nothing worse.
  @Test func mutatedModels() throws {
    let bytes = TinySentencePiece(merges: ["▁t", "he", "▁the"]).bytes
    var refusals = 0
    for length in stride(from: 0, to: bytes.count, by: 37) {
      if (try? SentencePieceTokenizer(bytes: Array(bytes[..<length]))) == nil { refusals += 1 }
    }
    #expect(refusals > 0)
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      var mutated = bytes
      mutated[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      guard let tokenizer = try? SentencePieceTokenizer(bytes: mutated) else { continue }
      _ = try? tokenizer.decode(tokenizer.encode("the the\n語"))
    }
  }
}
