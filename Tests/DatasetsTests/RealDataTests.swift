import Foundation
import TestSupport
import Testing
import Tokenizers

import Datasets

/// Figures on the real Alpaca file with LLaMA's tokenizer.
@Suite(.serialized, .enabled(if: SharedFiles.exist, "needs the shared folder (PUNA_SHARED)"))
struct RealDataTests {
  let path = SharedFiles.file("data/alpaca/alpaca_data.json")

  func tokenizer() throws -> SentencePieceTokenizer { try SentencePieceTokenizer(path: SharedFiles.file("data/tokenizers/llama")) }

  @Test func sharedBeginningsOfTheFirst64Rows() throws {
    var options = DataOptions(train: [.init(path: path)])
    options.shuffle = false
    let set = try TrainingSet(options, batchSize: 16, seed: 42, tokenizer: tokenizer())
    #expect(set.facts.rowsRead == 52_002)
    #expect(set.stepsPerEpoch == 3_251)
    var (tokens, rows, targets, used) = (0, 0, 0, 0)
    for step in 0..<4 {
      let examples = try set.examples(step: step)
      for part in BatchPacker(rowLimit: 1 << 20).pack(examples) {
        tokens += part.tokenCount
        rows += part.batch.rowCount
        targets += part.batch.targets.count
      }
      used += BatchPacker(rowLimit: 1 << 20, omitsUnusedRows: true).pack(examples).reduce(0) { $0 + $1.batch.rowCount }
    }
    #expect(tokens == 8_595)
    #expect(rows == 6_720)
    // 4,833 behind the prompts' own lengths; in two rows the last token of the prompt joins the response.
    #expect(targets == 4_835)
    #expect(used == 6_656)
  }

  @Test func readsAndEncodesInTime() throws {
    let clock = ContinuousClock()
    let tokenizer = try tokenizer()
    var options = DataOptions(train: [.init(path: path)])
    var set: TrainingSet?
    let reading = try clock.measure {
      set = try TrainingSet(options, batchSize: 16, seed: 42, tokenizer: tokenizer)
      _ = try set?.examples(step: 0)
    }
    let encoding = clock.measure { set?.waitUntilEncoded() }
    print("alpaca_data.json: first step after \(reading), all encoded after \(encoding) more")
    if let set { print(set.facts) }
    options.tooLong = .drop
    let all = try clock.measure { _ = try TrainingSet(options, batchSize: 16, seed: 42, tokenizer: tokenizer) }
    print("alpaca_data.json: read and encoded before the first step in \(all)")
    #expect(reading < .seconds(1.5))
  }

  @Test func aPublishedConversation() throws {
    let tokenizer = try tokenizer()
    let path = SharedFiles.file("data/alpaca/chat_tiny.json")
    let set = try TrainingSet(DataOptions(train: [.init(path: path, template: "llama2")]), batchSize: 1, seed: 1, tokenizer: tokenizer)
    let example = try set.examples(step: 0)[0]
    // The sentencepiece library on "[INST] <<SYS>>\nYou are an AI assistant.\n<</SYS>>\n\nWhat is the meaning of life? [/INST]" and so on.
    #expect(
      example.ids == [
        1, 518, 25580, 29962, 3532, 14816, 29903, 6778, 13, 3492, 526, 385, 319, 29902, 20255, 29889, 13, 29966, 829, 14816, 29903, 6778,
        13, 13, 5618, 338, 278, 6593, 310, 2834, 29973, 518, 29914, 25580, 29962, 450, 6593, 310, 2834, 338, 29871, 29946, 29906, 29889, 2,
        1, 518, 25580, 29962, 2193, 29915, 29879, 8177, 12906, 681, 29889, 518, 29914, 25580, 29962, 306, 8661, 29889, 2,
      ])
    #expect(try example.supervised.map { try tokenizer.decode(Array(example.ids[$0])) } == ["The meaning of life is 42.", "I agree."])
    #expect(example.supervised.map { example.ids[$0.upperBound - 1] } == [2, 2])
  }

  @Test func chineseRows() throws {
    let tokenizer = try SentencePieceTokenizer(path: SharedFiles.file("data/tokenizers/chinese2"))
    let names = ["alpaca_zh_3247", "ruozhiba_qa2449_gpt4o"]
    var options = DataOptions(
      train: names.map { .init(path: SharedFiles.file("data/chinese/\($0).json"), template: "chinese-alpaca-2") })
    options.maximumLength = 100_000
    let set = try TrainingSet(options, batchSize: 64, seed: 1, tokenizer: tokenizer)
    set.waitUntilEncoded()
    #expect(set.facts.rowsRead == 3_247 + 2_449 && set.facts.rowsEncoded == set.facts.rowsRead && set.facts.truncatedRows == 0)
  }

  /// Real text cut into blocks, by way of parts, and put together again.
  @Test(arguments: ["hongloumeng_zh", "tinyshakespeare", "tinystories_sample", "wikitext2_test"])
  func textComesBackWhole(name: String) throws {
    let path = SharedFiles.file("data/text/\(name).txt")
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    for tokenizer in [try tokenizer(), try SentencePieceTokenizer(path: SharedFiles.file("data/tokenizers/chinese2"))] {
      var options = DataOptions(train: [.init(path: path)])
      options.shuffle = false
      var limits = ReadingLimits()
      limits.pieceSize = 1 << 16
      limits.textTokensInMemory = 1 << 17
      let set = try TrainingSet(options, batchSize: 1, seed: 1, tokenizer: tokenizer, limits: limits)
      let ids = try (0..<set.stepsPerEpoch).flatMap { try set.examples(step: $0).flatMap(\.ids) }
      #expect(try ids == [1] + tokenizer.encode(utf8: bytes) + [2])
    }
  }
}
