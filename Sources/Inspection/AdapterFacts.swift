import Adapters
import Bases
import JSON
import Llama
import Pages
import Tensors

/// What an adapter is: its settings as `adapter_config.json` has them, and the modules that its tensors make.
public struct AdapterFacts: Sendable, Equatable {
  /// The pairs A, B of one kind of module, alike in rank and shape.
  public struct ModuleGroup: Sendable, Equatable {
    /// `self_attn.q_proj`, or a whole path where there are no layers.
    public let module: String
    public let rank: Int
    public let inputs: Int
    public let outputs: Int
    /// Ascending; empty where there are none.
    public internal(set) var layers: [Int]
  }

  // adapter_config.json; nil where it says nothing.
  public internal(set) var type: String?
  public internal(set) var rank: Int?
  public internal(set) var alpha: Double?
  public internal(set) var dropout: Double?
  public internal(set) var usesRSLoRA = false
  public internal(set) var targetModules: JSONValue?
  public internal(set) var savedModules: [String] = []
  public internal(set) var basePath: String?
  /// What follows the usual: `use_dora true`, `modules_to_save ["lm_head"]`, keys that are not known here.
  public internal(set) var unusualSettings: [String] = []

  // The tensors
  public internal(set) var modules: [ModuleGroup] = []
  /// Names of weights that replace the base's (`modules_to_save`).
  public internal(set) var savedWeights: [String] = []
  /// Of modules whose rows DoRA scales.
  public internal(set) var magnitudeCount = 0
  /// Names of tensors that are no part of a LoRA adapter.
  public internal(set) var otherTensors: [String] = []
  /// Names of matrices whose partner is missing or does not match.
  public internal(set) var unpaired: [String] = []
  public internal(set) var parameterCount = 0
  public internal(set) var types: [DType] = []

  // Where it comes from
  /// Fingerprint of the base that it was trained on, from `run.json`.
  public internal(set) var baseFingerprint: String?
  /// Whether it fits the base that it names, where that can be looked at.
  public internal(set) var fit: String?

  /// Rank of each module, distinct and ascending.
  public var ranks: [Int] { Set(modules.map(\.rank)).sorted() }

  /// alpha / rank, or alpha / √rank; nil where either is not known.
  func scale(rank: Int) -> Double? { alpha.map { PEFTConfiguration.scale(rank: rank, alpha: $0, usesRSLoRA: usesRSLoRA) } }
}

extension AdapterFacts {
  /// Settings that say nothing new.
  private static let ordinary: [String: [JSONValue]] = [
    "bias": [.string("none")], "fan_in_fan_out": [.bool(false)], "init_lora_weights": [.bool(true), .string("gaussian")],
    "task_type": [.string("CAUSAL_LM")], "inference_mode": [.bool(true), .bool(false)], "megatron_core": [.string("megatron.core")],
    "qalora_group_size": [.integer(16)], "layers_pattern": [.string("layers")],
  ]
  /// Reported by themselves.
  private static let shown: Set<String> = [
    "peft_type", "r", "lora_alpha", "lora_dropout", "use_rslora", "target_modules", "base_model_name_or_path", "peft_version",
    "auto_mapping",
  ]

  /// Takes what `adapter_config.json` says, usable or not.
  mutating func read(_ document: JSONValue) {
    guard let members = document.object else { return }
    type = members["peft_type"]?.string
    // PEFT's own defaults.
    rank = members["r"].map(\.integer) ?? 8
    alpha = members["lora_alpha"].map(\.double) ?? 8
    dropout = members["lora_dropout"]?.double
    usesRSLoRA = members["use_rslora"] == .bool(true)
    targetModules = members["target_modules"]
    savedModules = members["modules_to_save"]?.array?.compactMap(\.string) ?? []
    basePath = members["base_model_name_or_path"]?.string
    for (key, value) in members.sorted(by: { $0.key < $1.key }) where !AdapterFacts.shown.contains(key) {
      if value.isEmptyOrFalse || AdapterFacts.ordinary[key]?.contains(value) == true { continue }
      unusualSettings.append("\(key) \(value.excerpt)")
    }
  }

  /// Takes the tensors of the adapter's file.
  mutating func read(_ tensors: [TensorFile.Tensor]) {
    var pairs: [String: (a: TensorFile.Tensor?, b: TensorFile.Tensor?)] = [:]
    var order: [String] = []
    for tensor in tensors {
      let name = AdapterTensorName(tensor.name)
      switch name.part {
      case .a, .b:
        guard tensor.shape.count == 2 else {
          otherTensors.append(tensor.name)
          continue
        }
        if pairs[name.module] == nil { order.append(name.module) }
        if name.part == .a {
          pairs[name.module, default: (nil, nil)].a = tensor
        } else {
          pairs[name.module, default: (nil, nil)].b = tensor
        }
      case .magnitude: magnitudeCount += 1
      case .saved: savedWeights.append(name.module)
      case .original: break
      case .unknown: otherTensors.append(tensor.name)
      }
    }
    for module in order {
      guard let pair = pairs[module] else { continue }
      guard let a = pair.a, let b = pair.b, a.shape[0] == b.shape[1], a.shape[0] > 0 else {
        unpaired.append((pair.a ?? pair.b)?.name ?? module)
        continue
      }
      add(module: module, rank: a.shape[0], inputs: a.shape[1], outputs: b.shape[0])
    }
    parameterCount = tensors.reduce(0) { $0 + $1.elementCount }
    types = ParameterCounts(tensors).typesByShare.map(\.dtype)
    for index in modules.indices { modules[index].layers.sort() }
    let places = Dictionary(uniqueKeysWithValues: Projection.allCases.enumerated().map { ($1.path, $0) })
    modules.sort { (places[$0.module] ?? places.count, $0.module, $0.rank) < (places[$1.module] ?? places.count, $1.module, $1.rank) }
  }

  private mutating func add(module path: String, rank: Int, inputs: Int, outputs: Int) {
    var name = path
    var layer: Int?
    let parts = path.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count > 3, parts[0] == "model", parts[1] == "layers", let number = Int(parts[2]) {
      layer = number
      name = parts[3...].joined(separator: ".")
    }
    let layers = layer.map { [$0] } ?? []
    let index = modules.firstIndex { $0.module == name && $0.rank == rank && $0.inputs == inputs && $0.outputs == outputs }
    if let index {
      modules[index].layers += layers
    } else {
      modules.append(ModuleGroup(module: name, rank: rank, inputs: inputs, outputs: outputs, layers: layers))
    }
  }

  /// What does not go together within the adapter.
  var problems: [String] {
    var problems: [String] = []
    if modules.isEmpty, savedWeights.isEmpty, unpaired.isEmpty { problems.append("holds no LoRA matrices: the adapter is empty.") }
    if !unpaired.isEmpty {
      problems.append("\(Words.list(unpaired.map { "'\($0)'" }, atMost: 3)): no partner of the same rank (lora_A and lora_B go in pairs).")
    }
    if !otherTensors.isEmpty {
      let names = Words.list(otherTensors, atMost: 3)
      problems.append("\(Words.count(otherTensors.count, "tensor")) of unknown meaning: \(names).")
    }
    let unsaved = savedModules.filter { name in !savedWeights.contains { $0 == name || $0.hasSuffix(".\(name)") } }
    if !unsaved.isEmpty {
      problems.append("adapter_config.json: 'modules_to_save' names \(Words.list(unsaved)), for which there is no weight.")
    }
    if unusualSettings.contains("use_dora true"), magnitudeCount == 0 {
      problems.append("adapter_config.json: 'use_dora' is true, but there is no lora_magnitude_vector.")
    }
    if case .array(let names)? = targetModules {
      let found = Set(modules.flatMap { [$0.module, String($0.module.split(separator: ".").last ?? "")] })
      let absent = names.compactMap(\.string).filter { name in !found.contains { $0 == name || name.hasSuffix(".\($0)") } }
      if !absent.isEmpty, !modules.isEmpty {
        problems.append("adapter_config.json: 'target_modules' names \(absent.joined(separator: ", ")), for which there are no matrices.")
      }
    }
    return problems
  }

  /// Why it can be folded into its base, but not run or trained beside it; nil for plain LoRA on projections of layers and whole
  /// weights.
  var reasonToMerge: String? {
    var reasons: [String] = []
    if magnitudeCount > 0 || unusualSettings.contains("use_dora true") { reasons.append("it is a DoRA") }
    let vocabulary = modules.map(\.module).filter { $0.hasSuffix("embed_tokens") || $0 == "lm_head" }
    if !vocabulary.isEmpty { reasons.append("it adapts \(Words.list(vocabulary))") }
    return reasons.isEmpty ? nil : reasons.joined(separator: ", ")
  }

  /// Where its shapes disagree with a base's.
  func problems(on base: LlamaConfiguration, path: String) -> [String] {
    var problems: [String] = []
    for group in modules {
      let outputs: Int
      let inputs: Int
      switch (group.module, Projection.allCases.first { $0.path == group.module }) {
      case (_, let projection?): (outputs, inputs) = projection.shape(in: base)
      // A vocabulary may grow with saved weights, which decide then.
      case ("model.embed_tokens", _): (outputs, inputs) = (base.hiddenSize, savedWeights.isEmpty ? base.vocabularySize : group.inputs)
      case ("lm_head", _): (outputs, inputs) = (savedWeights.isEmpty ? base.vocabularySize : group.outputs, base.hiddenSize)
      default:
        problems.append("\(group.module) is no module of \(path).")
        continue
      }
      if (outputs, inputs) != (group.outputs, group.inputs) {
        problems.append(
          "\(group.module) is adapted from \(group.inputs) to \(group.outputs); in \(path) it goes from \(inputs) to \(outputs).")
      }
      if let layer = group.layers.last, layer >= base.layerCount {
        problems.append("\(group.module) is adapted in layer \(layer); \(path) has \(Words.count(base.layerCount, "layer")), from 0.")
      }
    }
    return problems
  }
}
