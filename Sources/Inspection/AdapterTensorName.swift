/// What the name of an adapter's tensor says, as far as that is known without its base.
///
/// Names may begin with `base_model.model.`; what follows a marker may name the adapter: `.lora_A.default.weight` in old files.
struct AdapterTensorName {
  enum Part {
    case a, b
    /// DoRA's length of each row.
    case magnitude
    /// A weight that replaces the base's, and what it was before.
    case saved, original
    case unknown
  }

  /// `model.layers.0.self_attn.q_proj`
  let module: String
  let part: Part

  private static let parts: [Substring: Part] = [
    "lora_A": .a, "lora_B": .b, "lora_embedding_A": .a, "lora_embedding_B": .b, "lora_magnitude_vector": .magnitude,
    "modules_to_save": .saved, "original_module": .original,
  ]

  init(_ name: String) {
    let prefix = "base_model.model."
    let parts = (name.hasPrefix(prefix) ? name.dropFirst(prefix.count) : name[...]).split(separator: ".", omittingEmptySubsequences: false)
    if let marker = parts.firstIndex(where: { AdapterTensorName.parts[$0] != nil }), marker > 0, parts.count - marker <= 3 {
      module = parts[..<marker].joined(separator: ".")
      part = AdapterTensorName.parts[parts[marker]] ?? .unknown
    } else if name.hasPrefix(prefix), parts.count > 1, parts.last == "weight", !name.contains("lora") {
      module = parts.dropLast().filter { $0 != "base_layer" }.joined(separator: ".")
      part = .saved
    } else {
      module = name
      part = .unknown
    }
  }
}
