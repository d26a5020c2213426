import Checkpoints
import Llama
import Tensors

/// Why an adapter cannot be used.
public typealias AdapterError = FolderError<AdapterProblem>

/// What can be wrong with an adapter.
public enum AdapterProblem: FolderProblem {
  case missing
  /// No `adapter_config.json` in the folder.
  case noConfiguration
  case noWeights
  /// Weights in `adapter_model.bin`.
  case unsupportedFormat(file: String)
  case file(CheckpointError)

  // adapter_config.json
  case badValue(key: String, found: String, expected: String)
  /// A setting that changes what the adapter means and is not computed here.
  case refused(key: String, value: String, advice: String)
  case unknownModule(String)
  case noModules
  case badPattern(key: String, pattern: String)
  /// Patterns that match the same module with different values.
  case ambiguousPattern(key: String, module: String)

  // adapter_model.safetensors
  case wrongShape(tensor: String, found: [Int], expected: [Int])
  case wrongDType(tensor: String, dtype: DType)
  case notFinite(tensor: String, element: Int)
  case missingTensors([String])
  case unexpectedTensors([String])

  // Beside other things
  case otherBase(fingerprint: String, base: String, baseFingerprint: String)
  /// The recipe's `lora` section says something else than the adapter it continues.
  case disagreement(key: String, recipe: String, adapter: String)
}

extension AdapterProblem {
  /// One sentence or two that begin with the path of the file concerned.
  public func text(in path: String) -> String {
    let configuration = "\(path)/\(PEFTAdapter.configurationName)"
    let weights = "\(path)/\(PEFTAdapter.weightsName)"
    switch self {
    case .missing: return "\(path): no such folder; expected a PEFT adapter."
    case .noConfiguration: return "\(path): has no adapter_config.json; expected a PEFT adapter."
    case .noWeights: return "\(path): has no adapter_model.safetensors."
    case .unsupportedFormat(let file):
      return "\(path): its weights are in '\(file)'; this version reads adapter_model.safetensors only. Save it again with a newer PEFT."
    case .file(let error): return error.description

    case .badValue(let key, let found, let expected): return "\(configuration): '\(key)' is \(found); expected \(expected)."
    case .refused(let key, let value, let advice):
      return "\(configuration): '\(key)' is \(value), which this version does not compute. \(advice)"
    case .unknownModule(let name):
      return "\(configuration): 'target_modules' names '\(name)'; adapters are read for "
        + Projection.allCases.map(\.rawValue).joined(separator: ", ") + "."
    case .noModules: return "\(configuration): 'target_modules' matches no projection of the base."
    case .badPattern(let key, let pattern): return "\(configuration): '\(key)' holds no usable regular expression: '\(pattern)'."
    case .ambiguousPattern(let key, let module): return "\(configuration): '\(key)' has several values for '\(module)'."

    case .wrongShape(let tensor, let found, let expected):
      return "\(weights): '\(tensor)' is \(found); adapter_config.json and the base imply \(expected)."
    case .wrongDType(let tensor, let dtype):
      return "\(weights): '\(tensor)' is \(dtype.safetensorsName); adapters are F32, F16 or BF16."
    case .notFinite(let tensor, let element): return "\(weights): '\(tensor)' holds NaN or infinity (element \(element))."
    case .missingTensors(let names): return "\(weights): \(AdapterError.list(names)) missing."
    case .unexpectedTensors(let names):
      return "\(weights): \(AdapterError.list(names)) no part of what adapter_config.json describes."

    case .otherBase(let fingerprint, let base, let baseFingerprint):
      return "\(path) was trained on a base with fingerprint \(fingerprint.prefix(4))..., but \(base) has \(baseFingerprint.prefix(4)).... "
        + "Pass --allow-other-base to go on."
    case .disagreement(let key, let recipe, let adapter):
      return "\(path): lora.\(key) is \(recipe), but the adapter that lora.start_from continues has \(adapter). Leave lora.\(key) out."
    }
  }
}

extension AdapterError {
  /// `'a', 'b' are`, shortened after five names.
  static func list(_ names: [String]) -> String {
    let shown = names.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
    if names.count == 1 { return "\(shown) is" }
    return names.count > 5 ? "\(shown) and \(names.count - 5) more are" : "\(shown) are"
  }
}
