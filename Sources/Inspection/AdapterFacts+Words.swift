import JSON
import Pages
import Tensors

extension AdapterFacts {
  /// `rank 8, alpha 16, scale 2 (alpha / rank)`, ...
  var settings: String {
    let ranks = ranks.isEmpty ? [rank].compactMap { $0 } : ranks
    var parts = [
      ranks.count > 1 ? "ranks \(ranks.map(String.init).joined(separator: ", "))" : "rank \(ranks.first.map(String.init) ?? "?")"
    ]
    if let alpha { parts.append("alpha \(Words.number(alpha))") }
    let scales = ranks.compactMap { scale(rank: $0) }
    if !scales.isEmpty {
      // Patterns may give single modules another alpha.
      let isExact = ranks.count == 1 && !unusualSettings.contains { $0.hasPrefix("alpha_pattern") }
      let rule = usesRSLoRA ? "rsLoRA: alpha / √rank" : "alpha / rank"
      parts.append(isExact ? "scale \(Words.number(scales[0])) (\(rule))" : "scale \(rule)")
    }
    if let dropout { parts.append("dropout \(Words.number(dropout))") }
    return parts.joined(separator: ", ")
  }

  /// Columns: module, rank, layers, shape.
  var moduleRows: [[String]] {
    modules.map { group in
      [
        group.module, "rank \(group.rank)", "\(group.inputs) -> \(group.outputs)",
        group.layers.isEmpty ? "" : "layer\(group.layers.count == 1 ? "" : "s") \(Words.ranges(group.layers))",
      ]
    }
  }

  var json: JSONValue {
    .object([
      "type": .optional(type), "rank": .optional(rank), "alpha": .finite(alpha),
      "scale": .finite(ranks.count == 1 ? scale(rank: ranks[0]) : nil),
      "dropout": .finite(dropout), "rslora": .bool(usesRSLoRA), "target_modules": targetModules ?? .null,
      "base": .optional(basePath), "base_fingerprint": .optional(baseFingerprint),
      "parameters": .integer(parameterCount), "dtypes": .array(types.map { .string($0.rawValue) }),
      "modules": .array(
        modules.map { group in
          .object([
            "module": .string(group.module), "rank": .integer(group.rank), "inputs": .integer(group.inputs),
            "outputs": .integer(group.outputs), "layers": .array(group.layers.map { .integer($0) }),
          ])
        }),
      "saved_weights": .array(savedWeights.map { .string($0) }), "reason_to_merge": .optional(reasonToMerge),
      "other_tensors": .array(otherTensors.map { .string($0) }), "unusual_settings": .array(unusualSettings.map { .string($0) }),
    ])
  }
}
