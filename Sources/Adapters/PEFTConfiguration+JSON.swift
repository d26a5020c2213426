import JSON

extension PEFTConfiguration {
  /// Keys that say nothing about what the adapter computes.
  private static let neutralKeys: Set<String> = [
    "auto_mapping", "base_model_name_or_path", "inference_mode", "revision", "task_type", "peft_version", "megatron_core",
    "qalora_group_size", "ensure_weight_tying", "merge_weights", "runtime_config", "corda_config", "eva_config", "loftq_config",
    "lora_ga_config",
    // How it was trained: VeLoRA compresses activations for the backward pass; the others are ms-swift's.
    "velora_config", "lora_dtype", "lorap_lr_ratio", "lorap_emb_lr",
  ]

  /// Settings that change what the adapter or its base is, with what to do about them; unset, false or empty they are fine.
  private static let refusals: [String: String] = [
    "layer_replication": "It repeats layers of the base.",
    "lora_bias": "LLaMA's projections have no bias.",
    "target_parameters": "Only modules can carry adapters.",
    "alora_invocation_tokens": "It is an activated LoRA, which applies to part of a text.",
    "trainable_token_indices": "It replaces rows of the embedding.",
    "megatron_config": "It describes layers of Megatron.",
    "enable_lora": "It is an adapter of a fused projection.",
    "use_qalora": "QALoRA adds up groups of inputs before A.",
    "use_bdlora": "Its A and B are block-diagonal.",
    "arrow_config": "It routes between several adapters.",
    "monteclora_config": "Its A and B are random variables.",
    "kasa_config": "It takes singular values away from the base.",
  ]

  private static let handledKeys: Set<String> = [
    "peft_type", "r", "lora_alpha", "lora_dropout", "use_rslora", "target_modules", "exclude_modules", "bias", "init_lora_weights",
    "layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern", "use_dora", "modules_to_save", "fan_in_fan_out",
  ]

  /// Reads `adapter_config.json`.
  ///
  /// - Throws: `ConfigurationProblems` with everything that is wrong or refused.
  init(_ document: JSONValue) throws(ConfigurationProblems) {
    guard let object = document.object else {
      throw ConfigurationProblems([.badValue(key: "adapter_config.json", found: document.excerpt, expected: "an object")])
    }
    let members = object.filter { !$0.value.isNull }
    var problems = PEFTConfiguration.refusals(in: members)

    func value<Value>(_ key: String, _ fallback: Value, _ expected: String, _ convert: (JSONValue) -> Value?) -> Value {
      guard let element = members[key] else { return fallback }
      guard let value = convert(element) else {
        problems.append(.badValue(key: key, found: element.excerpt, expected: expected))
        return fallback
      }
      return value
    }
    let rankExpectation = "a whole number from 1 to \(PEFTConfiguration.maximumRank)"
    rank = value("r", 8, rankExpectation) { PEFTConfiguration.rank($0) }
    alpha = value("lora_alpha", 8, "a number") { $0.double }
    dropout = value("lora_dropout", 0, "a number from 0 to below 1") { element in
      element.double.flatMap { $0 >= 0 && $0 < 1 ? $0 : nil }
    }
    usesRSLoRA = value("use_rslora", false, "true or false") { $0.bool }
    usesDoRA = value("use_dora", false, "true or false") { $0.bool }
    savedModules = value("modules_to_save", [], "a list of names") { element in
      element.array.flatMap { elements in
        let names = elements.map(\.string)
        // An empty name would be the end of every path.
        return names.contains(nil) || names.contains("") ? nil : names.compactMap { $0 }
      }
    }
    if value("fan_in_fan_out", false, "true or false", { $0.bool }) {
      notes.append("'fan_in_fan_out' is true, which means nothing for LLaMA's modules: read as false, as PEFT does.")
    }
    targetModules = value("target_modules", .names([]), "a list of names or a regular expression") { PEFTConfiguration.modules($0) }
    excludedModules = value("exclude_modules", nil, "a list of names or a regular expression") { PEFTConfiguration.modules($0) }
    if excludedModules == .names([]) || excludedModules == .pattern("") { excludedModules = nil }
    let layers: [Int] = value("layers_to_transform", [], "a layer or a list of layers") { element in
      let layers = (element.array ?? [element]).map(\.integer)
      return layers.contains(nil) ? nil : layers.compactMap { $0 }
    }
    self.layers = layers.isEmpty ? nil : layers
    rankPattern = value("rank_pattern", [:], "an object of ranks") { PEFTConfiguration.table($0, PEFTConfiguration.rank) }
    alphaPattern = value("alpha_pattern", [:], "an object of numbers") { PEFTConfiguration.table($0, \.double) }
    basePath = members["base_model_name_or_path"]?.string
    if members["target_modules"] == nil {
      problems.append(.badValue(key: "target_modules", found: "not set", expected: "a list of names or a regular expression"))
    }
    guard problems.isEmpty else { throw ConfigurationProblems(problems) }
  }

  private static let maximumRank = 1 << 16

  private static func rank(_ value: JSONValue) -> Int? { value.integer.flatMap { (1...maximumRank).contains($0) ? $0 : nil } }

  private static func modules(_ value: JSONValue) -> ModuleSet? {
    if let pattern = value.string { return .pattern(pattern) }
    guard let names = value.array?.map(\.string), !names.contains(nil) else { return nil }
    return .names(names.compactMap { $0 })
  }

  private static func table<Value>(_ value: JSONValue, _ convert: (JSONValue) -> Value?) -> [String: Value]? {
    guard let members = value.object else { return nil }
    let table = members.compactMapValues(convert)
    return table.count == members.count ? table : nil
  }

  private static func refusals(in members: [String: JSONValue]) -> [AdapterError.Problem] {
    var problems: [AdapterError.Problem] = []
    func refuse(_ key: String, _ advice: String) {
      problems.append(.refused(key: key, value: members[key]?.excerpt ?? "not set", advice: advice))
    }
    guard let type = members["peft_type"]?.string, type.uppercased() == "LORA" else {
      return [.badValue(key: "peft_type", found: members["peft_type"]?.excerpt ?? "not set", expected: "\"LORA\"")]
    }
    for (key, value) in members.sorted(by: { $0.key < $1.key }) where !value.isEmptyOrFalse {
      if let advice = refusals[key] {
        refuse(key, advice)
      } else if !neutralKeys.contains(key), !handledKeys.contains(key) {
        refuse(key, "The key is unknown and may change what the adapter means.")
      }
    }
    // LLaMA has no biases to train: whatever is set, nothing is saved.
    if let bias = members["bias"], !["none", "all", "lora_only"].contains(bias.string) {
      problems.append(.badValue(key: "bias", found: bias.excerpt, expected: "\"none\", \"all\" or \"lora_only\""))
    }
    switch members["init_lora_weights"] {
    // These choose A and B only; the base stays what it was.
    case nil, .bool, .string("gaussian"), .string("eva"), .string("orthogonal"), .string("mica"): break
    default:
      refuse(
        "init_lora_weights", "It changes the base's weights. Convert the adapter with PEFT (path_initial_model_for_weight_conversion).")
    }
    if let pattern = members["layers_pattern"], !pattern.isEmptyOrFalse,
      pattern != .string("layers"), pattern != .array([.string("layers")])
    {
      refuse("layers_pattern", "LLaMA's layers are called \"layers\".")
    }
    return problems
  }
}

// MARK: - Writing

extension PEFTConfiguration {
  /// The small set of keys that every PEFT since 0.5 loads without complaint: unknown ones break older versions.
  var document: JSONValue {
    .object(
      [
        "peft_type": .string("LORA"),
        "task_type": .string("CAUSAL_LM"),
        "auto_mapping": .null,
        "base_model_name_or_path": basePath.map { .string($0) } ?? .null,
        "revision": .null,
        "inference_mode": .bool(true),
        "r": .integer(rank),
        "lora_alpha": PEFTConfiguration.number(alpha),
        "lora_dropout": .number(dropout),
        "target_modules": targetModules.document,
        "bias": .string("none"),
        "fan_in_fan_out": .bool(false),
        "init_lora_weights": .bool(true),
        "modules_to_save": savedModules.isEmpty ? .null : .array(savedModules.map { .string($0) }),
        "layers_to_transform": layers.map { .array($0.map { .integer($0) }) } ?? .null,
        "layers_pattern": .null,
        "rank_pattern": .object(rankPattern.mapValues { .integer($0) }),
        "alpha_pattern": .object(alphaPattern.mapValues { PEFTConfiguration.number($0) }),
      ].merging(optionalMembers) { $1 })
  }

  /// Younger keys, written only where they say something.
  private var optionalMembers: [String: JSONValue] {
    var members: [String: JSONValue] = [:]
    if usesRSLoRA { members["use_rslora"] = .bool(true) }
    if let excludedModules { members["exclude_modules"] = excludedModules.document }
    return members
  }

  /// 16 and not 16.0, as PEFT writes it.
  private static func number(_ value: Double) -> JSONValue { Int(exactly: value).map { .integer($0) } ?? .number(value) }
}

extension PEFTConfiguration.ModuleSet {
  fileprivate var document: JSONValue {
    switch self {
    case .names(let names): .array(names.map { .string($0) })
    case .pattern(let pattern): .string(pattern)
    }
  }
}
