import Pages
import Tensors

/// Tensors of the same name but for the layer, of one shape and type: a line of the report.
struct TensorGroup {
  /// `model.layers.0-21.self_attn.q_proj.weight`
  let name: String
  let dtype: DType
  let shape: [Int]
  let count: Int

  private struct Key: Hashable {
    /// Before and after the layer's number.
    let before: Substring
    let after: Substring
    let hasLayer: Bool
    let dtype: DType
    let shape: [Int]
  }

  /// Groups in the order of the network, strangers last.
  static func groups(of tensors: some Sequence<TensorFile.Tensor>) -> [TensorGroup] {
    var members: [Key: [Int]] = [:]
    var keys: [Key] = []
    for tensor in tensors {
      let (key, layer) = key(of: tensor)
      if members[key] == nil { keys.append(key) }
      members[key, default: []].append(layer)
    }
    let ordered = keys.enumerated().sorted { first, second in
      (place(of: first.element), first.offset) < (place(of: second.element), second.offset)
    }
    return ordered.map { _, key in
      let layers = members[key, default: []]
      let name = key.hasLayer ? "\(key.before).\(Words.ranges(Array(Set(layers)).sorted())).\(key.after)" : String(key.before)
      return TensorGroup(name: name, dtype: key.dtype, shape: key.shape, count: layers.count)
    }
  }

  private static func key(of tensor: TensorFile.Tensor) -> (Key, layer: Int) {
    let parts = tensor.name.split(separator: ".", omittingEmptySubsequences: false)
    let position = parts.firstIndex { Int($0) != nil && $0.utf8.first != UInt8(ascii: "+") && $0.utf8.first != UInt8(ascii: "-") }
    guard let position, position > 0, position + 1 < parts.count, let layer = Int(parts[position]) else {
      return (Key(before: tensor.name[...], after: "", hasLayer: false, dtype: tensor.dtype, shape: tensor.shape), 0)
    }
    return (
      Key(
        before: tensor.name[..<parts[position - 1].endIndex], after: tensor.name[parts[position + 1].startIndex...], hasLayer: true,
        dtype: tensor.dtype, shape: tensor.shape), layer
    )
  }

  /// Names of Hugging Face and of Meta as the network goes through them.
  private static let order: [Substring] = [
    "embed_tokens", "tok_embeddings", "input_layernorm", "attention_norm", "q_proj", "wq", "k_proj", "wk", "v_proj", "wv", "o_proj", "wo",
    "post_attention_layernorm", "ffn_norm", "gate_proj", "w1", "up_proj", "w3", "down_proj", "w2", "norm", "lm_head", "output",
  ]

  private static func place(of key: Key) -> Int {
    let parts = (key.hasLayer ? key.after : key.before).split(separator: ".")
    for part in parts { if let place = order.firstIndex(of: part) { return place } }
    return order.count
  }
}
