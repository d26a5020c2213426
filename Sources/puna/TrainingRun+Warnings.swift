import Adapters
import Bases
import Datasets
import FineTuning
import JSON
import Tensors
import Tokenizers

extension TrainingRun {
  /// What is suspicious about the run before it begins, though it can go on.
  func warnings() -> [TrainingWarning] { [duplicateRows, overlap, learningRate].compactMap { $0 } + templates }

  private var duplicateRows: TrainingWarning? {
    let repeats = examples.repeatedRows()
    guard repeats.count > 0 else { return nil }
    return TrainingWarning(
      .duplicateRows,
      "\(Terminal.grouped(repeats.count)) of \(Terminal.grouped(repeats.rowCount)) training rows \(repeats.count == 1 ? "repeats" : "repeat") "
        + "an earlier one: \(listed(repeats)). What is there twice is learnt twice; remove the copies unless that is meant.")
  }

  private var overlap: TrainingWarning? {
    let repeats = examples.overlappingValidationRows()
    guard repeats.count > 0 else { return nil }
    return TrainingWarning(
      .validationOverlap,
      "\(Terminal.grouped(repeats.count)) of \(Terminal.grouped(repeats.rowCount)) validation rows \(repeats.count == 1 ? "is" : "are") "
        + "trained on too: \(listed(repeats)). The validation loss, and which adapter is called the best, then tell too little; "
        + "take those rows out of one of the two.")
  }

  private func listed(_ repeats: RowRepeats) -> String {
    let pairs = repeats.first.map { "\($0.row) says what \($0.other) says" }.joined(separator: "; ")
    return pairs + (repeats.count > repeats.first.count ? "; ..." : "")
  }

  private var learningRate: TrainingWarning? {
    let schedule = LearningRateSchedule(recipe.training, stepCount: stepCount)
    var (zero, sum) = (0, 0.0)
    for step in 0..<stepCount {
      let rate = schedule.rate(at: step)
      if Float(rate) == 0 { zero += 1 }
      sum += rate
    }
    let place = recipe.location(of: "training.learning_rate")
    if zero > 0 {
      return TrainingWarning(
        .learningRate,
        "\(place): the learning rate is zero in float32 at \(Terminal.grouped(zero)) of \(Terminal.grouped(stepCount)) steps, which change "
          + "nothing. training.learning_rate is \(recipe.training.learningRate).")
    }
    // AdamW moves a weight by about the rate a step; entries of B that matter are a thousand times larger.
    guard sum < 1e-6 else { return nil }
    return TrainingWarning(
      .learningRate,
      "\(place): training.learning_rate is \(recipe.training.learningRate): in \(Terminal.grouped(stepCount)) steps no weight moves by more "
        + "than about \(Float(sum)), which no answer will show.")
  }

  private var templates: [TrainingWarning] {
    let chatTemplate = BaseLocation(name: recipe.base).chatTemplate(of: base)
    return examples.encoders.flatMap { encoder in
      var misfits = encoder.misfits(chatTemplate: chatTemplate)
      let untrained = encoder.markIDs.filter { id in
        base.neverLearnt(id) && vocabulary.trained.embedding?.contains(Int(id)) != true
      }
      if !untrained.isEmpty {
        let names = untrained.map { id in "'\((try? encoder.tokenizer.piece(id)) ?? "\(id)")'" }.joined(separator: ", ")
        misfits.append("the base has never learnt \(names): the rows of its embedding are zero, and LoRA does not train them")
      }
      return misfits.map { TrainingWarning(.template, "template '\(encoder.template.name)' may not fit \(recipe.base): \($0).") }
    }
  }
}

extension BaseLocation {
  /// The base's own chat template in Jinja, where it has one that can be read.
  func chatTemplate(of base: Base) -> String? {
    guard let files = try? openFiles(of: base).files else { return nil }
    if let bytes = files["chat_template.jinja"] { return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
    guard let bytes = files["tokenizer_config.json"],
      let document = bytes.withUnsafeBytes({ try? JSONValue(parsing: Array($0)) })
    else { return nil }
    // One, or several by name.
    return document["chat_template"]?.string ?? document["chat_template"]?.array?.first?["template"]?.string
  }
}

extension Base {
  /// Whether a token's row of the embedding is zero, or as good as: so that the base cannot tell it from others of that kind.
  func neverLearnt(_ id: Int32) -> Bool {
    guard let embedding = weights["model.embed_tokens.weight"], embedding.shape.count == 2, Int(id) < embedding.shape[0] else {
      return false
    }
    let width = embedding.shape[1] * embedding.dtype.byteCount
    var isZero = true
    embedding.withBytes(at: Int(id) * width..<(Int(id) + 1) * width) { bytes in
      isZero = isZero && embedding.dtype.largestMagnitude(of: bytes) < 1e-12
    }
    return isZero
  }
}

extension DType {
  fileprivate func largestMagnitude(of bytes: UnsafeRawBufferPointer) -> Float {
    switch self {
    case .float32:
      stride(from: 0, to: bytes.count - 3, by: 4).reduce(0) { max($0, abs(bytes.loadUnaligned(fromByteOffset: $1, as: Float.self))) }
    case .float16:
      // The exponent's bits alone say whether a number is small.
      stride(from: 0, to: bytes.count - 1, by: 2).reduce(0) {
        max($0, bytes.loadUnaligned(fromByteOffset: $1, as: UInt16.self) & 0x7FFF == 0 ? 0 : 1)
      }
    case .bfloat16:
      stride(from: 0, to: bytes.count - 1, by: 2).reduce(0) {
        max($0, abs(Float(bitPattern: UInt32(bytes.loadUnaligned(fromByteOffset: $1, as: UInt16.self)) << 16)))
      }
    default: .infinity
    }
  }
}
