import TestSupport
import Testing
import Tokenizers
import Vocabularies

/// Small models made by the tests, merged.
struct MergeTests {
  let base = TinySentencePiece()

  func model(_ tiny: TinySentencePiece, _ path: String = "base.model") throws -> SentencePieceModel {
    try SentencePieceModel(bytes: tiny.bytes, path: path)
  }

  func merge(
    _ base: TinySentencePiece, _ other: TinySentencePiece? = nil, specials: [String] = [], kind: VocabularyMerge.SpecialKind = .normal
  ) throws -> VocabularyMerge {
    try VocabularyMerge(base: model(base), adding: other.map { [try model($0, "other.model")] } ?? [], specials: specials, kind: kind)
  }

  /// A piece with score 0 as protocol buffers write it, by hand.
  func appended(_ text: String, kind: UInt8? = nil) -> [UInt8] {
    let utf8 = Array(text.utf8)
    let message = [0x0A, UInt8(utf8.count)] + utf8 + [0x15, 0, 0, 0, 0] + (kind.map { [0x18, $0] } ?? [])
    return [0x0A, UInt8(message.count)] + message
  }

  /// Bytes of the base before its trainer's settings, and after.
  func parts(_ tiny: TinySentencePiece) -> (pieces: [UInt8], rest: [UInt8]) {
    var withoutPieces = tiny
    withoutPieces.pieces = []
    let rest = withoutPieces.bytes
    return (Array(tiny.bytes.dropLast(rest.count)), rest)
  }

  @Test func missingPiecesFollowInTheirOrder() throws {
    let merge = try merge(base, TinySentencePiece(merges: ["你", "▁the", "你好", "好"]))
    let (pieces, rest) = parts(base)
    #expect(merge.result.bytes == pieces + appended("你") + appended("你好") + appended("好") + rest)
    #expect(merge.base.bytes == base.bytes)
    #expect(merge.addedCount == 3)
    let addition = try #require(merge.additions.first)
    #expect(addition.addedCount == 3)
    #expect(addition.presentCount == addition.pieceCount - 3)
    #expect(merge.notes.isEmpty)
  }

  @Test func whatIsNotUnderstoodIsKept() throws {
    // Settings before, between and after the pieces, and a field that nobody knows, of every wire type.
    let unknown: [UInt8] =
      [0xC2, 0x3E, 3, 1, 2, 3] + [0xC0, 0x3E, 0x96, 0x01] + [0xC5, 0x3E, 1, 2, 3, 4] + [0xC1, 0x3E, 1, 2, 3, 4, 5, 6, 7, 8]
    let (pieces, rest) = parts(base)
    let file = pieces + unknown + appended("早") + unknown + rest + unknown
    let merge = try VocabularyMerge(
      base: SentencePieceModel(bytes: file, path: "base.model"), adding: [model(TinySentencePiece(merges: ["你"]))])
    #expect(merge.result.bytes == pieces + unknown + appended("早") + appended("你") + unknown + rest + unknown)
    #expect(merge.result.pieceCount == base.pieces.count + 2)
  }

  @Test func idsOfTheBaseStay() throws {
    let merge = try merge(base, TinySentencePiece(merges: ["你好", "你", "好"], userDefined: ["<|x|>"]), specials: ["[PAD]"])
    for id in 0..<Int32(base.pieces.count) {
      #expect(try merge.result.tokenizer.piece(id) == merge.base.tokenizer.piece(id))
      #expect(try merge.result.tokenizer.kind(id) == merge.base.tokenizer.kind(id))
    }
    let text = "the answer is in the 1234 responses\n\n### and é"
    #expect(try merge.result.tokenizer.encode(text) == merge.base.tokenizer.encode(text))
    let id = Int32(base.pieces.count)
    #expect(try merge.result.tokenizer.encode("你好 the") == [base.id("▁"), id + 1, base.id("▁the")])
    #expect(try merge.result.tokenizer.decode([id + 1, id + 2]) == "你好你")
  }

  @Test func severalModelsAndTokensInTheirOrder() throws {
    let merge = try VocabularyMerge(
      base: model(base), adding: [model(TinySentencePiece(merges: ["你", "好"])), model(TinySentencePiece(merges: ["好", "早"]))],
      specials: ["[PAD]", "[SEP]"])
    #expect(merge.additions.map(\.addedCount) == [2, 1])
    let first = Int32(base.pieces.count)
    #expect(try (first..<first + 5).map { try merge.result.tokenizer.piece($0) } == ["你", "好", "早", "[PAD]", "[SEP]"])
    #expect(merge.specials.map(\.id) == [base.pieces.count + 3, base.pieces.count + 4])
  }

  @Test func controlAndUserDefinedPiecesStayWhatTheyAre() throws {
    let merge = try merge(base, TinySentencePiece(merges: [], controls: ["<pad>"], userDefined: ["<|x|>"]))
    let (pieces, rest) = parts(base)
    #expect(merge.result.bytes == pieces + appended("<pad>", kind: 3) + appended("<|x|>", kind: 4) + rest)
    #expect(merge.notes == ["'<pad>', '<|x|>' of other.model stay control or user-defined pieces."])
    let id = Int32(base.pieces.count)
    #expect(try merge.result.tokenizer.encode("the<|x|>") == [base.id("▁the"), id + 1])
  }

  @Test func bytesHaveNoPlaceWithoutByteFallback() throws {
    var poor = base
    poor.hasByteFallback = false
    poor.pieces.removeAll { $0.kind == .byte }
    let merge = try merge(poor, TinySentencePiece(merges: ["你"]))
    #expect(merge.addedCount == 1)
    #expect(merge.additions.first?.leftOutCount == 256)
    #expect(merge.notes.count == 1)
    #expect(try #require(merge.notes.first).hasPrefix("256 byte pieces of other.model are left out: base.model has no byte fallback"))
    // The other way round nothing is missing.
    #expect(try self.merge(base, poor, specials: ["[PAD]"]).addedCount == 1)
  }

  @Test func aSecondUnknownPieceIsLeftOut() throws {
    var other = TinySentencePiece(merges: ["你"])
    other.pieces[0].text = "[UNK]"
    let merge = try merge(base, other)
    #expect(merge.addedCount == 1)
    #expect(merge.notes == ["'[UNK]', which stands for what is unknown in other.model, is left out: base.model has its own."])
  }

  @Test func piecesOfAnotherKindAreTold() throws {
    let merge = try merge(base, TinySentencePiece(merges: ["你"], userDefined: ["##"]))
    #expect(merge.notes == ["'##' is a user-defined piece in other.model and a normal piece in base.model, as which it stays."])
  }

  @Test func otherNormalizationIsTold() throws {
    var other = TinySentencePiece(merges: ["你"])
    other.removesExtraWhitespace = true
    let merge = try merge(base, other)
    #expect(merge.notes.count == 1)
    #expect(
      try #require(merge.notes.first).hasPrefix(
        "other.model was made for text after other normalization (identity, superfluous spaces removed) than base.model does "
          + "(identity, spaces kept)."))
  }

  @Test func piecesThatNoTextMakesAreCounted() throws {
    // No two parts of the first are pieces; the second is joined.
    let merge = try merge(base, TinySentencePiece(merges: ["早上你好", "早上", "早", "上"]))
    #expect(merge.additions.first?.unmadeCount == 1)
    #expect(merge.notes.count == 1)
    #expect(try #require(merge.notes.first).hasPrefix("1 of the 4 pieces from other.model are not what their own text becomes"))
    #expect(try self.merge(base, TinySentencePiece(merges: ["▁早", "早"])).additions.first?.unmadeCount == 0)
  }

  @Test func aUnigramModelIsRefusedAsBase() throws {
    var unigram = base
    unigram.modelType = 1
    #expect(throws: VocabularyError.notBytePairs(path: "base.model", type: "unigram")) { try merge(unigram, base, specials: ["[PAD]"]) }
    // What no text becomes can be added, and pieces of a unigram model can be appended to byte pairs.
    #expect(try merge(unigram, specials: ["[PAD]"], kind: .control).addedCount == 1)
    var other = TinySentencePiece(merges: ["你"])
    other.modelType = 1
    #expect(try merge(base, other).addedCount == 1)
  }

  @Test func nothingToAdd() throws {
    #expect(throws: VocabularyError.nothingToAdd(base: "base.model")) { try merge(base, base) }
    #expect(throws: VocabularyError.nothingToAdd(base: "base.model")) { try merge(base) }
    let notes = try merge(base, base, specials: ["[PAD]"]).notes
    #expect(notes == ["other.model adds nothing: base.model has all its pieces."])
  }

  @Test(arguments: [
    (VocabularyMerge.SpecialKind.normal, UInt8?.none, PieceKind.normal), (.control, 3, .control), (.userDefined, 4, .userDefined),
  ])
  func specialTokensOfEachKind(kind: VocabularyMerge.SpecialKind, number: UInt8?, expected: PieceKind) throws {
    let merge = try merge(base, specials: ["[PAD]"], kind: kind)
    let (pieces, rest) = parts(base)
    #expect(merge.result.bytes == pieces + appended("[PAD]", kind: number) + rest)
    let id = Int32(base.pieces.count)
    #expect(try merge.result.tokenizer.kind(id) == expected)
    #expect(try merge.result.tokenizer.encode("a[PAD]").contains(id) == (kind == .userDefined))
  }

  @Test func specialTokensThatCannotBe() throws {
    func error(_ specials: [String], _ other: TinySentencePiece? = nil, base: TinySentencePiece? = nil) -> VocabularyError? {
      do {
        _ = try merge(base ?? self.base, other, specials: specials)
        return nil
      } catch {
        return error as? VocabularyError
      }
    }
    #expect(error(["<s>"]) == .specialExists("<s>", id: 1, path: "base.model"))
    #expect(error(["你"], TinySentencePiece(merges: ["你"])) == .specialExists("你", id: base.pieces.count, path: "an added model"))
    #expect(error(["[PAD]", "[PAD]"]) == .specialRepeated("[PAD]"))
    for token in ["a b", " x", "x\n", "\t"] {
      #expect("\(try #require(error([token])))".contains("has white space"), "\(token.debugDescription)")
    }
    #expect("\(try #require(error([""])))".contains("is empty"))
    #expect(error(["[PAD]"]) == nil)
  }

  @Test func aSpecialTokenThatTextBecomesIsTold() throws {
    // Joined from two pieces that are there.
    let merge = try merge(base, specials: ["heon"])
    #expect(merge.notes == ["'heon' in a text becomes the special token; --special-kind control keeps them apart."])
    #expect(try self.merge(base, specials: ["heon"], kind: .control).notes.isEmpty)
  }

  @Test func tokensOfFilesBesideTheBaseAreTold() throws {
    let folder = try TemporaryFolder()
    try folder.write(base.bytes, to: "tokenizer.model")
    try folder.write("{\"<pad>\": \(base.pieces.count)}", to: "added_tokens.json")
    let merge = try VocabularyMerge(
      base: SentencePieceModel(path: folder.file("tokenizer.model")), adding: [model(TinySentencePiece(merges: ["你"]))])
    #expect(merge.notes.count == 1)
    #expect(try #require(merge.notes.first).contains("give ids from \(base.pieces.count) on to '<pad>'"))
  }
}
