import Llama

/// What the gradient of an adapter needs, in operations: two a parameter and token forward, two backward through frozen weights, the head
/// at supervised tokens alone; two more a parameter of the head that is trained.
struct TrainingWork {
  private let layers: Double
  private let head: Double

  init(_ run: TrainingRun) {
    let configuration = run.configuration
    let embedding = configuration.vocabularySize * configuration.hiddenSize
    layers = Double(configuration.parameterCount - embedding * (configuration.tiesEmbeddings ? 1 : 2))
    let trained = configuration.tiesEmbeddings ? run.vocabulary.trained.embedding : run.vocabulary.trained.head
    head = 4 * Double(embedding) + 2 * Double((trained?.count ?? 0) * configuration.hiddenSize)
  }

  /// - Parameters:
  ///   - computed: rows after sharing beginnings.
  ///   - supervised: tokens that are learnt.
  func operations(computed: Int, supervised: Int) -> Double { 4 * layers * Double(computed) + head * Double(supervised) }
}
