import TestSupport
import Testing
import Vocabularies

struct SampleTextTests {
  let tokenizer = { (model: TinySentencePiece) in try SentencePieceModel(bytes: model.bytes, path: "tiny").tokenizer }

  func measure(_ text: String, _ model: TinySentencePiece = TinySentencePiece()) throws -> SampleText.Measure {
    try SampleText(bytes: Array(text.utf8), path: "text").measure(tokenizer(model))
  }

  @Test func countsAndAnExactRoundTrip() throws {
    let sample = try SampleText(bytes: Array("the é 語\n".utf8), path: "text")
    #expect(sample.characterCount == 8)
    #expect(sample.byteCount == 11)
    // ▁the ▁ é ▁ and the bytes of 語 and of the line's end
    #expect(try sample.measure(tokenizer(TinySentencePiece())) == SampleText.Measure(tokenCount: 8, unknownCount: 0, difference: nil))
    #expect(try measure("") == SampleText.Measure(tokenCount: 0, unknownCount: 0, difference: nil))
  }

  @Test func theFirstDifferenceIsShown() throws {
    var collapsing = TinySentencePiece()
    collapsing.removesExtraWhitespace = true
    let measure = try measure("the cat\nthe é  and the hat and the cat", collapsing)
    #expect(measure.difference == .init(line: 2, column: 7, expected: " and the hat and", found: "and the hat and "))
    // A text that comes back longer or shorter.
    #expect(try self.measure("the ", collapsing).difference == .init(line: 1, column: 4, expected: " ", found: ""))
  }

  @Test func unknownCharactersAreCounted() throws {
    var poor = TinySentencePiece()
    poor.hasByteFallback = false
    poor.pieces.removeAll { $0.kind == .byte }
    let measure = try measure("the 語 a", poor)
    #expect(measure.unknownCount == 1)
    #expect(measure.difference?.column == 5)
    #expect(measure.difference?.expected == "語 a")
  }

  @Test func notUTF8() {
    #expect(throws: VocabularyError.invalidUTF8(path: "text", line: 2, offset: 2, isCutShort: false)) {
      try SampleText(bytes: [0x61, 0x0A, 0xFF], path: "text")
    }
    #expect(throws: VocabularyError.invalidUTF8(path: "text", line: 1, offset: 1, isCutShort: true)) {
      try SampleText(bytes: [0x61, 0xF0, 0x9F, 0xA6], path: "text")
    }
  }
}
