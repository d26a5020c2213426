import ComplexModule
import Llama
import Tensors

/// A small random base with adapters, as the network and as the reference see it.
public struct TinyModel {
  public let configuration: LlamaConfiguration
  public private(set) var tensors: [String: [Float]] = [:]

  public init(_ configuration: LlamaConfiguration, seed: UInt64 = 1) {
    self.configuration = configuration
    var random = Philox(seed: seed, stream: 99)
    for tensor in configuration.expectedTensors {
      let count = tensor.shape.reduce(1, *)
      let isNorm = tensor.shape.count == 1
      // Wide enough that every path through the network matters.
      tensors[tensor.name] = (0..<count).map { _ in isNorm ? 1 + 0.6 * (random.nextUniform() - 0.5) : 0.6 * (random.nextUniform() - 0.5) }
    }
  }

  public static let small = LlamaConfiguration(
    vocabularySize: 23, hiddenSize: 16, intermediateSize: 20, layerCount: 2, headCount: 4, keyValueHeadCount: 2, headDimension: 6,
    normEpsilon: 1e-5, maximumPositions: 128)

  public var weights: BaseWeights {
    var stored: [String: StoredWeight] = [:]
    for tensor in configuration.expectedTensors {
      stored[tensor.name] = StoredWeight(name: tensor.name, shape: tensor.shape, values: tensors[tensor.name, default: []])
    }
    return BaseWeights(configuration: configuration, weights: stored)
  }

  /// Random A and B on every projection named.
  public func modules(_ projections: [Projection], rank: Int, scale: Double, seed: UInt64) -> [LoRAAdapter.Module] {
    var random = Philox(seed: seed, stream: 98)
    func values(_ count: Int) -> [Float] { (0..<count).map { _ in 0.5 * (random.nextUniform() - 0.5) } }
    return (0..<configuration.layerCount).flatMap { layer in
      projections.map { projection in
        let (outputs, inputs) = projection.shape(in: configuration)
        return LoRAAdapter.Module(
          layer: layer, projection: projection, rank: rank, scale: scale, a: values(rank * inputs), b: values(outputs * rank))
      }
    }
  }

  public func reference<Number: ReferenceNumber>(_: Number.Type = Double.self, adapters: [[LoRAAdapter.Module]] = []) -> ReferenceLlama<
    Number
  > {
    var branches: [String: [ReferenceLlama<Number>.LoRA]] = [:]
    for module in adapters.joined() {
      branches[module.projection.weightName(layer: module.layer), default: []].append(
        ReferenceLlama<Number>.LoRA(
          a: module.a.map { Number(Double($0)) }, b: module.b.map { Number(Double($0)) }, rank: module.rank, scale: module.scale))
    }
    return ReferenceLlama(configuration, weights: tensors.mapValues { $0.map(Double.init) }, adapters: branches)
  }
}

extension TinyModel {
  /// The derivative of a sequence's summed loss by every entry of some weights, by the complex step.
  public func gradients(_ tokens: [Int], supervised: [Bool], of names: [String], adapter: [LoRAAdapter.Module]) -> [String: [Double]] {
    let h = 1e-30
    var complex = reference(Complex<Double>.self, adapters: [adapter])
    return Dictionary(
      uniqueKeysWithValues: names.map { name in
        let gradient = (0..<(tensors[name]?.count ?? 0)).map { entry in
          complex.weights[name]?[entry].imaginary = h
          defer { complex.weights[name]?[entry].imaginary = 0 }
          return complex.loss(tokens, supervised: supervised).imaginary / h
        }
        return (name, gradient)
      })
  }

  /// The summed loss of a sequence, and its derivative by every entry of A and B of one adapter, by the complex step.
  /// - Returns: gradients in the order A, B of each module, row-major.
  public func lossAndGradients(
    _ tokens: [Int], supervised: [Bool], adapter: [LoRAAdapter.Module]
  ) -> (loss: Double, gradients: [[Double]]) {
    // So small that its square vanishes beside every value.
    let h = 1e-30
    var complex = reference(Complex<Double>.self, adapters: [adapter])
    let gradients = adapter.flatMap { module in
      let name = module.projection.weightName(layer: module.layer)
      return [(\ReferenceLlama<Complex<Double>>.LoRA.a, module.a.count), (\.b, module.b.count)].map { path, count in
        (0..<count).map { entry in
          complex.adapters[name]?[0][keyPath: path][entry].imaginary = h
          defer { complex.adapters[name]?[0][keyPath: path][entry].imaginary = 0 }
          return complex.loss(tokens, supervised: supervised).imaginary / h
        }
      }
    }
    return (complex.loss(tokens, supervised: supervised).real, gradients)
  }
}

extension StoredWeight {
  /// A weight whose float32 values are held in memory.
  public init(name: String, shape: [Int], values: [Float]) {
    let (rows, columns) = shape.count == 1 ? (1, shape[0]) : (shape[0], shape[1])
    let segment = WeightSegment(
      bytes: MappedBytes(values.withUnsafeBytes { Array($0) }), dtype: .float32, rows: 0..<rows, columns: 0..<columns,
      rowByteStride: columns * MemoryLayout<Float>.size)
    self.init(name: name, shape: shape, segments: [segment])
  }
}
