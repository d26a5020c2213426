import Llama
import Tensors

/// Parameters of a network by part and by element type.
public struct ParameterCounts: Sendable, Equatable {
  public enum Part: String, Sendable, CaseIterable {
    case embedding, attention
    case feedForward = "feed_forward"
    case norms, head
    /// Of tensors whose names say nothing.
    case other

    /// By a tensor's name, as Hugging Face or Meta call it.
    init(tensor name: String) {
      let parts = name.split(separator: ".")
      func has(_ names: String...) -> Bool { names.contains { name in parts.contains { $0 == name } } }
      self =
        switch true {
        case has("embed_tokens", "tok_embeddings"): .embedding
        case has("lm_head", "output"): .head
        case has("self_attn", "attention"): .attention
        case has("mlp", "feed_forward"): .feedForward
        case has("norm", "input_layernorm", "post_attention_layernorm", "attention_norm", "ffn_norm"): .norms
        default: .other
        }
    }
  }

  public private(set) var parts: [Part: Int] = [:]
  public private(set) var types: [DType: Int] = [:]

  public var total: Int { parts.values.reduce(0, +) }

  /// Element types by share, the most frequent first.
  public var typesByShare: [(dtype: DType, count: Int)] {
    types.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }.map { ($0.key, $0.value) }
  }

  mutating func add(_ name: String, dtype: DType?, count: Int) {
    parts[Part(tensor: name), default: 0] += count
    if let dtype { types[dtype, default: 0] += count }
  }

  /// What a configuration promises; its element type is not known.
  init(_ configuration: LlamaConfiguration) {
    for tensor in configuration.expectedTensors { add(tensor.name, dtype: nil, count: tensor.shape.reduce(1, *)) }
  }

  init(_ weights: some Sequence<StoredWeight>) {
    for weight in weights { add(weight.name, dtype: weight.segments.first?.dtype, count: weight.shape.reduce(1, *)) }
  }

  init(_ tensors: some Sequence<TensorFile.Tensor>) {
    for tensor in tensors { add(tensor.name, dtype: tensor.dtype, count: tensor.elementCount) }
  }
}
