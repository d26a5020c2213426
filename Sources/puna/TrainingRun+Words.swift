import FineTuning
import Foundation
import Llama

extension TrainingRun {
  /// What is trained: `rank 8, alpha 16, q_proj, v_proj; embedding: 17,953 new rows`.
  var adapterText: String {
    var parts: [String] = []
    if !lora.targetModules.isEmpty {
      parts.append("rank \(lora.rank), alpha \(lora.alpha.formatted()), \(lora.targetModules.map(\.rawValue).joined(separator: ", "))")
    }
    for matrix in TrainedVocabulary.Matrix.allCases {
      guard let rows = vocabulary.trained[matrix] else { continue }
      let name = matrix == .head ? "head" : configuration.tiesEmbeddings ? "embedding and head in one" : "embedding"
      let count = Terminal.grouped(rows.count)
      parts.append("\(name): \(rows.lowerBound > 0 ? "\(count) new rows" : "all \(count) rows")")
    }
    return parts.joined(separator: "; ")
  }
}

extension TrainedParameters {
  /// `4,194,304 trained (0.0622 %)`
  var text: String {
    let peft = percentageOfPEFT.map { String(format: "; PEFT, which counts copies, prints %.4f %%", $0) } ?? ""
    return "\(Terminal.grouped(count)) trained (\(String(format: "%.4f", percentage)) %\(peft))"
  }
}
