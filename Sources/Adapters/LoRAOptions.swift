import Llama

/// The `lora` section of a recipe, checked and with its defaults filled in.
public struct LoRAOptions: Sendable, Equatable {
  /// In the order of `Projection.allCases`, each once.
  public var targetModules: [Projection] = [.q, .k, .v, .o]
  public var rank = 8
  public var alpha = 16.0
  /// Probability that a feature of a branch's input is dropped; 0 ≤ p < 1.
  public var dropout = 0.0
  /// Scale alpha / √rank in place of alpha / rank (Kalajdzievski, arXiv 2312.03732).
  public var usesRSLoRA = false
  /// Folder of the adapter to continue.
  public var startFrom: String?
  /// Which of rank, alpha, target modules, dropout and rsLoRA the recipe states itself: they must agree with `startFrom`.
  public var stated: Set<String> = []

  public init() {}
}
