import Checkpoints
import Foundation
import Tensors

/// What a folder holds, decided by the names in it: safetensors, else `.bin`, else Meta's files.
struct BaseFolder {
  let path: String
  private let names: Set<String>

  /// - Throws: `BaseError` when there is no such folder, or it is a file.
  init(_ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw BaseError(path: path, problems: [.missing])
    }
    guard isFolder.boolValue else {
      let isGGUF = path.hasSuffix(".gguf")
      throw BaseError(path: path, problems: [isGGUF ? .unsupportedFormat(found: "is a GGUF file") : .notAFolder])
    }
    do {
      names = Set(try FileManager.default.contentsOfDirectory(atPath: path))
    } catch {
      throw BaseError(path: path, problems: [.file(CheckpointError(path: path, reason: .notReadable))])
    }
    self.path = path
  }

  func contains(_ name: String) -> Bool { names.contains(name) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  enum Layout: Equatable {
    case safetensors
    case shardedSafetensors
  }

  static let singleName = "model.safetensors"
  static let indexName = "model.safetensors.index.json"

  /// - Throws: `BaseError` for a folder that holds no base, or one in a form that this version does not read.
  func layout() throws -> Layout {
    func failure(_ problem: BaseError.Problem) -> BaseError { BaseError(path: path, problems: [problem]) }
    let hasConfiguration = contains("config.json")
    if contains(BaseFolder.singleName) || contains(BaseFolder.indexName) {
      guard hasConfiguration else { throw failure(.noConfiguration) }
      return contains(BaseFolder.singleName) ? .safetensors : .shardedSafetensors
    }
    if hasConfiguration, let shard = names.sorted().first(where: { $0.hasPrefix("model-") && $0.hasSuffix(".safetensors") }) {
      throw failure(.noIndex(shard: shard))
    }
    if let found = unsupportedFormat { throw failure(.unsupportedFormat(found: found)) }
    throw failure(hasConfiguration ? .noWeights : .noBase)
  }

  private var unsupportedFormat: String? {
    if let name = names.sorted().first(where: { $0.hasPrefix("pytorch_model") && $0.hasSuffix(".bin") }) {
      return "holds PyTorch shards ('\(name)')"
    }
    if contains("params.json") || names.contains(where: { $0.hasPrefix("consolidated.") && $0.hasSuffix(".pth") }) {
      return "is a folder in Meta's layout (params.json, consolidated.*.pth)"
    }
    if contains("original") { return "holds only a folder in Meta's layout ('original')" }
    if let name = names.sorted().first(where: { $0.hasSuffix(".gguf") }) { return "holds a GGUF file ('\(name)')" }
    return nil
  }
}
