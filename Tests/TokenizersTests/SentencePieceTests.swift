import TestSupport
import Testing
import Tokenizers

/// A small byte-pair model made by the test itself.
struct SentencePieceTests {
  let tiny = TinySentencePiece()

  func tokenizer(_ model: TinySentencePiece? = nil, usesLibrary: Bool = false) throws -> SentencePieceTokenizer {
    try SentencePieceTokenizer(bytes: (model ?? tiny).bytes, usesLibrary: usesLibrary)
  }

  @Test func idsPiecesAndKinds() throws {
    let tokenizer = try tokenizer()
    #expect(tokenizer.vocabularySize == tiny.pieces.count)
    #expect(tokenizer.beginOfSequence == 1)
    #expect(tokenizer.endOfSequence == 2)
    #expect(tokenizer.unknown == 0)
    #expect(tokenizer.padding == nil)
    #expect(tokenizer.addsBeginOfSequence)
    #expect(!tokenizer.addsEndOfSequence)
    #expect(tokenizer.specials == ["<s>": 1, "</s>": 2])
    #expect(try tokenizer.encode("the and") == [tiny.id("▁the"), tiny.id("▁and")])
    #expect(try tokenizer.encodeSequence("the") == [1, tiny.id("▁the")])
    #expect(try tokenizer.piece(tiny.id("▁the")) == "▁the")
    #expect(try [0, 1, 3, tiny.id("▁the")].map { try tokenizer.kind($0) } == [.unknown, .control, .byte, .normal])
  }

  @Test func emptyTextHasNoTokens() throws {
    #expect(try tokenizer().encode("").isEmpty)
    #expect(try tokenizer().decode([]).isEmpty)
  }

  @Test func controlPiecesInTextAreText() throws {
    let tokenizer = try tokenizer()
    let ids = try tokenizer.encode("</s><s>")
    #expect(!ids.contains(1) && !ids.contains(2))
    #expect(try tokenizer.decode(ids) == "</s><s>")
    #expect(try tokenizer.decode([1] + tokenizer.encode("the") + [2]) == "the")
  }

  @Test func userDefinedPiecesAreWhole() throws {
    let model = TinySentencePiece(userDefined: ["<|x|>"])
    let tokenizer = try tokenizer(model)
    #expect(try tokenizer.encode("the<|x|>the") == [model.id("▁the"), model.id("<|x|>"), model.id("t"), model.id("he")])
    #expect(try tokenizer.kind(model.id("<|x|>")) == .userDefined)
    #expect(tokenizer.specials["<|x|>"] == model.id("<|x|>"))
  }

  @Test func unknownCharactersBecomeBytes() throws {
    let tokenizer = try tokenizer()
    let ids = try tokenizer.encode("語")
    #expect(ids == [tiny.id("▁"), tiny.id("<0xE8>"), tiny.id("<0xAA>"), tiny.id("<0x9E>")])
    #expect(try tokenizer.decode(ids) == "語")
    #expect(try tokenizer.decode(Array(ids.dropLast())) == "\u{FFFD}\u{FFFD}")
  }

  @Test func leadingSpacesSurvive() throws {
    let tokenizer = try tokenizer()
    for text in [" the", "  the", "the ", " ", "   ", "the  and\n\n the", "\nthe", "\n"] {
      #expect(try tokenizer.decode(tokenizer.encode(text)) == text)
    }
  }

  @Test func invalidUTF8IsAnErrorWithItsOffset() throws {
    let tokenizer = try tokenizer()
    #expect(throws: TokenizerError.invalidUTF8(offset: 2)) { try tokenizer.encode(utf8: [0x61, 0x62, 0xFF]) }
    // Cut short, overlong, surrogate, above U+10FFFF.
    for bytes: [UInt8] in [[0xE8, 0xAA], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80]] {
      #expect(throws: TokenizerError.invalidUTF8(offset: 0)) { try tokenizer.encode(utf8: bytes) }
    }
  }

  @Test func idsOutsideTheVocabulary() throws {
    let tokenizer = try tokenizer()
    let size = tiny.pieces.count
    for id: Int32 in [-1, Int32(size), .max, .min] {
      #expect(throws: TokenizerError.idOutOfRange(id: id, vocabularySize: size)) { try tokenizer.decode([id]) }
      #expect(throws: TokenizerError.idOutOfRange(id: id, vocabularySize: size)) { try tokenizer.piece(id) }
      #expect(throws: TokenizerError.idOutOfRange(id: id, vocabularySize: size)) { try tokenizer.kind(id) }
    }
  }

  /// Where merges of our own take the place of the library, the ids are the same.
  @Test func mergesEqualTheLibrary() throws {
    let models = [
      tiny, TinySentencePiece(merges: TinySentencePiece.english + ["\n\n", "a\n"]),
      TinySentencePiece(merges: TinySentencePiece.english + ["the▁", "d▁a"]), TinySentencePiece(userDefined: [" x", "\n#"]),
      TinySentencePiece(merges: TinySentencePiece.english.filter { $0 != "##" }, userDefined: ["##", "the"]),
      // Characters that are part of pieces, but none themselves.
      TinySentencePiece(merges: TinySentencePiece.english + ["語\u{1F999}", "▁語", "語x", "a語x"]),
    ]
    var random = SystemRandomNumberGenerator()
    let parts = [
      "the", "and", " ", "  ", "\n", "\n\n", "###", "▁", "Response", ":", "é", "語", "\u{1F999}", "\t", "\r\n", "\0", "x", "</s>", "a",
    ]
    for model in models {
      let merging = try tokenizer(model)
      let library = try tokenizer(model, usesLibrary: true)
      for _ in 0..<2_000 {
        let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
        let ids = try merging.encode(text)
        let expected = try library.encode(text)
        try #require(ids == expected, "\(text.debugDescription)")
      }
    }
  }

  /// Words of any length, with pieces that come before those they are made of.
  @Test(arguments: [30, 41, 500, 8_193, 20_000])
  func longWordsEqualTheLibrary(count: Int) throws {
    let model = TinySentencePiece(merges: ["abc", "ab", "aab", "bc", "aa", "ca", "cab", "bcab", "cc", "abcabc", "aaaa", "▁a"])
    let merging = try tokenizer(model)
    let library = try tokenizer(model, usesLibrary: true)
    var random = SystemRandomNumberGenerator()
    for letters in [["a", "b", "c"], ["a"], ["abc", "a"]] {
      let text = (0..<count).map { _ in letters.randomElement(using: &random) ?? "" }.joined()
      let ids = try merging.encode(text)
      let expected = try library.encode(text)
      #expect(ids == expected)
    }
  }

  @Test func manyThreadsAtOnce() async throws {
    let tokenizer = try tokenizer()
    let texts = (0..<200).map { "the answer \($0) is in the \($0 % 7) stars\nand \($0)" }
    let expected = try texts.map { try tokenizer.encode($0) }
    try await withThrowingTaskGroup(of: [[Int32]].self) { group in
      for _ in 0..<8 { group.addTask { try texts.map { try tokenizer.encode($0) } } }
      for try await ids in group { #expect(ids == expected) }
    }
  }

  /// Pieces of a stream joined are the text decoded at once, whatever the ids.
  @Test func streamEqualsDecoding() throws {
    var random = SystemRandomNumberGenerator()
    for model in [tiny, TinySentencePiece(controls: ["<x>"], userDefined: ["é語"])] {
      let tokenizer = try tokenizer(model)
      let bytes = [0xE8, 0xAA, 0x9E, 0x41, 0xFF, 0xF0, 0x9F, 0xA6, 0x99, 0x80].map { Int32(model.id("<0x00>") + $0) }
      let others: [Int32] = [0, 1, 2, model.id("▁"), model.id("▁the"), model.id("a"), model.id("é"), model.id("▁▁")]
      for _ in 0..<3_000 {
        let ids = (0..<Int.random(in: 0...10, using: &random)).map { _ in (bytes + others).randomElement(using: &random) ?? 0 }
        var stream = TextStream(tokenizer)
        var text = ""
        for id in ids { text += try stream.append(id) }
        text += stream.finish()
        let decoded = try tokenizer.decode(ids)
        try #require(Array(text.utf8) == Array(decoded.utf8), "\(ids)")
      }
    }
  }

  @Test func streamHoldsBackIncompleteCharacters() throws {
    let tokenizer = try tokenizer()
    var stream = TextStream(tokenizer)
    let texts = try tokenizer.encode("the 語").map { try stream.append($0) }
    #expect(texts == ["the", " ", "", "", "語"])
    var continued = TextStream(tokenizer, continues: true)
    #expect(try continued.append(tiny.id("▁the")) == " the")
  }
}
