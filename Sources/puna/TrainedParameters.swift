import Adapters
import Llama

extension TrainingRun {
  /// What is trained: `rank 8, alpha 16, q_proj, v_proj; embedding: 17,953 new rows`.
  var adapterText: String {
    var parts: [String] = []
    if !lora.targetModules.isEmpty {
      parts.append("rank \(lora.rank), alpha \(lora.alpha.formatted()), \(lora.targetModules.map(\.rawValue).joined(separator: ", "))")
    }
    let isTied = configuration.tiesEmbeddings
    for matrix in TrainedVocabulary.Matrix.allCases {
      guard let rows = vocabulary.trained[matrix] else { continue }
      let name = matrix == .head ? "head" : isTied ? "embedding and head in one" : "embedding"
      parts.append(
        "\(name): \(rows.lowerBound > 0 ? "\(Terminal.grouped(rows.count)) new rows" : "all \(Terminal.grouped(rows.count)) rows")")
    }
    return parts.joined(separator: "; ")
  }
}

/// How many numbers a run trains, and what share of the model that is.
struct TrainedParameters {
  /// Of low-rank matrices.
  let lowRank: Int
  /// Of rows of embedding and head.
  let vocabulary: Int
  /// Of the model with its adapter, a matrix that is trained as a whole counted once.
  private let model: Int
  /// What PEFT counts besides: it keeps the whole of a matrix that it trains beside the original.
  private let copies: Int

  init(lowRank: Int, vocabulary: TrainedVocabulary, configuration: LlamaConfiguration) {
    self.lowRank = lowRank
    self.vocabulary = vocabulary.rowCount * configuration.hiddenSize
    model = configuration.parameterCount + lowRank
    copies =
      TrainedVocabulary.Matrix.allCases.filter { vocabulary[$0] != nil }.count * configuration.vocabularySize * configuration.hiddenSize
  }

  var count: Int { lowRank + vocabulary }
  var modelCount: Int { model }
  var percentage: Double { 100 * Double(count) / Double(model) }
  /// As `print_trainable_parameters` has it, which also counts all rows of a matrix as trained.
  var percentageOfPEFT: Double { 100 * Double(lowRank + copies) / Double(model + copies) }

  /// `4,194,304 trained (0.0622 %)`
  var text: String {
    let peft = copies > 0 ? String(format: "; PEFT, which counts copies, prints %.4f %%", percentageOfPEFT) : ""
    return "\(Terminal.grouped(count)) trained (\(String(format: "%.4f", percentage)) %\(peft))"
  }
}
