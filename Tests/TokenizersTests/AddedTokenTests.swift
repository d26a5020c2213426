import Foundation
import TestSupport
import Testing
import Tokenizers

/// Tokens added beside a SentencePiece model.
struct AddedTokenTests {
  let folder: TemporaryFolder
  let model = TinySentencePiece()

  init() throws { folder = try TemporaryFolder() }

  @Test func padBesideTheModel() throws {
    try folder.write(model.bytes, to: "tokenizer.model")
    let count = model.pieces.count
    try folder.write(#"{"[PAD]": \#(count), "<tool>": \#(count + 1)}"#, to: "added_tokens.json")
    try folder.write(#"{"pad_token": "[PAD]", "bos_token": "<s>"}"#, to: "special_tokens_map.json")
    let tokenizer = try openTokenizer(at: folder.path)
    #expect(tokenizer.vocabularySize == count + 2)
    #expect(tokenizer.specials == ["<s>": 1, "</s>": 2, "[PAD]": Int32(count), "<tool>": Int32(count + 1)])
    #expect(try [count, count + 1].map { try tokenizer.kind(Int32($0)) } == [.control, .userDefined])
    #expect(try tokenizer.piece(Int32(count)) == "[PAD]")
    // A text never makes the special one; the other is found, and what follows it begins like a text.
    #expect(try tokenizer.encode("[PAD]").allSatisfy { $0 < count })
    #expect(try tokenizer.encode("the<tool>the") == [model.id("▁the"), Int32(count + 1), model.id("▁the")])
    for text in ["the<tool>the", "[PAD]<tool>", "<tool> the", "語<tool>\n"] {
      let ids = try tokenizer.encode(text)
      #expect(try tokenizer.decode(ids) == text)
      var stream = TextStream(tokenizer)
      #expect(try ids.map { try stream.append($0) }.joined() + stream.finish() == text)
    }
    #expect(try tokenizer.decode([1, Int32(count), model.id("▁the")]) == "the")
  }

  @Test func newerConfigurationsPutNoSpaceAfterAddedTokens() throws {
    try folder.write(model.bytes, to: "tokenizer.model")
    let count = model.pieces.count
    try folder.write(
      #"""
      {"legacy": false, "eos_token": "<|end|>", "added_tokens_decoder": {
      "1": {"content": "<s>", "special": true}, "\#(count)": {"content": "<|end|>", "special": true},
      "\#(count + 1)": {"content": "<tool>", "special": false}}}
      """#, to: "tokenizer_config.json")
    let tokenizer = try openTokenizer(at: folder.path)
    #expect(tokenizer.endOfSequence == Int32(count))
    #expect(try tokenizer.encode("the<tool>the") == [model.id("▁the"), Int32(count + 1), model.id("t"), model.id("he")])
    #expect(try tokenizer.decode(tokenizer.encode("the<tool>the <tool> the")) == "the<tool>the <tool> the")
  }

  @Test func gapsAndClashes() throws {
    let file = try folder.write(model.bytes, to: "tokenizer.model")
    let count = model.pieces.count
    let cases = [
      (
        #"{"<x>": \#(count + 1)}"#,
        "the files beside it add '<x>' with id \(count + 1), but nothing has id \(count), which follows the model's last piece."
      ),
      (
        #"{"<x>": \#(count), "<y>": \#(count + 2)}"#,
        "the files beside it add '<y>' with id \(count + 2), but nothing has id \(count + 1), which follows '<x>'."
      ),
      (#"{"<x>": 2}"#, "piece 2 is '</s>'; the files beside it add '<x>' with this id."),
      (#"{"</s>": \#(count)}"#, "'</s>' is piece 2; the files beside it add it with id \(count)."),
    ]
    for (json, expected) in cases {
      try folder.write(json, to: "added_tokens.json")
      let error = #expect(throws: TokenizerError.self) { try openTokenizer(at: folder.path) }
      #expect(error?.description == "\(file): \(expected)")
    }
    try folder.write(#"{"<x>": \#(count), "<y>": \#(count)}"#, to: "added_tokens.json")
    let error = #expect(throws: TokenizerError.self) { try openTokenizer(at: folder.path) }
    #expect(error?.description.contains("id \(count) is '<") == true)
    try folder.write(#"{"<x>": -1}"#, to: "added_tokens.json")
    #expect(throws: TokenizerError.unreadable(path: folder.file("added_tokens.json"), reason: "'<x>' is -1; expected a token's id")) {
      try openTokenizer(at: folder.path)
    }
  }

  @Test func aFolderIsSearchedInOrder() throws {
    try folder.write(TinyBytePairs.ranks(["th"]), to: "original/tokenizer.model")
    #expect(try openTokenizer(at: folder.path).vocabularySize == 513)
    try folder.write(TinyBytePairs(.bytes).json, to: "tokenizer.json")
    #expect(try openTokenizer(at: folder.path).vocabularySize == TinyBytePairs(.bytes).pieces.count)
    // The kind is found by content, whatever the name.
    try folder.write(TinyBytePairs(.characters).json, to: "tokenizer.model")
    #expect(try openTokenizer(at: folder.path).vocabularySize == TinyBytePairs(.characters).pieces.count)
  }
}
