import Checkpoints
import Foundation
import Tensors

/// What a folder holds, decided by the names in it: safetensors, else `.bin`, else Meta's files, else those in `original`.
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
    names = try BaseFolder.names(in: path)
    self.path = path
  }

  private static func names(in path: String) throws -> Set<String> {
    do {
      return Set(try FileManager.default.contentsOfDirectory(atPath: path))
    } catch {
      throw BaseError(path: path, problems: [.file(CheckpointError(path: path, reason: .notReadable))])
    }
  }

  func contains(_ name: String) -> Bool { names.contains(name) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The tokenizer of a base described by the file `configuration`, a name relative to this folder.
  func tokenizer(beside configuration: String) -> String? {
    let name = "tokenizer.model"
    var places = [name, "tokenizer.json", "\(MetaFiles.innerFolder)/\(name)"]
    // LLaMA 1 and 2 came as one folder per size below that of the tokenizer.
    if configuration == "params.json" { places.append("../\(name)") }
    return places.map(file).first { FileManager.default.fileExists(atPath: $0) }
  }

  enum Layout: Equatable {
    case huggingFace(ShardFormat, ShardSet)
    /// Names relative to the base folder; `shards` in order.
    case meta(parameters: String, shards: [String])
  }

  /// - Throws: `BaseError` for a folder that holds no base, part of one, or one in a form that this version does not read.
  func layout() throws -> Layout {
    for format in ShardFormat.allCases {
      guard let shards = try shards(of: format) else { continue }
      guard contains("config.json") else { throw failure(.noConfiguration) }
      return .huggingFace(format, shards)
    }
    if let meta = try MetaFiles(names).found(failure) { return .meta(parameters: meta.parameters, shards: meta.shards) }
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: file(MetaFiles.innerFolder), isDirectory: &isFolder), isFolder.boolValue,
      let meta = try MetaFiles(BaseFolder.names(in: file(MetaFiles.innerFolder)), in: MetaFiles.innerFolder + "/").found(failure)
    {
      return .meta(parameters: meta.parameters, shards: meta.shards)
    }
    if let name = names.sorted().first(where: { $0.hasSuffix(".gguf") }) {
      throw failure(.unsupportedFormat(found: "holds a GGUF file ('\(name)')"))
    }
    throw failure(contains("config.json") ? .noWeights : .noBase)
  }

  private func failure(_ problem: BaseError.Problem) -> BaseError { BaseError(path: path, problems: [problem]) }

  /// Nil when the folder has no shard of that format.
  private func shards(of format: ShardFormat) throws -> ShardSet? {
    if contains(format.singleName) { return .single(format.singleName) }
    if contains(format.indexName) { return .indexed(index: format.indexName) }
    // Without an index the names say whether all are there.
    let numbered = names.sorted().compactMap { name in format.number(of: name).map { (name: name, number: $0.number, count: $0.count) } }
    guard let first = numbered.first, let count = Int(first.count) else { return nil }
    if let other = numbered.first(where: { Int($0.count) != count }) { throw failure(.mixedShards(first.name, other.name)) }
    var found: [Int: String] = [:]
    for shard in numbered {
      if let other = found.updateValue(shard.name, forKey: Int(shard.number) ?? 0) { throw failure(.mixedShards(other, shard.name)) }
    }
    let missing = (1...count).filter { found[$0] == nil }.map { format.name($0, of: first.count) }
    guard missing.isEmpty else { throw failure(.missingShards(present: first.name, missing: missing)) }
    return .numbered((1...count).compactMap { found[$0] })
  }
}

/// Meta's files among the names of a folder: `params.json` and `consolidated.00.pth`, `consolidated.01.pth`, ...
private struct MetaFiles {
  static let innerFolder = "original"

  private let hasParameters: Bool
  /// In order.
  private let shards: [(number: Int, name: String)]
  private let prefix: String

  init(_ names: Set<String>, in prefix: String = "") {
    self.prefix = prefix
    hasParameters = names.contains("params.json")
    shards = names.compactMap { name in
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count == 3, parts[0] == "consolidated", parts[2] == "pth", parts[1].allSatisfy({ ("0"..."9").contains($0) }),
        let number = Int(parts[1]), number < 10_000
      else { return nil }
      return (number, name)
    }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
  }

  /// Nil when there is none of them.
  func found(_ failure: (BaseError.Problem) -> BaseError) throws -> (parameters: String, shards: [String])? {
    guard let last = shards.last else {
      if hasParameters { throw failure(.missingShards(present: prefix + "params.json", missing: [prefix + "consolidated.00.pth"])) }
      return nil
    }
    guard hasParameters else { throw failure(.noParameters(shard: prefix + last.name)) }
    for (first, second) in zip(shards, shards.dropFirst()) where first.number == second.number {
      throw failure(.mixedShards(prefix + first.name, prefix + second.name))
    }
    let numbers = Set(shards.map(\.number))
    let missing = (0..<last.number).filter { !numbers.contains($0) }.map { prefix + "consolidated.\($0 < 10 ? "0" : "")\($0).pth" }
    guard missing.isEmpty else { throw failure(.missingShards(present: prefix + last.name, missing: missing)) }
    return (prefix + "params.json", shards.map { prefix + $0.name })
  }
}
