import Bases
import Checkpoints
import Llama
import Tensors

/// A base with adapters on it as a network sees it: what of the base they replace, and how large that makes its vocabulary.
public struct AdaptedBase: Sendable {
  public let base: Base
  /// What is on it, in order.
  public let adapters: [AdapterStack.Input]
  /// Of the whole: its vocabulary and whether its head is its embedding may be other than the base's.
  public private(set) var configuration: LlamaConfiguration
  /// The base's with what adapters put in their place, by Hugging Face name. Rows that were added may have another type than those before.
  public private(set) var weights: [String: StoredWeight]

  private static let embedding = TrainedVocabulary.Matrix.embedding.weightName
  private static let head = TrainedVocabulary.Matrix.head.weightName

  public init(_ base: Base, _ stack: AdapterStack = .empty) {
    self.base = base
    adapters = stack.inputs
    configuration = base.configuration
    weights = base.weights
    for input in stack.inputs { replace(by: input.adapter.savedWeights) }
  }

  public var baseWeights: BaseWeights { BaseWeights(configuration: configuration, weights: weights) }

  /// With the whole weights of an adapter that is continued; its deltas go on being trained.
  public func continuing(_ adapter: PEFTAdapter) -> AdaptedBase {
    var continued = self
    continued.replace(by: adapter.savedWeights)
    return continued
  }

  /// Puts whole weights in place of those that are there. A tied head stays what it was when the embedding alone is replaced, as in PEFT.
  private mutating func replace(by saved: [String: StoredWeight]) {
    let touchesTie = configuration.tiesEmbeddings && (saved[AdaptedBase.embedding] != nil || saved[AdaptedBase.head] != nil)
    if touchesTie { partHead() }
    weights.merge(saved) { $1 }
    if touchesTie, let embedding = weights[AdaptedBase.embedding], let head = weights[AdaptedBase.head], embedding.hasSameBytes(as: head) {
      weights[AdaptedBase.head] = nil
      configuration.tiesEmbeddings = true
    }
    configuration.vocabularySize = weights[AdaptedBase.embedding]?.shape.first ?? configuration.vocabularySize
  }

  /// Makes of a head that is the embedding one of its own, with the same rows.
  public mutating func partHead() {
    guard configuration.tiesEmbeddings, let embedding = weights[AdaptedBase.embedding] else { return }
    weights[AdaptedBase.head] = StoredWeight(name: AdaptedBase.head, shape: embedding.shape, segments: embedding.segments)
    configuration.tiesEmbeddings = false
  }

  /// The same with new rows at the end of embedding and head, in memory; a tied head shares the embedding's.
  ///
  /// - Parameter matrices: those that grow now; one that has grown already stays as it is.
  public func growing(
    by growth: VocabularyGrowth?, _ matrices: [TrainedVocabulary.Matrix] = TrainedVocabulary.Matrix.allCases
  ) -> AdaptedBase {
    guard let growth else { return self }
    var grown = self
    grown.configuration.vocabularySize = growth.rowCount
    for matrix in matrices {
      guard let weight = weights[matrix.weightName], weight.shape[0] == growth.first else { continue }
      let columns = configuration.hiddenSize
      let rows = WeightSegment(
        bytes: MappedBytes(owner: FloatsInMemory(growth.rows(of: weight, matrix))), dtype: .float32, rows: growth.first..<growth.rowCount,
        columns: 0..<columns, rowByteStride: columns * MemoryLayout<Float>.size)
      grown.weights[matrix.weightName] = StoredWeight(
        name: weight.name, shape: [growth.rowCount, columns], segments: weight.segments + [rows])
    }
    return grown
  }
}

/// Numbers that were made here, as bytes.
private final class FloatsInMemory: ByteOwner {
  private let floats: [Float]

  init(_ floats: [Float]) { self.floats = floats }

  var byteCount: Int { floats.count * MemoryLayout<Float>.size }

  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result { try floats.withUnsafeBytes(body) }
}
