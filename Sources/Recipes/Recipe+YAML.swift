import Adapters
import Configuration
import Datasets
import FineTuning

extension Recipe {
  /// The recipe with every key spelled out, to be run again as it is. Reads back as an equal recipe.
  ///
  /// Where `lora.start_from` decides rank, alpha and modules, only those that the recipe states are written.
  public func resolvedYAML() -> String {
    var yaml = YAMLWriter()
    yaml.write("base", .text(base))
    // The adapters below and the vocabulary bring their own.
    if tokenizer != nil || (vocabulary == nil && adapters.isEmpty && lora.startFrom == nil) {
      yaml.write("tokenizer", .text(tokenizer ?? base))
    }
    if let vocabulary {
      yaml.section("vocabulary") { yaml in
        yaml.write("tokenizer", .text(vocabulary.tokenizer))
        yaml.write("initialize", .word(vocabulary.initialization.rawValue))
      }
    } else {
      yaml.write("vocabulary", .word("none"))
    }
    if adapters.isEmpty {
      yaml.write("adapters", .list([]))
    } else {
      yaml.write("adapters", items: adapters.map { .section([("path", .text($0.path)), ("weight", .number($0.weight))]) })
    }
    yaml.section("data", writeData)
    yaml.section("lora", writeLoRA)
    yaml.section("training", writeTraining)
    yaml.section("compute", writeCompute)
    yaml.write("evaluate_every", .integer(training.evaluateEvery))
    yaml.write("save_every", .integer(training.saveEvery))
    yaml.write("keep_checkpoints", .integer(training.keepCheckpoints))
    if let stopping = training.earlyStopping {
      yaml.section("early_stopping") { yaml in
        yaml.write("patience", .integer(stopping.patience))
        yaml.write("minimum_improvement", .number(stopping.minimumImprovement))
      }
    } else {
      yaml.write("early_stopping", .word("none"))
    }
    writeSamples(&yaml)
    yaml.write("output", .text(output))
    return yaml.text
  }

  private func writeData(_ yaml: inout YAMLWriter) {
    yaml.write(
      "train",
      items: data.train.map { source in
        .section(
          [("path", .text(source.path)), ("format", .word(source.format.rawValue))]
            // Text has none.
            + (source.format == .text ? [] : [("template", .text(source.template))]) + [("weight", .number(source.weight))])
      })
    let validation: YAMLWriter.Value =
      switch data.validation {
      case .none: .word("none")
      case .fraction(let fraction): .number(fraction)
      case .count(let count): .integer(count)
      case .path(let path): .text(path)
      }
    yaml.write("validation", validation)
    yaml.write("format", .word(data.format.rawValue))
    if !data.train.allSatisfy({ $0.format == .text }) { yaml.write("template", .text(data.template)) }
    yaml.write("max_length", .integer(data.maximumLength))
    yaml.write("too_long", .word(data.tooLong.rawValue))
    yaml.write("train_on_prompt", .flag(data.trainOnPrompt))
    yaml.write("shuffle", .flag(data.shuffle))
  }

  private func writeLoRA(_ yaml: inout YAMLWriter) {
    let values: [(key: String, value: YAMLWriter.Value)] = [
      ("target_modules", lora.targetModules.isEmpty ? .word("none") : .list(lora.targetModules.map { .word($0.rawValue) })),
      ("rank", .integer(lora.rank)),
      ("alpha", .number(lora.alpha)), ("dropout", .number(lora.dropout)), ("rslora", .flag(lora.usesRSLoRA)),
    ]
    for (key, value) in values where lora.startFrom == nil || lora.stated.contains(key) { yaml.write(key, value) }
    yaml.section("train_embeddings") { yaml in
      yaml.write("input", .word(lora.embeddings.input.rawValue))
      yaml.write("output", .word(lora.embeddings.output.rawValue))
      yaml.write("tie", .flag(lora.embeddings.tie))
    }
    yaml.write("start_from", lora.startFrom.map { .text($0) } ?? .word("none"))
  }

  private func writeTraining(_ yaml: inout YAMLWriter) {
    switch training.duration {
    case .epochs(let epochs): yaml.write("epochs", .integer(epochs))
    case .steps(let steps): yaml.write("max_steps", .integer(steps))
    }
    yaml.write("batch_size", .integer(training.batchSize))
    yaml.write("micro_batch_tokens", training.microBatchTokens.map { .integer($0) } ?? .word("auto"))
    yaml.write("learning_rate", .number(training.learningRate))
    yaml.write("schedule", .word(training.schedule.rawValue))
    switch training.warmUp {
    case .steps(let steps): yaml.write("warmup_steps", .integer(steps))
    case .fraction(let fraction): yaml.write("warmup_steps", .number(fraction))
    }
    yaml.write("final_learning_rate_ratio", .number(training.finalLearningRateRatio))
    yaml.write("betas", .list([.number(training.betas.first), .number(training.betas.second)]))
    yaml.write("epsilon", .number(training.epsilon))
    yaml.write("weight_decay", .number(training.weightDecay))
    yaml.write("clip_gradient_norm", training.clipGradientNorm.map { .number($0) } ?? .word("none"))
    yaml.write("seed", .integer(training.seed))
    yaml.write("recompute", .word(training.recompute.rawValue))
  }

  private func writeSamples(_ yaml: inout YAMLWriter) {
    switch samples {
    case .auto: yaml.write("samples", .word("auto"))
    case .none: yaml.write("samples", .word("none"))
    case .heldOut(let count): yaml.write("samples", .integer(count))
    case .questions(let questions):
      yaml.write(
        "samples",
        items: questions.map { question in
          .section([("instruction", .text(question.instruction))] + (question.input.isEmpty ? [] : [("input", .text(question.input))]))
        })
    }
  }

  private func writeCompute(_ yaml: inout YAMLWriter) {
    yaml.write("precision", .word(compute.precision.rawValue))
    yaml.write("threads", compute.threads.map { .integer($0) } ?? .word("auto"))
    switch compute.memory {
    case .auto: yaml.write("memory", .word("auto"))
    case .bytes(let bytes): yaml.write("memory", .integer(bytes))
    case .share(let share): yaml.write("memory", .number(share))
    }
  }
}
