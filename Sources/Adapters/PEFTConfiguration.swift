/// What `adapter_config.json` says about an adapter, as far as it changes what the adapter means
/// (PEFT: `src/peft/tuners/lora/config.py`; absent keys have the defaults there).
public struct PEFTConfiguration: Sendable, Equatable {
  /// Modules by name or by regular expression, as PEFT matches them.
  public enum ModuleSet: Sendable, Equatable {
    /// A module matches if its path is an entry or ends with `.` and an entry.
    case names([String])
    /// Must match a module's whole path (`model.layers.0.self_attn.q_proj`), as Python's `re.fullmatch`.
    case pattern(String)
  }

  public var rank = 8
  public var alpha = 8.0
  /// Probability that a feature of the input is dropped in training.
  public var dropout = 0.0
  /// Scale alpha / √rank in place of alpha / rank (Kalajdzievski, arXiv 2312.03732).
  public var usesRSLoRA = false
  /// Adapted rows have trained lengths (Liu et al., arXiv 2402.09353).
  public var usesDoRA = false
  public var targetModules: ModuleSet
  public var excludedModules: ModuleSet?
  /// `layers_to_transform`: layers that carry adapters where modules are given by name; nil for all.
  public var layers: [Int]?
  /// `modules_to_save`: modules whose weights the adapter replaces, by the end of their path.
  public var savedModules: [String] = []
  /// Ranks and alphas of single modules: the key is a regular expression for the end of a module's path.
  public var rankPattern: [String: Int] = [:]
  public var alphaPattern: [String: Double] = [:]
  /// Where the base was when the adapter was trained.
  public var basePath: String?
  /// What a person should know about the configuration.
  public var notes: [String] = []

  public init(targetModules: ModuleSet) { self.targetModules = targetModules }

  /// The configuration of a new adapter.
  public init(_ options: LoRAOptions, basePath: String?) {
    targetModules = .names(options.targetModules.map(\.rawValue))
    rank = options.rank
    alpha = options.alpha
    dropout = options.dropout
    usesRSLoRA = options.usesRSLoRA
    self.basePath = basePath
  }

  /// The factor of `B A x`.
  public static func scale(rank: Int, alpha: Double, usesRSLoRA: Bool) -> Double {
    usesRSLoRA ? alpha / Double(rank).squareRoot() : alpha / Double(rank)
  }
}
