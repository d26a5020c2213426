import JSON
import Llama

/// `params.json` of a network: as short as Meta writes it, since Meta's own code takes no other keys. What it leaves out follows by the rules
/// of `MetaParameters`, by which it is read again here.
package struct MetaDescription: Sendable {
  /// Something that the file has no words for.
  package struct Obstacle: Sendable, Equatable {
    /// As `config.json` calls it.
    package let key: String
    package let value: String
    /// A sentence.
    package let reason: String
  }

  package let document: JSONValue
  /// With any of these the document describes another network.
  package let obstacles: [Obstacle]
  /// What readers will take for something else without computing anything else.
  package let notes: [String]

  package static let fileName = "params.json"

  /// - Parameter input: That of the base, of which every field is kept but for a vocabulary that changed.
  package init(_ configuration: LlamaConfiguration, keeping input: JSONValue? = nil) {
    let made = input.map { MetaDescription.kept($0, configuration) } ?? MetaDescription.made(configuration)
    document = made
    let read = (try? MetaParameters(made, file: MetaDescription.fileName))?
      .configuration(vocabularySize: configuration.vocabularySize, tiesEmbeddings: configuration.tiesEmbeddings)
    var obstacles = input == nil ? MetaDescription.obstacles(configuration) : []
    var notes: [String] = []
    if let read {
      var expected = configuration
      (expected.maximumPositions, expected.beginOfSequence) = (read.maximumPositions, read.beginOfSequence)
      expected.endOfSequence = read.endOfSequence
      if read != expected, obstacles.isEmpty { obstacles.append(MetaDescription.unknown) }
      if read.maximumPositions != configuration.maximumPositions {
        notes.append(
          "params.json does not say how many positions the model was trained for: Puna takes \(read.maximumPositions) "
            + "for the \(configuration.maximumPositions) of the base.")
      }
      if read.beginOfSequence != configuration.beginOfSequence || read.endOfSequence != configuration.endOfSequence {
        notes.append(
          "params.json does not say which tokens begin and end a sequence: Puna takes \(MetaDescription.ids(read)) "
            + "for the base's \(MetaDescription.ids(configuration)).")
      }
    } else if obstacles.isEmpty {
      obstacles.append(MetaDescription.unknown)
    }
    self.obstacles = obstacles
    self.notes = notes
  }

  private static let unknown = Obstacle(
    key: "config.json", value: "as a whole", reason: "Read again, params.json describes another network.")

  private static func ids(_ configuration: LlamaConfiguration) -> String {
    let begin = configuration.beginOfSequence.map { "\($0)" } ?? "none"
    let ends = configuration.endOfSequence.map { "\($0)" }.joined(separator: ", ")
    return "\(begin) and \(ends.isEmpty ? "none" : ends)"
  }

  // MARK: - What is written

  private static func made(_ configuration: LlamaConfiguration) -> JSONValue {
    var members: [String: JSONValue] = [
      "dim": .integer(configuration.hiddenSize), "n_layers": .integer(configuration.layerCount),
      "n_heads": .integer(configuration.headCount), "vocab_size": .integer(configuration.vocabularySize),
      "norm_eps": .number(configuration.normEpsilon),
    ]
    if configuration.keyValueHeadCount != configuration.headCount { members["n_kv_heads"] = .integer(configuration.keyValueHeadCount) }
    if let width = feedForward(configuration) {
      members["multiple_of"] = .integer(width.multipleOf)
      if let multiplier = width.multiplier { members["ffn_dim_multiplier"] = .number(multiplier) }
    }
    members["rope_theta"] = statedTheta(configuration)
    if configuration.ropeScaling != .none { members["use_scaled_rope"] = .bool(true) }
    return .object(members)
  }

  private static func kept(_ input: JSONValue, _ configuration: LlamaConfiguration) -> JSONValue {
    guard var members = input.object else { return input }
    if members["dim"] == nil, let inner = members["model"], inner.object != nil {
      members["model"] = kept(inner, configuration)
      return .object(members)
    }
    // -1, or no number at all, is as many as the tokenizer has.
    if let size = members["vocab_size"]?.integer, size != -1 { members["vocab_size"] = .integer(configuration.vocabularySize) }
    if members["rope_theta"] == nil, let theta = statedTheta(configuration) { members["rope_theta"] = theta }
    return .object(members)
  }

  /// Nil where readers of every generation take 10,000.
  private static func statedTheta(_ configuration: LlamaConfiguration) -> JSONValue? {
    let isLlama3 = configuration.vocabularySize >= MetaParameters.Llama3.vocabularySize
    return configuration.ropeTheta == 10_000 && !isLlama3 ? nil : .number(configuration.ropeTheta)
  }

  /// `multiple_of` and `ffn_dim_multiplier` that make the width: no multiplier if possible, else one of few digits.
  private static func feedForward(_ configuration: LlamaConfiguration) -> (multipleOf: Int, multiplier: Double?)? {
    let (hidden, width) = (configuration.hiddenSize, configuration.intermediateSize)
    // Those of published models, then smaller ones; any number is a multiple of 1.
    let multiples = [256, 1024, 4096] + [512, 128, 64, 32, 16, 8, 4, 2, 1]
    let plain = multiples.first { MetaParameters.feedForwardWidth(hiddenSize: hidden, nil, multipleOf: $0) == width }
    if let plain { return (plain, nil) }
    return MetaParameters.multiplier(forWidth: width, hiddenSize: hidden, multiplesOf: multiples).map { ($0.multipleOf, $0.multiplier) }
  }

  // MARK: - What cannot be said

  private static func obstacles(_ configuration: LlamaConfiguration) -> [Obstacle] {
    var obstacles: [Obstacle] = []
    let implied = configuration.hiddenSize / max(1, configuration.headCount)
    if configuration.headDimension != implied || configuration.queryWidth != configuration.hiddenSize {
      obstacles.append(
        Obstacle(key: "head_dim", value: "\(configuration.headDimension)", reason: "Its readers take 'dim' over 'n_heads', \(implied)."))
    }
    switch configuration.ropeScaling {
    case .none: break
    case .linear(let factor):
      obstacles.append(
        Obstacle(key: "rope_scaling", value: "linear with factor \(number(factor))", reason: "Its readers know that of Llama 3.1 only."))
    case .llama3:
      let assumed = MetaParameters.publishedScaling(hiddenSize: configuration.hiddenSize, layerCount: configuration.layerCount)
      if configuration.ropeScaling != assumed {
        obstacles.append(
          Obstacle(key: "rope_scaling", value: words(configuration.ropeScaling), reason: "Its readers take \(words(assumed))."))
      }
    }
    if feedForward(configuration) == nil {
      obstacles.append(
        Obstacle(
          key: "intermediate_size", value: "\(configuration.intermediateSize)",
          reason: "No 'multiple_of' and 'ffn_dim_multiplier' of nine digits make it of 'dim' \(configuration.hiddenSize)."))
    }
    return obstacles
  }

  private static func words(_ scaling: RotaryScaling) -> String {
    guard case .llama3(let factor, let low, let high, let positions) = scaling else { return "none" }
    return "llama3 with factor \(number(factor)), frequencies from \(number(low)) to \(number(high)) and \(positions) positions"
  }

  private static func number(_ value: Double) -> String { Int(exactly: value).map { "\($0)" } ?? "\(value)" }
}
