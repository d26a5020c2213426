import Configuration
import Foundation

extension Recipe {
  /// Keys that are right by themselves but not together.
  var contradictions: [Problem] {
    var problems: [Problem] = []
    func note(_ text: String, at key: String) { problems.append(Problem(text, at: location(of: key))) }

    if case .steps(let warmUp) = training.warmUp, case .steps(let steps) = training.duration, warmUp > steps {
      note("training.warmup_steps is \(warmUp), but the run has only \(steps) steps.", at: "training.warmup_steps")
    }
    if case .path(let path) = data.validation, data.train.contains(where: { Self.isSame($0.path, path) }) {
      note("data.validation is '\(path)', which data.train also names; a loss on rows it trains on says nothing.", at: "data.validation")
    }
    if case .none = data.validation {
      if training.earlyStopping != nil {
        note("early_stopping looks at the validation loss, but data.validation is none. Hold rows out, such as 0.05.", at: "early_stopping")
      }
      if case .heldOut(let count) = samples {
        note("samples asks for \(count) held-out row\(count == 1 ? "" : "s"), but data.validation is none.", at: "samples")
      }
    }
    if lora.targetModules.isEmpty, !lora.embeddings.trainsAny {
      note("lora.target_modules is none, and lora.train_embeddings trains nothing either.", at: "lora.target_modules")
    }
    if lora.embeddings.tie, lora.embeddings.input != lora.embeddings.output || !lora.embeddings.trainsAny {
      note(
        "lora.train_embeddings.tie keeps embedding and head one matrix, but input is \(lora.embeddings.input.rawValue) and output "
          + "\(lora.embeddings.output.rawValue); expected new_rows or all for both.", at: "lora.train_embeddings.tie")
    }
    if let vocabulary, let tokenizer {
      note(
        "tokenizer is '\(tokenizer)', but vocabulary.tokenizer '\(vocabulary.tokenizer)' takes its place. Leave one out.", at: "tokenizer")
    }
    // --overwrite empties the output folder.
    for (input, name) in inputs where !output.isEmpty && !input.isEmpty {
      if Self.isSame(output, input) {
        note("output is '\(output)', which is \(name).", at: "output")
      } else if Self.holds(output, input) {
        note("output is '\(output)', which holds \(name) '\(input)'; choose a folder of its own.", at: "output")
      }
    }
    return problems
  }

  /// Everything that the run reads, and what a message calls it.
  private var inputs: [(path: String, name: String)] {
    var inputs: [(String, String)] = []
    if base != Self.starter { inputs.append((base, "the base")) }
    if let tokenizer { inputs.append((tokenizer, "the tokenizer")) }
    if let vocabulary { inputs.append((vocabulary.tokenizer, "the tokenizer of vocabulary")) }
    inputs += adapters.map { ($0.path, "a frozen adapter") }
    inputs += data.train.map { ($0.path, "training data") }
    if case .path(let path) = data.validation { inputs.append((path, "validation data")) }
    if let startFrom = lora.startFrom { inputs.append((startFrom, "the adapter of lora.start_from")) }
    return inputs
  }

  private static func standardized(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

  private static func isSame(_ first: String, _ second: String) -> Bool { standardized(first) == standardized(second) }

  private static func holds(_ folder: String, _ path: String) -> Bool {
    let folder = standardized(folder)
    return standardized(path).hasPrefix(folder.hasSuffix("/") ? folder : folder + "/")
  }
}
