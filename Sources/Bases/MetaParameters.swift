import Checkpoints
import JSON
import Llama
import Tensors

/// Reads `params.json`, Meta's description of a network. What it does not say follows from what it says:
///
/// - The width of the feed-forward layer is `8 · dim / 3`, times `ffn_dim_multiplier` if there is one, both cut to whole numbers, rounded
///   up to a multiple of `multiple_of` (256 if absent).
/// - `use_scaled_rope` is Llama 3.1's scaling (factor 8, wavelengths 1 and 4, from 8,192 positions), with factor 32 in the shapes of
///   Llama 3.2 1B (dim 2,048, 16 layers) and 3B (3,072, 28), for which Meta's own code has it wrong. `rope_scaling_factor`,
///   `rope_low_freq_factor`, `rope_high_freq_factor` and `rope_original_max_seq_len` replace these numbers.
/// - The generation, which decides the number of positions unless `max_seq_len` says it: 131,072 with scaled rotary positions; 8,192
///   (Llama 3) with a `rope_theta` of 500,000 or a vocabulary of 128,256 and more; 16,384 (Code Llama) with a `rope_theta` of 1,000,000;
///   2,048 (LLaMA 1) with a `norm_eps` of 1e-6, or 80 layers of dim 8,192 without `n_kv_heads`, which is LLaMA 65B; else 4,096 (Llama 2).
/// - Sequences begin and end with Llama 3's ids (128000; 128001, 128008, 128009) in a vocabulary of 128,256 and more, else with 1 and 2.
package struct MetaParameters {
  /// Relative to the base folder.
  let file: String
  let hiddenSize: Int
  let layerCount: Int
  let headCount: Int
  let keyValueHeadCount: Int
  let headDimension: Int
  /// Nil when absent or -1: as many as the embedding has rows.
  let vocabularySize: Int?
  let multipleOf: Int
  let feedForwardMultiplier: Double?
  private let normEpsilon: Double
  private let ropeTheta: Double
  private let ropeScaling: RotaryScaling
  private let sequenceLength: Int?
  private let isLlama1: Bool

  /// Keys that change how the network is run, not what it computes.
  private static let harmless: Set = [
    "max_batch_size", "model_parallel_size", "dropout", "seed", "flash", "use_cache", "torch_dtype", "dtype", "model_type", "version",
  ]
  private static let known: Set = [
    "dim", "n_layers", "n_heads", "n_kv_heads", "head_dim", "vocab_size", "multiple_of", "ffn_dim_multiplier", "norm_eps", "rope_theta",
    "max_seq_len", "use_scaled_rope", "rope_scaling_factor", "rope_low_freq_factor", "rope_high_freq_factor", "rope_original_max_seq_len",
  ]

  /// Reads the document, whose members may stand in an object `model`.
  ///
  /// - Throws: `BaseProblems` with everything that is wrong with it.
  package init(_ document: JSONValue, file: String) throws(BaseProblems) {
    let isNested = document["dim"] == nil && document["model"]?.object != nil
    let fields = ConfigurationFields(isNested ? document["model"] ?? document : document, file: file)
    var problems = fields.problems
    guard problems.isEmpty else { throw BaseProblems(problems) }
    problems = MetaParameters.refusals(fields)

    self.file = file
    hiddenSize = fields.count("dim", upTo: 1 << 20, &problems)
    layerCount = fields.count("n_layers", upTo: 4096, &problems)
    headCount = fields.count("n_heads", upTo: 1 << 14, &problems)
    keyValueHeadCount = fields.count("n_kv_heads", upTo: 1 << 14, default: headCount, &problems)
    let saysVocabulary = (fields["vocab_size"] ?? .integer(-1)).integer != -1
    vocabularySize = saysVocabulary ? fields.count("vocab_size", upTo: 1 << 24, &problems) : nil
    multipleOf = fields.count("multiple_of", upTo: 1 << 22, default: 256, &problems)
    feedForwardMultiplier = fields["ffn_dim_multiplier"] == nil ? nil : fields.positive("ffn_dim_multiplier", &problems)
    normEpsilon = fields.positive("norm_eps", default: 1e-5, &problems)
    ropeTheta = fields.positive("rope_theta", default: (vocabularySize ?? 0) >= Llama3.vocabularySize ? 500_000 : 10_000, &problems)
    ropeScaling = MetaParameters.scaling(fields, hiddenSize: hiddenSize, layerCount: layerCount, &problems)
    sequenceLength = fields["max_seq_len"] == nil ? nil : fields.count("max_seq_len", upTo: 1 << 30, &problems)
    isLlama1 = normEpsilon == 1e-6 || (hiddenSize == 8192 && layerCount == 80 && fields["n_kv_heads"] == nil)
    headDimension = headCount > 0 ? hiddenSize / headCount : 0

    func contradiction(_ message: String) { problems.append(.contradiction(file: file, message: message)) }
    if headCount > 0, keyValueHeadCount > 0, headCount % keyValueHeadCount != 0 {
      contradiction("'n_heads' is \(headCount), which 'n_kv_heads' (\(keyValueHeadCount)) does not divide.")
    }
    if hiddenSize > 0, headCount > 0, hiddenSize % (2 * headCount) != 0 {
      contradiction("'dim' is \(hiddenSize), which 'n_heads' (\(headCount)) does not divide into heads of even size.")
    }
    if let given = fields["head_dim"], given.integer != headDimension {
      contradiction("'head_dim' is \(given.excerpt), but 'dim' over 'n_heads' is \(headDimension).")
    }
    if problems.isEmpty, feedForwardWidth(feedForwardMultiplier, multipleOf: multipleOf) == nil {
      contradiction("'ffn_dim_multiplier' makes the feed-forward layer wider than \(1 << 22).")
    }
    guard problems.isEmpty else { throw BaseProblems(problems) }
  }

  /// What the file and a vocabulary counted in the shards say together.
  package func configuration(vocabularySize: Int, tiesEmbeddings: Bool) -> LlamaConfiguration {
    let isLlama3 = vocabularySize >= Llama3.vocabularySize
    let positions: Int
    if ropeScaling != .none {
      positions = 131_072
    } else if isLlama3 || ropeTheta == 500_000 {
      positions = 8192
    } else if ropeTheta == 1_000_000 {
      positions = 16_384
    } else {
      positions = isLlama1 ? 2048 : 4096
    }
    let ids = isLlama3 ? Llama3.ids : (begin: 1, ends: [2])
    return LlamaConfiguration(
      vocabularySize: vocabularySize, hiddenSize: hiddenSize,
      intermediateSize: feedForwardWidth(feedForwardMultiplier, multipleOf: multipleOf) ?? 0,
      layerCount: layerCount, headCount: headCount, keyValueHeadCount: keyValueHeadCount, headDimension: headDimension,
      normEpsilon: normEpsilon, ropeTheta: ropeTheta, ropeScaling: ropeScaling, maximumPositions: sequenceLength ?? positions,
      tiesEmbeddings: tiesEmbeddings, beginOfSequence: ids.begin < vocabularySize ? ids.begin : nil,
      endOfSequence: ids.ends.filter { $0 < vocabularySize })
  }

  enum Llama3 {
    static let vocabularySize = 128_256
    static let ids: (begin: Int32, ends: [Int32]) = (128_000, [128_001, 128_008, 128_009])
  }

  // MARK: - Parts

  private func feedForwardWidth(_ multiplier: Double?, multipleOf: Int) -> Int? {
    MetaParameters.feedForwardWidth(hiddenSize: hiddenSize, multiplier, multipleOf: multipleOf)
  }

  /// Nil beyond what any network has.
  static func feedForwardWidth(hiddenSize: Int, _ multiplier: Double?, multipleOf: Int) -> Int? {
    var width = 8 * hiddenSize / 3
    if let multiplier {
      let product = multiplier * Double(width)
      guard product < Double(1 << 22) else { return nil }
      width = Int(product)
    }
    return (width + multipleOf - 1) / multipleOf * multipleOf
  }

  /// What to write so that the feed-forward layer is `width` wide, with the fewest digits.
  func advice(forFeedForwardWidth width: Int) -> String {
    if feedForwardWidth(nil, multipleOf: multipleOf) == width { return "Remove 'ffn_dim_multiplier'." }
    for (unit, advice) in [(multipleOf, "Set"), (1, "Set 'multiple_of' to 1 and")] {
      if let found = MetaParameters.multiplier(forWidth: width, hiddenSize: hiddenSize, multiplesOf: [unit]) {
        return "\(advice) 'ffn_dim_multiplier' to \(found.multiplier)."
      }
    }
    return "Correct 'ffn_dim_multiplier'."
  }

  /// The multiplier of the fewest digits that makes a width with one of these multiples, the first that will do.
  static func multiplier(forWidth width: Int, hiddenSize: Int, multiplesOf units: [Int]) -> (multiplier: Double, multipleOf: Int)? {
    let ratio = Double(width) / Double(max(1, 8 * hiddenSize / 3))
    var scale = 1.0
    for _ in 0..<9 {
      scale *= 10
      let below = (ratio * scale).rounded(.down)
      for unit in units {
        // The second above is for products that are whole on paper and just below it in binary.
        for multiplier in [below / scale, (below + 1) / scale, (below + 2) / scale]
        where multiplier > 0 && feedForwardWidth(hiddenSize: hiddenSize, multiplier, multipleOf: unit) == width {
          return (multiplier, unit)
        }
      }
    }
    return nil
  }

  private static func scaling(
    _ fields: ConfigurationFields, hiddenSize: Int, layerCount: Int, _ problems: inout [BaseError.Problem]
  ) -> RotaryScaling {
    let keys = ["rope_scaling_factor", "rope_low_freq_factor", "rope_high_freq_factor", "rope_original_max_seq_len"]
    guard fields.flag("use_scaled_rope", &problems) else {
      if let key = keys.first(where: { fields[$0] != nil }) {
        problems.append(.contradiction(file: fields.file, message: "has '\(key)', but 'use_scaled_rope' is not true."))
      }
      return .none
    }
    let low = fields.positive("rope_low_freq_factor", default: 1, &problems)
    let high = fields.positive("rope_high_freq_factor", default: 4, &problems)
    if low >= high {
      problems.append(
        .contradiction(file: fields.file, message: "'rope_low_freq_factor' (\(low)) must be below 'rope_high_freq_factor' (\(high))."))
    }
    return .llama3(
      factor: fields.positive("rope_scaling_factor", default: publishedFactor(hiddenSize: hiddenSize, layerCount: layerCount), &problems),
      lowFrequencyFactor: low,
      highFrequencyFactor: high, originalPositions: fields.count("rope_original_max_seq_len", upTo: 1 << 30, default: 8192, &problems))
  }

  private static func publishedFactor(hiddenSize: Int, layerCount: Int) -> Double {
    (hiddenSize, layerCount) == (2048, 16) || (hiddenSize, layerCount) == (3072, 28) ? 32 : 8
  }

  /// What `use_scaled_rope` alone means.
  static func publishedScaling(hiddenSize: Int, layerCount: Int) -> RotaryScaling {
    .llama3(
      factor: publishedFactor(hiddenSize: hiddenSize, layerCount: layerCount), lowFrequencyFactor: 1, highFrequencyFactor: 4,
      originalPositions: 8192)
  }

  /// Every key that is neither known nor harmless may change the network; one that is off does not.
  private static func refusals(_ fields: ConfigurationFields) -> [BaseError.Problem] {
    fields.keys.sorted().compactMap { key in
      guard !known.contains(key), !harmless.contains(key), let value = fields[key], value != .bool(false) else { return nil }
      let advice = "Known are the keys of LLaMA 1, 2 and 3; remove it if it changes nothing."
      return .refused(file: fields.file, key: key, value: value.excerpt, advice: advice)
    }
  }
}

/// Problems on their way to a `BaseError`.
package struct BaseProblems: Error {
  package let problems: [BaseError.Problem]

  init(_ problems: [BaseError.Problem]) { self.problems = problems }
}
