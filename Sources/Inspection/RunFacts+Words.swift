import Foundation
import Pages
import Runs

extension RunFacts {
  /// Label and text of each line of the report.
  var rows: [(label: String, text: String)] {
    var rows: [(String, String)] = []
    if let record {
      rows.append(
        ("made by", "puna \(record.version), \(record.precision) on \(record.instructionSet), seed \(record.seed)"))
    }
    var steps = Words.grouped(stepsDone)
    if let stepsPlanned { steps += " of \(Words.grouped(stepsPlanned))" }
    if stoppedEarly { steps += ", stopped early" }
    if let epoch { steps += String(format: ", %.2f epochs", epoch) }
    rows.append(("steps", steps))
    if stepSeconds > 0 {
      var time = "\(Words.duration(stepSeconds)) in steps"
      var rates = examplesPerSecond.map { [String(format: $0 < 100 ? "%.1f examples/s" : "%.0f examples/s", $0)] } ?? []
      if let rate = tokensPerSecond.flatMap({ Int(exactly: $0.rounded()) }) { rates.append("\(Words.grouped(rate)) tokens/s") }
      if !rates.isEmpty { time += " (\(rates.joined(separator: ", ")))" }
      if validationSeconds > 0 { time += ", \(Words.duration(validationSeconds)) in validation" }
      rows.append(("time", time))
      rows.append(("tokens", "\(Words.grouped(tokens)), of which \(Words.grouped(supervisedTokens)) learnt"))
    }
    if let first = losses.first, let last = losses.last, let lowestLoss {
      rows.append(("loss", "first \(text(first)), last \(text(last)), lowest \(text(lowestLoss))"))
    }
    if let first = validations.first, let last = validations.last {
      var words = "first \(text(first)), last \(text(last))"
      if let bestValidation { words += ", best \(text(bestValidation))" }
      rows.append(("validation", words))
    }
    if let recipe {
      var learning = "batch size \(recipe.training.batchSize), learning rate \(Words.number(recipe.training.learningRate)), "
      learning += "schedule \(recipe.training.schedule)"
      rows.append(("settings", learning))
    }
    if let data = record?.data {
      var words = "\(Words.count(data.trainingRows, "row")), \(Words.grouped(data.validationRows)) held out"
      if let truncated = data.truncatedRows, truncated > 0 { words += ", \(Words.grouped(truncated)) cut" }
      if let dropped = data.droppedRows, dropped > 0 { words += ", \(Words.grouped(dropped)) left out" }
      rows.append(("data", "\(words): \(Words.list(data.files))"))
    }
    if let templates = record?.templates, !templates.isEmpty {
      rows.append((templates.count == 1 ? "template" : "templates", templates.map(\.name).joined(separator: ", ")))
    }
    if let below = record?.adapters, !below.isEmpty {
      rows.append(("on top of", below.map { $0.weight == 1 ? $0.path : "\($0.path)=\(Words.number($0.weight))" }.joined(separator: ", ")))
    }
    if let start = record?.startFrom { rows.append(("continues", start)) }
    rows.append(("checkpoints", checkpointWords))
    return rows
  }

  private var checkpointWords: String {
    let steps = checkpoints.map { name in
      let digits = name.dropFirst("step-".count).drop { $0 == "0" }
      return name.hasPrefix("step-") && Int(digits) != nil ? "step \(digits)" : name
    }
    return steps.isEmpty ? (hasBest ? "best" : "none") : Words.list(steps) + (hasBest ? "; best" : "")
  }

  private func text(_ loss: Loss) -> String {
    String(format: "%.4f", loss.value) + (loss.bitsPerByte.map { String(format: " (%.4f bits per byte)", $0) } ?? "")
      + (loss.step == 0 ? " before step 1" : " at step \(Words.grouped(loss.step))")
  }
}
