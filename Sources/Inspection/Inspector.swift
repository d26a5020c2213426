import Adapters
import Bases
import Checkpoints
import Foundation
import Pages
import Tensors
import Tokenizers

/// Finds out what lies at a path.
public struct Inspector: Sendable {
  /// Bases that are part of the program, by name.
  let embedded: [String: [EmbeddedFile]]
  /// Opens a base by path or by an embedded base's name.
  let openBase: @Sendable (String) throws -> Base
  /// Opens a tokenizer, or that of a base; nil where there is none.
  let openTokenizer: @Sendable (String) throws -> (any Tokenizer)?

  public init(
    embedded: [String: [EmbeddedFile]] = [:], openBase: @escaping @Sendable (String) throws -> Base = { try Base.open($0) },
    openTokenizer: @escaping @Sendable (String) throws -> (any Tokenizer)? = { try Tokenizers.openTokenizer(at: $0) }
  ) {
    self.embedded = embedded
    self.openBase = openBase
    self.openTokenizer = openTokenizer
  }

  /// Looks at a base, a shard, an adapter, a run folder or a tokenizer. What is wrong with it is part of the result; only headers and
  /// small files are read.
  ///
  /// - Throws: `InspectionError` or `CheckpointError` when there is nothing of these kinds at `path`.
  public func inspect(_ path: String) throws -> Inspection {
    if let files = embedded[path] { return inspectBase(Folder(path, embedded: files), isEmbedded: true) }
    let path = withoutTrailingSlash(path)
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      return try inspect(Folder(path))
    }
    return try inspectFile(path)
  }

  private func inspect(_ folder: Folder) throws -> Inspection {
    if folder.isRun { return inspectRun(folder) }
    let hasWeights = !WeightLayout.all(in: folder).isEmpty
    let hasConfiguration = folder.contains("config.json") || folder.contains("params.json")
    if folder.isAdapter, !(hasWeights && hasConfiguration) { return inspectAdapter(folder) }
    if hasWeights || hasConfiguration { return inspectBase(folder) }
    if let file = folder.tokenizerFile { return try inspectTokenizer(folder.path(of: file), in: folder) }
    throw folder.nothingToInspect
  }

  private func inspectFile(_ path: String) throws -> Inspection {
    let bytes = try MappedFile.open(path)
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let folder = path.contains("/") ? withoutTrailingSlash(String(path.dropLast(name.count))) : "."
    func failure(_ message: String) -> InspectionError { InspectionError("\(path): \(message)") }
    let form = FileForm(bytes)
    switch form {
    case .safetensors, .torchZip, .torchPickle, .gguf: return try inspectShard(bytes, name: name, path: path, folder: folder)
    case .sentencePiece, .tokenizerJSON, .tiktoken: return try inspectTokenizer(path, in: nil)
    case .gitLFSPointer: throw CheckpointError(path: path, reason: .gitLFSPointer)
    case .webPage: throw failure("is a web page, as a browser saves one in place of a download. Download the file itself.")
    case .shardIndex: throw failure("is the index of a base's shards. Give the folder: puna inspect \(folder)")
    case .baseConfiguration, .metaParameters: throw failure("is the configuration of a base. Give the folder: puna inspect \(folder)")
    case .adapterConfiguration: throw failure("is the configuration of an adapter. Give the folder: puna inspect \(folder)")
    case .runRecord, .metrics: throw failure("is a record of a run. Give the folder: puna inspect \(folder)")
    case .otherJSON, .text, .unknown:
      let kind = form == .otherJSON ? "is JSON of some other kind" : form == .text ? "is a text file" : "is no file of a known kind"
      throw failure("\(kind); expected a base, a shard, an adapter, a tokenizer or a run folder.")
    }
  }
}

extension Folder {
  /// Whether a training run wrote it, finished or not.
  fileprivate var isRun: Bool {
    form(of: "run.json") == .runRecord || contains("metrics.jsonl") && (contains("recipe.yaml") || isAdapter)
  }

  fileprivate var isAdapter: Bool { contains("adapter_config.json") || adapterFile != nil }

  /// The weights of an adapter.
  var adapterFile: String? { ["adapter_model.safetensors", "adapter_model.bin"].first { contains($0) } }

  var tokenizerFile: String? { ["tokenizer.model", "tokenizer.json", "original/tokenizer.model"].first { contains($0) } }

  /// Says what could be looked at instead.
  fileprivate var nothingToInspect: InspectionError {
    if entries.isEmpty { return InspectionError("\(path): is an empty folder.") }
    if contains(PEFTAdapter.trainedRowsName) {
      return InspectionError(AdapterProblem.trainedRowsAlone.text(in: path))
    }
    if self["snapshots"]?.form == .folder, let snapshots = try? Folder(self.path(of: "snapshots")) {
      let names = snapshots.entries.map { "\(path)/snapshots/\($0.name)" }
      return InspectionError("\(path): is a download cache; inspect a snapshot in it: \(Words.list(names, atMost: 3))")
    }
    let inner = entries.filter { $0.form == .folder }.prefix(100).filter { entry in
      guard let folder = try? Folder(self.path(of: entry.name)) else { return false }
      return folder.isRun || folder.isAdapter || folder.contains("config.json") || folder.tokenizerFile != nil
        || !WeightLayout.all(in: folder).isEmpty
    }
    let lack = "holds no base, adapter, tokenizer or run"
    guard inner.isEmpty else {
      return InspectionError("\(path): \(lack) itself; these folders in it do: \(Words.list(inner.map(\.name), atMost: 8))")
    }
    let files = entries.filter { $0.form == .file }.prefix(100).map(\.name).filter { form(of: $0)?.canBeInspected == true }
    if !files.isEmpty {
      return InspectionError("\(path): \(lack) under the usual names; inspect a file in it: \(Words.list(files, atMost: 8))")
    }
    let expected = "config.json, params.json, adapter_config.json, tokenizer.model and tokenizer.json"
    return InspectionError("\(path): \(lack); there is none of \(expected) in it.")
  }
}
