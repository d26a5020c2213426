import Adapters
import Llama

/// What has how many entries or rows, for a person whose parts do not fit.
struct VocabularyTable {
  private var lines: [(what: String, count: Int)]

  /// Vocabularies that people meet, by size.
  private static let known = [
    32_000: "LLaMA 1 and 2", 32_001: "Stanford Alpaca: LLaMA with [PAD]", 49_953: "Chinese-LLaMA", 49_954: "Chinese-Alpaca: with [PAD]",
    55_296: "Chinese-LLaMA-2 and Chinese-Alpaca-2", 128_256: "Llama 3",
  ]

  init(_ adapted: AdaptedBase) {
    lines = [("embedding of \(adapted.base.path)", adapted.base.configuration.vocabularySize)]
    for input in adapted.adapters {
      guard let rows = input.adapter.savedWeights[TrainedVocabulary.Matrix.embedding.weightName]?.shape.first else { continue }
      lines.append(("embedding of \(input.adapter.path)", rows))
    }
  }

  mutating func add(_ what: String, _ count: Int) { lines.append((what, count)) }

  /// Indented lines, a first one with nothing before it.
  var text: String {
    let width = lines.map(\.what.count).max() ?? 0
    return lines.map { what, count in
      let number = Terminal.grouped(count)
      let known = VocabularyTable.known[count].map { "  \($0)" } ?? ""
      return "  " + what + String(repeating: " ", count: width - what.count + 2 + max(0, 8 - number.count)) + number + known
    }.joined(separator: "\n")
  }
}
