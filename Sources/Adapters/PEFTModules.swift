import Llama

/// A module of a LLaMA model that can carry an adapter.
enum AdaptedModule: Equatable {
  case projection(layer: Int, Projection)
  case embedding
  case head

  /// `model.layers.0.self_attn.q_proj`, as PEFT's names and patterns see it.
  var path: String {
    switch self {
    case .projection(let layer, let projection): "model.layers.\(layer).\(projection.path)"
    case .embedding: "model.embed_tokens"
    case .head: "lm_head"
    }
  }

  var weightName: String { "\(path).weight" }

  /// By layer and then in the order of `Projection.allCases`; the embedding and the head after them.
  static func all(of base: LlamaConfiguration) -> [AdaptedModule] {
    (0..<base.layerCount).flatMap { layer in Projection.allCases.map { .projection(layer: layer, $0) } } + [.embedding, .head]
  }
}

extension PEFTConfiguration {
  /// A module that carries an adapter.
  struct Target: Equatable {
    let module: AdaptedModule
    let rank: Int
    let alpha: Double
  }

  /// The modules of a base that carry adapters, in the order of `AdaptedModule.all`.
  ///
  /// - Throws: the problems, if names or patterns make no sense for this base.
  func targets(in base: LlamaConfiguration) throws(ConfigurationProblems) -> [Target] {
    let wanted = try ModuleMatcher(targetModules, key: "target_modules")
    var excluded: ModuleMatcher?
    if let excludedModules { excluded = try ModuleMatcher(excludedModules, key: "exclude_modules") }
    // PEFT takes entries of modules_to_save for patterns here, and saved modules for no targets.
    let saved = try savedModules.map { name throws(ConfigurationProblems) in try ModuleMatcher(insideOf: name) }
    let ranks = try PatternTable(rankPattern, key: "rank_pattern")
    let alphas = try PatternTable(alphaPattern, key: "alpha_pattern")

    var targets: [Target] = []
    var usedNames: Set<String> = []
    for module in AdaptedModule.all(of: base) {
      let path = module.path
      let names = try wanted.names(matching: path)
      usedNames.formUnion(names)
      if names.isEmpty { continue }
      // A module that is named in full is adapted whatever its layer.
      if case .names = targetModules, let layers, !names.contains(path) {
        guard case .projection(let layer, _) = module, layers.contains(layer) else { continue }
      }
      if let excluded, try !excluded.names(matching: path).isEmpty { continue }
      var isSaved = false
      for matcher in saved where try !matcher.names(matching: path).isEmpty { isSaved = true }
      if isSaved { continue }
      targets.append(Target(module: module, rank: try ranks.value(for: path) ?? rank, alpha: try alphas.value(for: path) ?? alpha))
    }
    if case .names(let names) = targetModules {
      let unknown = names.filter { !usedNames.contains($0) }
      guard unknown.isEmpty else { throw ConfigurationProblems(unknown.map { .unknownModule($0) }) }
    }
    guard !targets.isEmpty else { throw ConfigurationProblems([.noModules]) }
    return targets
  }

  /// The weights that lie in modules to save: PEFT saves every module whose path ends with an entry, and everything inside it. Entries
  /// that name nothing are left to themselves, as in PEFT.
  func savedWeights(in base: LlamaConfiguration) -> (names: [String], unknownModules: [String]) {
    var unknown = Set(savedModules)
    let names = PEFTAdapter.weightNames(of: base).filter { name in
      let parts = name.split(separator: ".").dropLast()
      let paths = parts.indices.map { parts[...$0].joined(separator: ".") }
      let entries = savedModules.filter { entry in paths.contains { $0.hasSuffix(entry) } }
      unknown.subtract(entries)
      return !entries.isEmpty
    }
    return (names, unknown.sorted())
  }
}

extension PEFTConfiguration {
  /// What `modules_to_save` calls the module of a weight: embedding and head by the names that everybody uses, others in full.
  static func savedName(of weightName: String) -> String {
    let path = String(weightName.dropLast(".weight".count))
    return path == AdaptedModule.embedding.path ? "embed_tokens" : path
  }
}

extension PEFTAdapter {
  static let embeddingName = AdaptedModule.embedding.weightName
  static let headName = AdaptedModule.head.weightName

  /// Every weight of a base that an adapter can replace; a tied head too, which it may part from the embedding.
  static func weightNames(of base: LlamaConfiguration) -> [String] {
    base.expectedTensors.map(\.name) + (base.tiesEmbeddings ? [headName] : [])
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
      let shorthand = text.lowercased() == "all-linear" ? "model\\.layers\\..*" : text
      guard let expression = BoundedExpression(shorthand) else {
        throw ConfigurationProblems([.badPattern(key: key, pattern: text)])
      }
      names = []
      pattern = (text, expression)
    }
  }

  /// Matches a module to save and what is inside it.
  init(insideOf name: String) throws(ConfigurationProblems) {
    key = "modules_to_save"
    names = []
    guard let expression = BoundedExpression("(?:.*\\.)?(?:\(name))(?:\\..*)?") else {
      throw ConfigurationProblems([.badPattern(key: key, pattern: name)])
    }
    pattern = (name, expression)
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
