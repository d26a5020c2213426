import JSON

extension RunFacts {
  /// For programs; what is not known is null.
  package var json: JSONValue {
    .object([
      "state": .string(state.rawValue), "finished": .bool(state == .finished), "stopped_early": .bool(stoppedEarly),
      "steps_done": .integer(stepsDone), "steps_planned": .optional(stepsPlanned), "resumable_step": .optional(resumableStep),
      "epoch": .finite(epoch), "checkpoints": .array(checkpoints.map { .string($0) }), "has_best": .bool(hasBest),
      "first_loss": json(losses.first), "last_loss": json(losses.last), "lowest_loss": json(lowestLoss),
      "validations": .array(validations.map { json($0) }), "best_validation": json(bestValidation),
      "step_seconds": .finite(stepSeconds), "validation_seconds": .finite(validationSeconds), "tokens": .integer(tokens),
      "supervised_tokens": .integer(supervisedTokens), "tokens_per_second": .finite(tokensPerSecond),
      "examples_per_second": .finite(examplesPerSecond), "version": .optional(record?.version), "precision": .optional(record?.precision),
      "instruction_set": .optional(record?.instructionSet),
      "seed": record.map { record in Int(exactly: record.seed).map { .integer($0) } ?? .string("\(record.seed)") } ?? .null,
      "base": .optional(record?.base), "start_from": .optional(record?.startFrom),
      "adapters": .array((record?.adapters ?? []).map { .object(["path": .string($0.path), "weight": .finite($0.weight)]) }),
      "templates": .array((record?.templates ?? []).map { .string($0.name) }), "data": data,
    ])
  }

  private func json(_ loss: Loss?) -> JSONValue {
    guard let loss else { return .null }
    var members: [String: JSONValue] = ["step": .integer(loss.step), "loss": .finite(loss.value)]
    if let bits = loss.bitsPerByte { members["bits_per_byte"] = .finite(bits) }
    return .object(members)
  }

  private var data: JSONValue {
    guard let data = record?.data else { return .null }
    return .object([
      "files": .array(data.files.map { .string($0) }), "training_rows": .integer(data.trainingRows),
      "validation_rows": .integer(data.validationRows),
    ])
  }
}
