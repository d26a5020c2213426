import Llama

/// What the gradient of an adapter needs, in operations: two a parameter and token forward, two backward through frozen weights, the head
/// at supervised tokens alone.
struct TrainingWork {
  private let layers: Double
  private let head: Double

  init(_ configuration: LlamaConfiguration) {
    let embedding = configuration.vocabularySize * configuration.hiddenSize
    layers = Double(configuration.parameterCount - embedding * (configuration.tiesEmbeddings ? 1 : 2))
    head = Double(embedding)
  }

  /// - Parameters:
  ///   - computed: rows after sharing beginnings.
  ///   - supervised: tokens that are learnt.
  func operations(computed: Int, supervised: Int) -> Double { 4 * (layers * Double(computed) + head * Double(supervised)) }
}
