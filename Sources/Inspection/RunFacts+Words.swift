import Foundation
import JSON

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
    if let epoch { steps += String(format: ", %.2f epochs", epoch) }
    rows.append(("steps", steps))
    if stepSeconds > 0 {
      var time = "\(Words.duration(stepSeconds)) in steps"
      if let rate = Int(exactly: (Double(tokens) / stepSeconds).rounded()) { time += " (\(Words.grouped(rate)) tokens/s)" }
      if validationSeconds > 0 { time += ", \(Words.duration(validationSeconds)) in validation" }
      rows.append(("time", time))
      rows.append(("tokens", "\(Words.grouped(tokens)), of which \(Words.grouped(supervisedTokens)) learnt"))
    }
    if let firstLoss, let lastLoss, let lowestLoss {
      rows.append(
        ("loss", "first \(text(firstLoss)), last \(text(lastLoss)), lowest \(text(lowestLoss))"))
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
    String(format: "%.4f", loss.value) + (loss.step == 0 ? " before step 1" : " at step \(Words.grouped(loss.step))")
  }

  var json: JSONValue {
    var members: [String: JSONValue] = [
      "finished": .bool(isFinished), "steps_done": .integer(stepsDone), "steps_planned": .optional(stepsPlanned), "epoch": .finite(epoch),
      "checkpoints": .array(checkpoints.map { .string($0) }), "has_best": .bool(hasBest),
    ]
    members["first_loss"] = json(firstLoss)
    members["last_loss"] = json(lastLoss)
    members["lowest_loss"] = json(lowestLoss)
    members["validations"] = .array(validations.map { json($0) })
    members["best_validation"] = json(bestValidation)
    members["step_seconds"] = .finite(stepSeconds)
    members["validation_seconds"] = .finite(validationSeconds)
    members["tokens"] = .integer(tokens)
    members["supervised_tokens"] = .integer(supervisedTokens)
    members["version"] = .optional(record?.version)
    members["precision"] = .optional(record?.precision)
    members["instruction_set"] = .optional(record?.instructionSet)
    members["seed"] = record.map { record in Int(exactly: record.seed).map { .integer($0) } ?? .string("\(record.seed)") } ?? .null
    members["base"] = .optional(record?.base)
    members["start_from"] = .optional(record?.startFrom)
    members["adapters"] = .array(
      (record?.adapters ?? []).map { .object(["path": .string($0.path), "weight": .finite($0.weight)]) })
    members["templates"] = .array((record?.templates ?? []).map { .string($0.name) })
    members["data"] = data
    return .object(members)
  }

  private func json(_ loss: Loss?) -> JSONValue {
    loss.map { .object(["step": .integer($0.step), "loss": .finite($0.value)]) } ?? .null
  }

  private var data: JSONValue {
    guard let data = record?.data else { return .null }
    return .object([
      "files": .array(data.files.map { .string($0) }), "training_rows": .integer(data.trainingRows),
      "validation_rows": .integer(data.validationRows),
    ])
  }
}
