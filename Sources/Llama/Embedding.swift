import Tensors

/// The input embedding: `h = E[tokens]`.
///
/// Shapes: E [vocabulary, hidden]; h [n, hidden] float32.
struct Embedding {
  let weight: FrozenWeight
  /// Rows of E that are trained.
  let trained: TrainedRows?

  func forward(_ pass: Pass) -> Tensor { pass.backend.gather(pass.layout, from: weight) }

  /// `dE[tokens] += dh`, for the rows that are trained.
  func backward(_ dh: Tensor, _ pass: Pass) {
    if let trained { pass.backend.addGatherGradient(dh, layout: pass.layout, to: trained) }
  }
}

/// Which rows of embedding and head an adapter trains, and saves in place of the base's (PEFT's `modules_to_save`).
public struct TrainedVocabulary: Sendable, Equatable {
  /// The two matrices that have a row for each entry of the vocabulary.
  public enum Matrix: String, Sendable, CaseIterable {
    /// The input embedding.
    case embedding = "model.embed_tokens"
    /// The output head.
    case head = "lm_head"

    /// In Hugging Face naming.
    public var weightName: String { "\(rawValue).weight" }

    /// Those that a network has: a head that is the embedding is none of its own.
    public static func all(of configuration: LlamaConfiguration) -> [Matrix] {
      configuration.tiesEmbeddings ? [.embedding] : allCases
    }
  }

  /// Rows of the embedding; nil where it stays as it is.
  public var embedding: Range<Int>?
  /// Rows of the head; nil where it stays as it is, or is the embedding.
  public var head: Range<Int>?

  public init(embedding: Range<Int>? = nil, head: Range<Int>? = nil) {
    self.embedding = embedding
    self.head = head
  }

  public static let none = TrainedVocabulary()

  public subscript(matrix: Matrix) -> Range<Int>? { matrix == .embedding ? embedding : head }

  /// Whether some rows of a trained matrix stay as they are.
  public var isPartial: Bool { Matrix.allCases.contains { (self[$0]?.lowerBound ?? 0) > 0 } }

  /// Rows over both matrices.
  public var rowCount: Int { Matrix.allCases.reduce(0) { $0 + (self[$1]?.count ?? 0) } }
}
