import Tensors

/// The weights of a base, in Hugging Face naming and row order.
public struct BaseWeights: Sendable {
  public let configuration: LlamaConfiguration
  private let weights: [String: StoredWeight]

  public init(configuration: LlamaConfiguration, weights: [String: StoredWeight]) {
    self.configuration = configuration
    self.weights = weights
  }

  /// - Throws: `LlamaError.missingWeight`
  func weight(_ name: String) throws -> StoredWeight {
    guard let weight = weights[name] else { throw LlamaError.missingWeight(name) }
    return weight
  }

  func matrix(_ name: String, trained: TrainedRows? = nil, on backend: any ComputeBackend) throws -> FrozenWeight {
    let stored = try weight(name)
    return backend.makeWeight(outputs: stored.shape[0], inputs: stored.shape[1], segments: stored.segments, trained: trained)
  }

  func vector(_ name: String, on backend: any ComputeBackend) throws -> Tensor {
    let stored = try weight(name)
    return backend.makeVector(count: stored.shape[0], segments: stored.segments)
  }
}

public enum LlamaError: Error, CustomStringConvertible, Equatable {
  case missingWeight(String)

  public var description: String {
    switch self {
    case .missingWeight(let name): "The base has no tensor '\(name)'."
    }
  }
}
