import TestSupport
import Testing
import Tokenizers

/// A tokenizer's identity is that of everything that its files say.
struct TokenizerIdentityTests {
  static func configuration(_ change: (inout TokenizerConfiguration) -> Void = { _ in }) -> TokenizerConfiguration {
    var configuration = TokenizerConfiguration()
    change(&configuration)
    return configuration
  }

  @Test func modelsWithEqualPiecesDifferByTheirScores() throws {
    let model = TinySentencePiece()
    var other = model
    other.scores = ["he": -1000]
    var spaces = model
    spaces.addsDummyPrefix = false
    let tokenizers = try [model, other, spaces].map { try SentencePieceTokenizer(bytes: $0.bytes) }
    for tokenizer in tokenizers.dropFirst() {
      #expect(try (0..<Int32(tokenizer.vocabularySize)).allSatisfy { try tokenizer.piece($0) == tokenizers[0].piece($0) })
    }
    #expect(Set(tokenizers.map(\.identity)).count == 3)
    // They do encode otherwise.
    #expect(try Set(tokenizers.map { try $0.encode("her") }).count == 3)
    #expect(try SentencePieceTokenizer(bytes: model.bytes, name: "elsewhere").identity == tokenizers[0].identity)
  }

  @Test func whatStandsBesideTheFileCounts() throws {
    let bytes = TinySentencePiece().bytes
    let size = try Int32(SentencePieceTokenizer(bytes: bytes).vocabularySize)
    let configurations = [
      Self.configuration(), Self.configuration { $0.addsBeginOfSequence = false }, Self.configuration { $0.addsEndOfSequence = true },
      Self.configuration { $0.beginOfSequence = "</s>" }, Self.configuration { $0.endOfSequence = "<s>" },
      Self.configuration { $0.isLegacy = false }, Self.configuration { $0.controlNames = ["<s>"] },
      Self.configuration { $0.addedTokens = [AddedToken(id: size, content: "<pad>", isSpecial: true)] },
      Self.configuration { $0.addedTokens = [AddedToken(id: size, content: "<pad>", isSpecial: false)] },
      Self.configuration { $0.addedTokens = [AddedToken(id: size, content: "<pad>", isSpecial: false, stripsLeft: true)] },
    ]
    let identities = try configurations.map { try SentencePieceTokenizer(bytes: bytes, configuration: $0).identity }
    #expect(Set(identities).count == identities.count)
    #expect(identities.allSatisfy { $0.count == 32 })
  }

  @Test func filesOfOtherKindsHaveTheirs() throws {
    let bytes = Array(TinyBytePairs(.bytes).json.utf8)
    let ranks = Array(TinyBytePairs.ranks(["th", "the"]).utf8)
    var merges = TinyBytePairs(.bytes)
    // The same vocabulary, merged in another order.
    merges.merges.swapAt(0, 3)
    let tokenizers = try [
      BytePairTokenizer(json: bytes), BytePairTokenizer(json: Array(merges.json.utf8)), BytePairTokenizer(tiktokenRanks: ranks),
      BytePairTokenizer(tiktokenRanks: Array(TinyBytePairs.ranks(["th", "an"]).utf8)),
    ]
    #expect(Set(tokenizers.map(\.identity)).count == 4)
    #expect(try BytePairTokenizer(json: bytes).identity == tokenizers[0].identity)
  }
}
