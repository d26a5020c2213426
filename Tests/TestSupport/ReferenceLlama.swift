import Foundation
import Llama

/// LLaMA with LoRA in the plainest form: one sequence at a time, loops, no packing, no cache, no blocking. Slow on purpose: everything
/// faster is compared with it.
public struct ReferenceLlama<Number: ReferenceNumber> {
  public struct LoRA {
    public var a: [Number]
    public var b: [Number]
    public let rank: Int
    public let scale: Double

    public init(a: [Number], b: [Number], rank: Int, scale: Double) {
      self.a = a
      self.b = b
      self.rank = rank
      self.scale = scale
    }
  }

  public let configuration: LlamaConfiguration
  /// Tensors in Hugging Face naming, row-major.
  public var weights: [String: [Number]]
  /// By weight name; several adapters on one projection add up.
  public var adapters: [String: [LoRA]]
  private let inverseFrequencies: [Double]

  public init(_ configuration: LlamaConfiguration, weights: [String: [Double]], adapters: [String: [LoRA]] = [:]) {
    self.configuration = configuration
    self.weights = weights.mapValues { $0.map { Number($0) } }
    self.adapters = adapters
    inverseFrequencies = stride(from: 0, to: configuration.headDimension, by: 2).map {
      Foundation.pow(configuration.ropeTheta, -Double($0) / Double(configuration.headDimension))
    }
  }

  /// Negative sum of the log-probabilities of `tokens[i]`, for each i from 1 where `supervised[i]`.
  public func loss(_ tokens: [Int], supervised: [Bool]) -> Number {
    var sum = Number(0)
    for (position, row) in logits(tokens).enumerated() where position + 1 < tokens.count && supervised[position + 1] {
      let largest = row.map(\.realPart).max() ?? 0
      let total = row.reduce(Number(0)) { $0 + Number.exp($1 - Number(largest)) }
      sum += Number.log(total) + Number(largest) - row[tokens[position + 1]]
    }
    return sum
  }

  /// [tokens, vocabulary]
  public func logits(_ tokens: [Int]) -> [[Number]] {
    let c = configuration
    var h = tokens.map { token in
      Array(weights["model.embed_tokens.weight", default: []][token * c.hiddenSize..<(token + 1) * c.hiddenSize])
    }
    for layer in 0..<c.layerCount {
      let x = h.map { norm($0, "model.layers.\(layer).input_layernorm.weight") }
      let q = x.enumerated().map { rotate(project($1, .q, layer), heads: c.headCount, position: $0) }
      let k = x.enumerated().map { rotate(project($1, .k, layer), heads: c.keyValueHeadCount, position: $0) }
      let v = x.map { project($0, .v, layer) }
      for position in h.indices { add(project(attend(position, q: q[position], k: k, v: v), .o, layer), to: &h[position]) }
      for position in h.indices {
        let x = norm(h[position], "model.layers.\(layer).post_attention_layernorm.weight")
        let gate = project(x, .gate, layer)
        let up = project(x, .up, layer)
        let activated = zip(gate, up).map { $0 / (Number(1) + Number.exp(Number(0) - $0)) * $1 }
        add(project(activated, .down, layer), to: &h[position])
      }
    }
    let head = weights[c.tiesEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight", default: []]
    return h.map { multiply(norm($0, "model.norm.weight"), head, rows: c.vocabularySize) }
  }

  private func add(_ x: [Number], to h: inout [Number]) {
    for index in h.indices { h[index] += x[index] }
  }

  private func multiply(_ x: [Number], _ weight: [Number], rows: Int) -> [Number] {
    (0..<rows).map { row in
      var sum = Number(0)
      for (column, value) in x.enumerated() { sum += weight[row * x.count + column] * value }
      return sum
    }
  }

  private func project(_ x: [Number], _ projection: Projection, _ layer: Int) -> [Number] {
    let name = projection.weightName(layer: layer)
    let outputs = projection.shape(in: configuration).outputs
    var y = multiply(x, weights[name, default: []], rows: outputs)
    for lora in adapters[name, default: []] {
      let u = (0..<lora.rank).map { r in
        x.enumerated().reduce(Number(0)) { $0 + lora.a[r * x.count + $1.offset] * $1.element } * Number(lora.scale)
      }
      for row in 0..<outputs {
        for r in 0..<lora.rank { y[row] += lora.b[row * lora.rank + r] * u[r] }
      }
    }
    return y
  }

  private func norm(_ h: [Number], _ name: String) -> [Number] {
    let mean = h.reduce(Number(0)) { $0 + $1 * $1 } / Number(Double(h.count))
    let root = Number.sqrt(mean + Number(configuration.normEpsilon))
    return zip(h, weights[name, default: []]).map { $0 / root * $1 }
  }

  private func rotate(_ x: [Number], heads: Int, position: Int) -> [Number] {
    var y = x
    let half = configuration.headDimension / 2
    for head in 0..<heads {
      for index in 0..<half {
        let angle = Double(position) * inverseFrequencies[index]
        let (cosine, sine) = (Number(Foundation.cos(angle)), Number(Foundation.sin(angle)))
        let first = head * 2 * half + index
        y[first] = x[first] * cosine - x[first + half] * sine
        y[first + half] = x[first + half] * cosine + x[first] * sine
      }
    }
    return y
  }

  private func attend(_ position: Int, q: [Number], k: [[Number]], v: [[Number]]) -> [Number] {
    let dimension = configuration.headDimension
    let group = configuration.headCount / configuration.keyValueHeadCount
    var output = [Number](repeating: Number(0), count: q.count)
    for head in 0..<configuration.headCount {
      let (qBegin, kvBegin) = (head * dimension, head / group * dimension)
      let scores = (0...position).map { key in
        (0..<dimension).reduce(Number(0)) { $0 + q[qBegin + $1] * k[key][kvBegin + $1] } / Number(Double(dimension).squareRoot())
      }
      let largest = scores.map(\.realPart).max() ?? 0
      let exponentials = scores.map { Number.exp($0 - Number(largest)) }
      let total = exponentials.reduce(Number(0), +)
      for key in 0...position {
        for index in 0..<dimension { output[qBegin + index] += exponentials[key] / total * v[key][kvBegin + index] }
      }
    }
    return output
  }
}
