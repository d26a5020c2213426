import Checkpoints
import Tensors

/// Why a base cannot be used.
public typealias BaseError = FolderError<BaseProblem>

/// What can be wrong with a base.
public enum BaseProblem: FolderProblem {
  // The folder
  case missing
  case notAFolder
  /// Nothing in the folder is a base of any kind.
  case noBase
  /// Weights in a form that this version does not read: `found` says which.
  case unsupportedFormat(found: String)
  case noConfiguration
  case noWeights
  /// `consolidated.*.pth` without params.json.
  case noParameters(shard: String)
  /// Some of a set that numbers or names say to be larger.
  case missingShards(present: String, missing: [String])
  /// Two files that cannot be shards of one base.
  case mixedShards(String, String)
  case file(CheckpointError)

  // The configuration
  case missingKey(file: String, key: String)
  case badValue(file: String, key: String, found: String, expected: String)
  /// A network that Puna does not compute.
  case refused(file: String, key: String, value: String, advice: String)
  /// Values that do not go together.
  case contradiction(file: String, message: String)

  // The tensors
  case absentShard(index: String, shard: String, tensor: String)
  case notInShard(index: String, shard: String, tensor: String)
  case duplicateTensor(tensor: String, files: [String])
  case wrongShape(file: String, tensor: String, found: [Int], expected: [Int], configuration: String = "config.json")
  /// Parts in several shards that do not make up the whole.
  case wrongParts(files: [String], tensor: String, found: [[Int]], expected: [Int], configuration: String)
  case wrongDType(file: String, tensor: String, dtype: DType)
  case missingTensors([String])
  case unexpectedTensors([String], configuration: String = "config.json")
  /// `tie_word_embeddings` is true, yet a head that is not the embedding is stored.
  case tiedHeadDiffers(file: String)
}

extension BaseProblem {
  /// One sentence or two that begin with the path of the file concerned.
  public func text(in path: String) -> String {
    func at(_ file: String, _ message: String) -> String { "\(path)/\(file): \(message)" }
    switch self {
    case .missing: return "\(path): no such folder."
    case .notAFolder: return "\(path): is a file; a base is a folder."
    case .noBase:
      return "\(path): holds no base: expected config.json with model*.safetensors or pytorch_model*.bin, or params.json with "
        + "consolidated.*.pth."
    case .unsupportedFormat(let found):
      return "\(path): \(found), which this version does not read. Take the Hugging Face or Meta folder of the same model."
    case .noConfiguration: return "\(path): has no config.json."
    case .noWeights: return "\(path): has config.json, but no weights: neither model*.safetensors nor pytorch_model*.bin."
    case .noParameters(let shard): return "\(path): has '\(shard)', but no params.json beside it."
    case .missingShards(let present, let missing):
      return "\(path): has '\(present)', but \(BaseError.list(missing)) missing. Download the whole folder."
    case .mixedShards(let first, let second):
      return "\(path): '\(first)' and '\(second)' cannot both be shards of one base. Remove those that do not belong."
    case .file(let error): return error.description

    case .missingKey(let file, let key): return at(file, "has no '\(key)'.")
    case .badValue(let file, let key, let found, let expected): return at(file, "'\(key)' is \(found); expected \(expected).")
    case .refused(let file, let key, let value, let advice): return at(file, "'\(key)' is \(value), which Puna does not compute. \(advice)")
    case .contradiction(let file, let message): return at(file, message)

    case .absentShard(let index, let shard, let tensor):
      return at(index, "names '\(shard)' for '\(tensor)', but that file is not in the folder.")
    case .notInShard(let index, let shard, let tensor):
      return at(index, "names '\(shard)' for '\(tensor)', but that file does not hold it.")
    case .duplicateTensor(let tensor, let files):
      return at(files.first ?? "", "'\(tensor)' is also in \(files.dropFirst().joined(separator: ", ")).")
    case .wrongShape(let file, let tensor, let found, let expected, let configuration):
      return at(file, "'\(tensor)' is \(found); \(configuration) implies \(expected).")
    case .wrongParts(let files, let tensor, let found, let expected, let configuration):
      let parts = found.map { "\($0)" }.joined(separator: ", ")
      return at(
        "\(files.first ?? "") to \(files.last ?? "")", "'\(tensor)' is in parts \(parts); \(configuration) implies \(expected) in all.")
    case .wrongDType(let file, let tensor, let dtype):
      return at(file, "'\(tensor)' is \(dtype.safetensorsName); weights of a base are F32, F16 or BF16.")
    case .missingTensors(let names): return "\(path): \(BaseError.list(names)) missing."
    case .unexpectedTensors(let names, let configuration):
      return "\(path): \(BaseError.list(names)) not part of a LLaMA network of the shape that \(configuration) describes."
    case .tiedHeadDiffers(let file):
      return at(
        file,
        "'lm_head.weight' differs from 'model.embed_tokens.weight', but config.json has 'tie_word_embeddings': true. "
          + "Set it to false if the head is meant to be its own.")
    }
  }
}

extension BaseError {
  /// `'a', 'b' are`, shortened after five names.
  static func list(_ names: [String]) -> String {
    let shown = names.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
    if names.count == 1 { return "\(shown) is" }
    return names.count > 5 ? "\(shown) and \(names.count - 5) more are" : "\(shown) are"
  }
}
