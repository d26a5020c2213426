import JSON

/// Something that a person should know about a run, though it goes on: said once, and kept in `metrics.jsonl`.
public struct TrainingWarning: Sendable, Equatable {
  public enum Kind: String, Sendable {
    case validationOverlap = "validation_overlap"
    case duplicateRows = "duplicate_rows"
    case template
    case learningRate = "learning_rate"
    case adapterDoesNotMove = "adapter_does_not_move"
    case lossSpike = "loss_spike"
    case instructionSet = "instruction_set"
  }

  public let kind: Kind
  /// 0 for what was found before the first step.
  public let step: Int
  /// What, where, and what to do.
  public let text: String
  /// Figures of this kind, by key.
  let figures: [(key: String, value: Double)]

  public init(_ kind: Kind, step: Int = 0, _ text: String) { self.init(kind, step: step, text, figures: []) }

  init(_ kind: Kind, step: Int, _ text: String, figures: [(key: String, value: Double)]) {
    self.kind = kind
    self.step = step
    self.text = text
    self.figures = figures
  }

  public static func == (first: TrainingWarning, second: TrainingWarning) -> Bool { first.json == second.json }

  var json: String {
    let figures = figures.map { ",\"\($0.key)\":\($0.value.json)" }.joined()
    return "{\"event\":\"warning\",\"step\":\(step),\"kind\":\"\(kind.rawValue)\"\(figures),\"text\":\(text.json)}"
  }

  static func spike(step: Int, loss: Double, usual: Double, rows: [String]) -> TrainingWarning {
    TrainingWarning(
      .lossSpike, step: step,
      """
      step \(step): the loss is \(loss.shown), where \(usual.shown) was usual. Rows: \(rows.shortList). Look at them with 'puna preview'; if it \
      happens again, lower training.learning_rate or training.clip_gradient_norm.
      """, figures: [("loss", loss), ("usual", usual)])
  }
}

extension Double {
  /// As JSON has it, which knows neither NaN nor infinity.
  var json: String { isFinite ? "\(self)" : "null" }
}

extension String {
  /// In quotes.
  var json: String { JSONValue.string(self).line }
}

extension [String] {
  /// The first ones, and how many more there are.
  var shortList: String { prefix(4).joined(separator: ", ") + (count > 4 ? " and \(count - 4) more" : "") }
}
