import JSON
import Llama
import Pages

/// The shape of a network, in words and as JSON.
public struct NetworkFacts: Sendable, Equatable {
  public let configuration: LlamaConfiguration

  /// `LLaMA network, 22 layers, hidden 2048, 32 heads of 64, 4 KV heads, feed-forward 5632, vocabulary 32000, ...`
  var words: String {
    let heads = configuration.headCount == 1 ? "1 head" : "\(configuration.headCount) heads"
    let keyValueHeads =
      configuration.keyValueHeadCount == configuration.headCount
      ? nil : configuration.keyValueHeadCount == 1 ? "1 KV head" : "\(configuration.keyValueHeadCount) KV heads"
    let parts: [String?] = [
      "LLaMA network", configuration.layerCount == 1 ? "1 layer" : "\(configuration.layerCount) layers",
      "hidden \(configuration.hiddenSize)",
      "\(heads) of \(configuration.headDimension)", keyValueHeads, "feed-forward \(configuration.intermediateSize)",
      "vocabulary \(configuration.vocabularySize)", configuration.tiesEmbeddings ? "tied head" : "own head",
      "norm epsilon \(Words.number(configuration.normEpsilon))",
    ]
    return parts.compactMap { $0 }.joined(separator: ", ")
  }

  var positions: String {
    let scaling =
      switch configuration.ropeScaling {
      case .none: ""
      case .linear(let factor): ", scaled linearly by \(Words.number(factor))"
      case .llama3(let factor, let low, let high, let original):
        ", llama3 scaling by \(Words.number(factor)) from \(original) positions "
          + "(frequency factors \(Words.number(low)) and \(Words.number(high)))"
      }
    return "\(Words.grouped(configuration.maximumPositions)) at most, rope theta \(Words.number(configuration.ropeTheta))\(scaling)"
  }

  var json: JSONValue {
    .object([
      "layers": .integer(configuration.layerCount), "hidden_size": .integer(configuration.hiddenSize),
      "heads": .integer(configuration.headCount), "key_value_heads": .integer(configuration.keyValueHeadCount),
      "head_dimension": .integer(configuration.headDimension), "intermediate_size": .integer(configuration.intermediateSize),
      "vocabulary_size": .integer(configuration.vocabularySize), "tied_embeddings": .bool(configuration.tiesEmbeddings),
      "maximum_positions": .integer(configuration.maximumPositions), "norm_epsilon": .finite(configuration.normEpsilon),
      "rope_theta": .finite(configuration.ropeTheta), "rope_scaling": scaling,
      "bos_token_id": configuration.beginOfSequence.map { .integer(Int($0)) } ?? .null,
      "eos_token_ids": .array(configuration.endOfSequence.map { .integer(Int($0)) }),
    ])
  }

  private var scaling: JSONValue {
    switch configuration.ropeScaling {
    case .none: .null
    case .linear(let factor): .object(["type": .string("linear"), "factor": .finite(factor)])
    case .llama3(let factor, let low, let high, let original):
      .object([
        "type": .string("llama3"), "factor": .finite(factor), "low_freq_factor": .finite(low), "high_freq_factor": .finite(high),
        "original_max_position_embeddings": .integer(original),
      ])
    }
  }
}
