import Checkpoints
import JSON
import Llama
import Tensors

/// Reads `config.json` in the spelling of transformers 4 and 5; absent keys have the defaults of `LlamaConfig` where it has sensible
/// ones. What would change the network's results and is not computed here is refused by name.
struct HuggingFaceConfiguration {
  private let fields: ConfigurationFields
  /// End-of-sequence ids of `generation_config.json`, which is what transformers generates with.
  private let generation: ConfigurationFields?

  /// - Parameter generation: `generation_config.json`, if there is one.
  init(_ document: JSONValue, file: String = "config.json", generation: JSONValue? = nil, generationFile: String = "generation_config.json")
  {
    fields = ConfigurationFields(document, file: file)
    self.generation = generation.map { ConfigurationFields($0, file: generationFile) }
  }

  /// The configuration, or every problem.
  func read() -> (configuration: LlamaConfiguration?, problems: [BaseError.Problem]) {
    var problems = fields.problems + (generation?.problems ?? [])
    guard problems.isEmpty else { return (nil, problems) }
    problems = refusals()
    // The keys of another kind of model say nothing about what is wrong with this one.
    if case .refused(_, "model_type", _, _)? = problems.first { return (nil, problems) }

    let vocabularySize = fields.count("vocab_size", upTo: 1 << 24, &problems)
    let hiddenSize = fields.count("hidden_size", upTo: 1 << 20, &problems)
    let intermediateSize = fields.count("intermediate_size", upTo: 1 << 22, &problems)
    let layerCount = fields.count("num_hidden_layers", upTo: 4096, &problems)
    let headCount = fields.count("num_attention_heads", upTo: 1 << 14, &problems)
    let keyValueHeadCount = fields.count("num_key_value_heads", upTo: 1 << 14, default: headCount, &problems)
    let headDimension = headDimension(hiddenSize, headCount, &problems)
    let maximumPositions = fields.count("max_position_embeddings", upTo: 1 << 30, default: 2048, &problems)
    let normEpsilon = fields.positive("rms_norm_eps", default: 1e-6, &problems)
    let (theta, scaling) = RotaryFields(fields).read(&problems)
    let tiesEmbeddings = fields.flag("tie_word_embeddings", &problems)

    if headCount > 0, keyValueHeadCount > 0, headCount % keyValueHeadCount != 0 {
      problems.append(
        .contradiction(
          file: fields.file,
          message: "'num_attention_heads' is \(headCount), which 'num_key_value_heads' (\(keyValueHeadCount)) does not divide."))
    }
    let beginOfSequence = fields.tokens("bos_token_id", default: [1], below: vocabularySize, allowsList: false, &problems).first
    let configured = fields.tokens("eos_token_id", default: [2], below: vocabularySize, &problems)
    let endOfSequence = generation?.tokens("eos_token_id", default: configured, below: vocabularySize, &problems) ?? configured
    guard problems.isEmpty else { return (nil, problems) }

    return (
      LlamaConfiguration(
        vocabularySize: vocabularySize, hiddenSize: hiddenSize, intermediateSize: intermediateSize, layerCount: layerCount,
        headCount: headCount, keyValueHeadCount: keyValueHeadCount, headDimension: headDimension, normEpsilon: normEpsilon,
        ropeTheta: theta, ropeScaling: scaling, maximumPositions: maximumPositions, tiesEmbeddings: tiesEmbeddings,
        beginOfSequence: beginOfSequence, endOfSequence: endOfSequence),
      []
    )
  }

  private func headDimension(_ hiddenSize: Int, _ headCount: Int, _ problems: inout [BaseError.Problem]) -> Int {
    guard fields["head_dim"] == nil else {
      let dimension = fields.count("head_dim", upTo: 1 << 12, &problems)
      if dimension % 2 != 0 {
        problems.append(
          .badValue(
            file: fields.file, key: "head_dim", found: "\(dimension)", expected: "an even number, since rotary positions turn pairs"))
      }
      return dimension
    }
    guard hiddenSize > 0, headCount > 0 else { return 0 }
    if hiddenSize % headCount != 0 {
      problems.append(
        .contradiction(
          file: fields.file,
          message: "'hidden_size' is \(hiddenSize), which 'num_attention_heads' (\(headCount)) does not divide, and there is no 'head_dim'."
        ))
    } else if hiddenSize / headCount % 2 != 0 {
      problems.append(
        .contradiction(
          file: fields.file,
          message:
            "'hidden_size' \(hiddenSize) over 'num_attention_heads' \(headCount) is an odd head dimension; rotary positions turn pairs."))
    }
    return hiddenSize / headCount
  }

  private func refusals() -> [BaseError.Problem] {
    let file = fields.file
    guard let type = fields["model_type"] else { return [.missingKey(file: file, key: "model_type")] }
    guard type == .string("llama") else {
      return [.refused(file: file, key: "model_type", value: type.line, advice: "Only \"llama\" is known.")]
    }
    var problems: [BaseError.Problem] = []
    if let quantization = fields["quantization_config"] {
      let method = quantization.object?["quant_method"].map { " (\($0.line))" } ?? ""
      problems.append(
        .refused(file: file, key: "quantization_config", value: "set\(method)", advice: "Use the base with unquantised weights."))
    }
    for key in ["attention_bias", "mlp_bias"] where fields.flag(key, &problems) {
      problems.append(.refused(file: file, key: key, value: "true", advice: "LLaMA's projections have no bias."))
    }
    // "swish" is another name of the same function.
    if let activation = fields["hidden_act"], activation != .string("silu"), activation != .string("swish") {
      problems.append(.refused(file: file, key: "hidden_act", value: activation.line, advice: "Only \"silu\" is known."))
    }
    return problems
  }
}
