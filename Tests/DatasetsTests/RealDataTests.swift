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
}
