import Llama

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
  /// Ranks and alphas of single modules: the key is a regular expression for the end of a module's path.
  public var rankPattern: [String: Int] = [:]
  public var alphaPattern: [String: Double] = [:]
  /// Where the base was when the adapter was trained.
  public var basePath: String?

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

  /// A module that carries an adapter.
  struct Target: Equatable {
    let layer: Int
    let projection: Projection
    let rank: Int
    let alpha: Double

    /// `model.layers.0.self_attn.q_proj`
    static func path(_ layer: Int, _ projection: Projection) -> String { "model.layers.\(layer).\(projection.path)" }
  }

  /// The modules of a base that carry adapters, by layer and then in the order of `Projection.allCases`.
  ///
  /// - Throws: the problems, if names or patterns make no sense for this base.
  func targets(in base: LlamaConfiguration) throws(ConfigurationProblems) -> [Target] {
    let wanted = try ModuleMatcher(targetModules, key: "target_modules")
    var excluded: ModuleMatcher?
    if let excludedModules { excluded = try ModuleMatcher(excludedModules, key: "exclude_modules") }
    let ranks = try PatternTable(rankPattern, key: "rank_pattern")
    let alphas = try PatternTable(alphaPattern, key: "alpha_pattern")

    var targets: [Target] = []
    var usedNames: Set<String> = []
    for layer in 0..<base.layerCount {
      for projection in Projection.allCases {
        let path = Target.path(layer, projection)
        let names = try wanted.names(matching: path)
        usedNames.formUnion(names)
        if names.isEmpty { continue }
        if case .names = targetModules, let layers, !layers.contains(layer) { continue }
        if let excluded, try !excluded.names(matching: path).isEmpty { continue }
        targets.append(
          Target(
            layer: layer, projection: projection, rank: try ranks.value(for: path) ?? rank, alpha: try alphas.value(for: path) ?? alpha))
      }
    }
    if case .names(let names) = targetModules {
      let unknown = names.filter { !usedNames.contains($0) }
      guard unknown.isEmpty else { throw ConfigurationProblems(unknown.map { .unknownModule($0) }) }
    }
    guard !targets.isEmpty else { throw ConfigurationProblems([.noModules]) }
    return targets
  }
}

/// Problems of `adapter_config.json`, on their way to an `AdapterError` that knows the folder.
struct ConfigurationProblems: Error {
  let problems: [AdapterError.Problem]

  init(_ problems: [AdapterError.Problem]) { self.problems = problems }
}

/// Says which entries of a module set match a path.
private struct ModuleMatcher {
  private let names: [String]
  private let pattern: (text: String, expression: BoundedExpression)?
  private let key: String

  init(_ modules: PEFTConfiguration.ModuleSet, key: String) throws(ConfigurationProblems) {
    self.key = key
    switch modules {
    case .names(let names):
      self.names = names
      pattern = nil
    case .pattern(let text):
      // PEFT's shorthand for every projection; the output head is not among them.
      let shorthand = text.lowercased() == "all-linear" ? ".*" : text
      guard let expression = BoundedExpression(shorthand) else {
        throw ConfigurationProblems([.badPattern(key: key, pattern: text)])
      }
      names = []
      pattern = (text, expression)
    }
  }

  func names(matching path: String) throws(ConfigurationProblems) -> [String] {
    guard let pattern else { return names.filter { path == $0 || path.hasSuffix(".\($0)") } }
    guard let matches = pattern.expression.matches(path) else {
      throw ConfigurationProblems([.badPattern(key: key, pattern: pattern.text)])
    }
    return matches ? [pattern.text] : []
  }
}

/// Values by pattern for the end of a path, as PEFT's `get_pattern_key` finds them: `(.*\.)?(key)`.
private struct PatternTable<Value: Equatable> {
  private let entries: [(text: String, expression: BoundedExpression, value: Value)]
  private let key: String

  init(_ patterns: [String: Value], key: String) throws(ConfigurationProblems) {
    self.key = key
    var entries: [(String, BoundedExpression, Value)] = []
    for (text, value) in patterns.sorted(by: { $0.key < $1.key }) {
      guard let expression = BoundedExpression("(?:.*\\.)?(?:\(text))") else {
        throw ConfigurationProblems([.badPattern(key: key, pattern: text)])
      }
      entries.append((text, expression, value))
    }
    self.entries = entries
  }

  func value(for path: String) throws(ConfigurationProblems) -> Value? {
    var found: Value?
    for entry in entries {
      guard let matches = entry.expression.matches(path) else {
        throw ConfigurationProblems([.badPattern(key: key, pattern: entry.text)])
      }
      guard matches else { continue }
      // PEFT takes the first in the order of the file, which a sorted rewrite would change; values that agree are no question.
      if let found, found != entry.value { throw ConfigurationProblems([.ambiguousPattern(key: key, module: path)]) }
      found = entry.value
    }
    return found
  }
}
