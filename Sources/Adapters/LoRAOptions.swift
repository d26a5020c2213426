import Llama

/// The `lora` section of a recipe, checked and with its defaults filled in.
public struct LoRAOptions: Sendable, Equatable {
  /// In the order of `Projection.allCases`, each once; empty where embeddings alone are trained.
  public var targetModules: [Projection] = [.q, .k, .v, .o]
  public var rank = 8
  public var alpha = 16.0
  /// Probability that a feature of a branch's input is dropped; 0 ≤ p < 1.
  public var dropout = 0.0
  /// Scale alpha / √rank in place of alpha / rank (Kalajdzievski, arXiv 2312.03732).
  public var usesRSLoRA = false
  public var embeddings = EmbeddingOptions()
  /// Folder of the adapter to continue.
  public var startFrom: String?
  /// Which of rank, alpha, target modules, dropout and rsLoRA the recipe states itself: they must agree with `startFrom`.
  public var stated: Set<String> = []

  public init() {}
}

/// Which rows of embedding and head are trained as they are, beside the low-rank matrices (PEFT's `modules_to_save`).
public struct EmbeddingOptions: Sendable, Equatable {
  public enum Rows: String, Sendable, CaseIterable {
    case none
    /// Those that the base does not have.
    case newRows = "new_rows"
    case all
  }

  /// Of the input embedding.
  public var input = Rows.none
  /// Of the output head.
  public var output = Rows.none
  /// Where the base's head is its embedding, they stay one matrix (PEFT's `ensure_weight_tying`); else each is trained by itself.
  public var tie = false

  public init() {}

  public var trainsAny: Bool { input != .none || output != .none }
}
