/// What the name of an adapter's tensor says, in the spellings of all versions of PEFT.
///
/// Names may begin with `base_model.model.`; what follows a marker may name the adapter: `.lora_A.default.weight` in old files.
struct PEFTTensorName: Hashable {
  enum Part: String {
    case a = "lora_A"
    case b = "lora_B"
    case embeddingA = "lora_embedding_A"
    case embeddingB = "lora_embedding_B"
    case magnitude = "lora_magnitude_vector"
    /// A weight that replaces the base's.
    case saved = "weight"
    /// What a saved weight was before training: the base's own.
    case original = "original_module"
  }

  /// Of the module: `model.layers.0.self_attn.q_proj`.
  let path: String
  let part: Part

  /// As PEFT writes it today.
  var text: String {
    let name = "\(PEFTTensorName.prefix)\(path).\(part.rawValue)"
    return part == .a || part == .b ? "\(name).weight" : name
  }

  static let prefix = "base_model.model."

  init(path: String, part: Part) {
    self.path = path
    self.part = part
  }

  /// - Parameter weights: names of the base's weights.
  /// - Returns: nil for a name that is nothing known, otherwise also the name of the adapter, if there is one in it.
  static func parse(_ text: String, weights: Set<String>) -> (name: PEFTTensorName, adapter: String?)? {
    let text = text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
    if weights.contains(text) { return (PEFTTensorName(path: String(text.dropLast(".weight".count)), part: .saved), nil) }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard let marker = parts.firstIndex(where: { markers.contains($0) }) else { return nil }
    let path = parts[..<marker].joined(separator: ".")
    let rest = Array(parts[(marker + 1)...])

    func whole(_ rest: [String], as part: Part) -> PEFTTensorName? {
      let weight = ([path] + rest).joined(separator: ".")
      return weights.contains(weight) ? PEFTTensorName(path: String(weight.dropLast(".weight".count)), part: part) : nil
    }
    switch parts[marker] {
    case "base_layer": return whole(rest, as: .saved).map { ($0, nil) }
    case "original_module": return whole(rest, as: .original).map { ($0, nil) }
    case "modules_to_save":
      if let name = whole(rest, as: .saved) { return (name, nil) }
      return whole(Array(rest.dropFirst()), as: .saved).map { ($0, rest.first) }
    case let marker:
      guard let part = Part(rawValue: marker) else { return nil }
      var rest = rest
      switch part {
      case .a, .b: guard rest.popLast() == "weight" else { return nil }
      case .magnitude: if rest.last == "weight" { rest.removeLast() }
      default: break
      }
      return rest.count <= 1 ? (PEFTTensorName(path: path, part: part), rest.first) : nil
    }
  }

  private static let markers: Set<String> = [
    "lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector", "base_layer", "original_module", "modules_to_save",
  ]
}
