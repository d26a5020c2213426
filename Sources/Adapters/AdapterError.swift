import Checkpoints
import Llama
import Tensors

/// Why an adapter cannot be used.
public typealias AdapterError = FolderError<AdapterProblem>

/// What can be wrong with an adapter, by itself or in a list to merge.
public enum AdapterProblem: FolderProblem {
  case missing
  /// No `adapter_config.json` in the folder; `subfolder` has one.
  case noConfiguration(subfolder: String?)
  /// A checkpoint that keeps only what is trained.
  case trainedRowsAlone
  case noWeights
  case file(CheckpointError)

  // adapter_config.json
  case badValue(key: String, found: String, expected: String)
  /// A setting that changes what the adapter means and is not computed here.
  case refused(key: String, value: String, advice: String)
  /// A setting of adapters that can be merged but do not run beside their base.
  case onlyMerges(key: String, value: String)
  case unknownModule(String)
  case noModules
  case badPattern(key: String, pattern: String)
  /// Patterns that match the same module with different values.
  case ambiguousPattern(key: String, module: String)

  // The file of tensors
  case noTensors(file: String, byteCount: Int)
  case wrongShape(file: String, tensor: String, found: [Int], expected: [Int])
  case wrongDType(file: String, tensor: String, dtype: DType)
  case notFinite(file: String, tensor: String, element: Int)
  case missingTensors(file: String, [String])
  case unexpectedTensors(file: String, [String])
  /// Names with more or less in front than PEFT's own.
  case otherPrefix(file: String, tensor: String, expected: String)
  /// The same tensor twice, with different values.
  case contradiction(file: String, tensor: String, other: String)
  case severalAdapters(file: String, names: [String])
  /// Rows of the embedding and of the head, where the adapter changes one of them.
  case unevenVocabulary(file: String, embedding: Int, head: Int)

  // Beside other things
  case otherBase(fingerprint: String, base: String, baseFingerprint: String)
  /// The recipe's `lora` section says something else than the adapter it continues.
  case disagreement(key: String, recipe: String, adapter: String)
  /// Something about the list of a merge.
  case list(AdapterListProblem)
}

extension AdapterProblem {
  /// One sentence or two that begin with the path of the file concerned.
  public func text(in path: String) -> String {
    let configuration = "\(path)/\(PEFTAdapter.configurationName)"
    switch self {
    case .missing: return "\(path): no such folder; expected a PEFT adapter."
    case .noConfiguration(let subfolder):
      let advice = subfolder.map { " \(path)/\($0) has one." } ?? ""
      return "\(path): has no adapter_config.json; expected a PEFT adapter.\(advice)"
    case .trainedRowsAlone:
      return
        "\(path): is a checkpoint that keeps the trained rows of embedding and head alone; expected a PEFT adapter. The run's folder and "
        + "its 'best' hold adapters; 'puna train RECIPE --resume' goes on from here."
    case .noWeights: return "\(path): has neither adapter_model.safetensors nor adapter_model.bin."
    case .file(let error): return error.description

    case .badValue(let key, let found, let expected): return "\(configuration): '\(key)' is \(found); expected \(expected)."
    case .refused(let key, let value, let advice):
      return "\(configuration): '\(key)' is \(value), which this version does not compute. \(advice)"
    case .onlyMerges(let key, let value): return "\(configuration): '\(key)' is \(value). \(AdapterError.mergeFirst)"
    case .unknownModule(let name):
      let known = Projection.allCases.map(\.rawValue) + ["embed_tokens", "lm_head"]
      return "\(configuration): 'target_modules' names '\(name)', which is no module of the base; known are "
        + known.joined(separator: ", ") + "."
    case .noModules: return "\(configuration): 'target_modules' matches no module of the base."
    case .badPattern(let key, let pattern): return "\(configuration): '\(key)' holds no usable regular expression: '\(pattern)'."
    case .ambiguousPattern(let key, let module): return "\(configuration): '\(key)' has several values for '\(module)'."

    case .noTensors(let file, let byteCount):
      return "\(path)/\(file): holds no tensor (\(byteCount) bytes): its training saved an empty adapter. Scripts that replace "
        + "model.state_dict do that with a newer PEFT, and so does ZeRO-3; a checkpoint of that training may hold the weights."
    case .wrongShape(let file, let tensor, let found, let expected):
      let advice =
        found.contains(0) && !expected.contains(0) ? " ZeRO-3 saves such empty tensors when its shards are not gathered first." : ""
      return "\(path)/\(file): '\(tensor)' is \(found); adapter_config.json and the base imply \(expected).\(advice)"
    case .wrongDType(let file, let tensor, let dtype):
      return "\(path)/\(file): '\(tensor)' is \(dtype.safetensorsName); adapters are F32, F16 or BF16."
    case .notFinite(let file, let tensor, let element):
      return "\(path)/\(file): '\(tensor)' holds NaN or infinity (element \(element))."
    case .missingTensors(let file, let names): return "\(path)/\(file): \(AdapterError.list(names)) missing."
    case .unexpectedTensors(let file, let names):
      return "\(path)/\(file): \(AdapterError.list(names)) no part of what adapter_config.json describes."
    case .otherPrefix(let file, let tensor, let expected):
      return "\(path)/\(file): '\(tensor)' stands where '\(expected)' is expected: it was saved from another kind of model or from one "
        + "that was wrapped twice. PEFT would load nothing of it. Save it again from the PEFT model, or rename its tensors."
    case .contradiction(let file, let tensor, let other): return "\(path)/\(file): '\(tensor)' and '\(other)' are not the same."
    case .severalAdapters(let file, let names):
      return "\(path)/\(file): holds several adapters (\(names.joined(separator: ", "))). Save each into a folder of its own."
    case .unevenVocabulary(let file, let embedding, let head):
      return "\(path)/\(file): the embedding has \(embedding) rows and the head \(head) with this adapter. "
        + "An adapter for another vocabulary saves both (modules_to_save: embed_tokens, lm_head)."

    case .otherBase(let fingerprint, let base, let baseFingerprint):
      return "\(path) was trained on a base with fingerprint \(fingerprint.prefix(4))..., but \(base) has \(baseFingerprint.prefix(4)).... "
        + "Pass --allow-other-base to go on."
    case .disagreement(let key, let recipe, let adapter):
      return "\(path): lora.\(key) is \(recipe), but the adapter that lora.start_from continues has \(adapter). Leave lora.\(key) out."
    case .list(let problem): return problem.text(in: path)
    }
  }
}

extension AdapterError {
  /// What to do with an adapter that does not run beside its base.
  static let mergeFirst = "Such an adapter does not run beside its base: fold it in with `puna merge` and use the merged model."

  /// `'a', 'b' are`, shortened after five names.
  static func list(_ names: [String]) -> String {
    let shown = names.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
    if names.count == 1 { return "\(shown) is" }
    return names.count > 5 ? "\(shown) and \(names.count - 5) more are" : "\(shown) are"
  }
}
