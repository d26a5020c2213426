import Tensors

/// How positions beyond the trained length are reached. Other types of scaling are refused by name when a base is read.
public enum RotaryScaling: Sendable, Equatable {
  case none
  /// Positions divided by `factor`.
  case linear(factor: Double)
  /// Llama 3.1 and later: low frequencies divided by `factor`, a smooth transition between the two wavelengths.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalPositions: Int)
}

/// The shape of a LLaMA network, as Hugging Face's `config.json` (`LlamaForCausalLM`) or Meta's `params.json` describe it.
public struct LlamaConfiguration: Sendable, Equatable {
  public var vocabularySize: Int
  public var hiddenSize: Int
  /// Width of the feed-forward layer.
  public var intermediateSize: Int
  public var layerCount: Int
  public var headCount: Int
  /// Below `headCount` in grouped-query attention; divides it.
  public var keyValueHeadCount: Int
  public var headDimension: Int
  public var normEpsilon: Double
  public var ropeTheta: Double
  public var ropeScaling: RotaryScaling
  /// Positions the base was trained for.
  public var maximumPositions: Int
  /// The output head is the embedding matrix.
  public var tiesEmbeddings: Bool
  public var beginOfSequence: Int32?
  /// One or several ids that end a generated text.
  public var endOfSequence: [Int32]

  public init(
    vocabularySize: Int, hiddenSize: Int, intermediateSize: Int, layerCount: Int, headCount: Int, keyValueHeadCount: Int,
    headDimension: Int, normEpsilon: Double, ropeTheta: Double = 10_000, ropeScaling: RotaryScaling = .none,
    maximumPositions: Int = 2048, tiesEmbeddings: Bool = false, beginOfSequence: Int32? = 1, endOfSequence: [Int32] = [2]
  ) {
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.layerCount = layerCount
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.headDimension = headDimension
    self.normEpsilon = normEpsilon
    self.ropeTheta = ropeTheta
    self.ropeScaling = ropeScaling
    self.maximumPositions = maximumPositions
    self.tiesEmbeddings = tiesEmbeddings
    self.beginOfSequence = beginOfSequence
    self.endOfSequence = endOfSequence
  }

  /// Columns of q and of the attention output.
  public var queryWidth: Int { headCount * headDimension }
  /// Columns of k and of v.
  public var keyValueWidth: Int { keyValueHeadCount * headDimension }

  /// A tensor that a base of this shape must hold, in Hugging Face naming.
  public struct ExpectedTensor: Sendable, Equatable {
    public let name: String
    public let shape: [Int]
  }

  /// Every tensor of a base of this shape; a tied head is not among them.
  public var expectedTensors: [ExpectedTensor] {
    var tensors = [ExpectedTensor(name: "model.embed_tokens.weight", shape: [vocabularySize, hiddenSize])]
    for layer in 0..<layerCount {
      for projection in Projection.allCases {
        let (outputs, inputs) = projection.shape(in: self)
        tensors.append(ExpectedTensor(name: projection.weightName(layer: layer), shape: [outputs, inputs]))
      }
      for norm in ["input_layernorm", "post_attention_layernorm"] {
        tensors.append(ExpectedTensor(name: "model.layers.\(layer).\(norm).weight", shape: [hiddenSize]))
      }
    }
    tensors.append(ExpectedTensor(name: "model.norm.weight", shape: [hiddenSize]))
    if !tiesEmbeddings { tensors.append(ExpectedTensor(name: "lm_head.weight", shape: [vocabularySize, hiddenSize])) }
    return tensors
  }

  /// Parameters of the base, a tied matrix counted once.
  public var parameterCount: Int { expectedTensors.reduce(0) { $0 + $1.shape.reduce(1, *) } }
}

/// The seven projections of a layer, each of which can carry adapters. Raw values are the names in files and recipes.
public enum Projection: String, Sendable, CaseIterable {
  case q = "q_proj"
  case k = "k_proj"
  case v = "v_proj"
  case o = "o_proj"
  case gate = "gate_proj"
  case up = "up_proj"
  case down = "down_proj"

  /// `self_attn.q_proj`, `mlp.up_proj`, ...: the path inside a layer.
  public var path: String {
    switch self {
    case .q, .k, .v, .o: "self_attn.\(rawValue)"
    case .gate, .up, .down: "mlp.\(rawValue)"
    }
  }

  public func weightName(layer: Int) -> String { "model.layers.\(layer).\(path).weight" }

  /// Rows and columns of the weight.
  public func shape(in configuration: LlamaConfiguration) -> (outputs: Int, inputs: Int) {
    switch self {
    case .q: (configuration.queryWidth, configuration.hiddenSize)
    case .k, .v: (configuration.keyValueWidth, configuration.hiddenSize)
    case .o: (configuration.hiddenSize, configuration.queryWidth)
    case .gate, .up: (configuration.intermediateSize, configuration.hiddenSize)
    case .down: (configuration.hiddenSize, configuration.intermediateSize)
    }
  }
}
