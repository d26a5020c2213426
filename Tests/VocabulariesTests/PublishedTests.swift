import Checkpoints
import TestSupport
import Testing
import Vocabularies

/// The files that Chinese-LLaMA-Alpaca publishes, made again from LLaMA's model and its Chinese one.
@Suite(.enabled(if: SharedFiles.exist, "needs the shared files beside the package"))
struct PublishedTests {
  func merge(specials: [String]) throws -> VocabularyMerge {
    try VocabularyMerge(
      base: SentencePieceModel(path: SharedFiles.file("data/tokenizers/llama/tokenizer.model")),
      adding: [SentencePieceModel(path: SharedFiles.file("data/tokenizers/chinese/chinese_sp.model"))], specials: specials)
  }

  @Test(arguments: [
    ([], 49_953, "e2676d4ca29ca1750f6ff203328d73b189321dc5776ceede037cbd36541d70c0"),
    (["[PAD]"], 49_954, "2d967e855b1213a439df6c8ce2791f869c84b4f3b6cfacf22b86440b8192a2f8"),
  ])
  func mergedFilesAreThePublishedOnes(specials: [String], pieceCount: Int, digest: String) throws {
    let merge = try merge(specials: specials)
    #expect(merge.result.pieceCount == pieceCount)
    var sum = SHA256()
    merge.result.bytes.withUnsafeBytes { sum.update($0) }
    #expect(sum.hexDigest() == digest)
  }

  @Test func whatTheMergeSays() throws {
    let merge = try merge(specials: ["[PAD]"])
    #expect(merge.specials.map(\.token) == ["[PAD]"] && merge.specials.map(\.id) == [49_953])
    let addition = try #require(merge.additions.first)
    #expect(addition.pieceCount == 20_000)
    #expect(addition.addedCount == 17_953)
    #expect(addition.presentCount == 2_047)
    #expect(addition.leftOutCount == 0)
    // The Chinese model is a unigram model with normalization; LLaMA's joins pairs of text as it is.
    #expect(merge.notes.contains { $0.contains("(nmt_nfkc, superfluous spaces removed)") })
    #expect(merge.notes.contains { $0.contains("are not what their own text becomes") })
    #expect(merge.notes.count == 2)
  }

  @Test func fewerTokensPerCharacterAndTheSameText() throws {
    let merge = try merge(specials: [])
    let sample = try SampleText(path: SharedFiles.file("data/text/hongloumeng_zh.txt"))
    let before = try sample.measure(merge.base.tokenizer)
    let after = try sample.measure(merge.result.tokenizer)
    #expect(before.difference == nil && after.difference == nil)
    #expect(after.tokenCount * 3 < before.tokenCount * 2)
  }
}
