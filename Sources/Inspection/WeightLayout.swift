import Checkpoints
import JSON
import Pages

/// A set of files in a folder that holds the weights of a base by itself.
struct WeightLayout {
  enum Family: String {
    case safetensors
    case torch = "PyTorch files"
    case meta = "Meta's files"
    case gguf = "GGUF"
  }

  let family: Family
  /// The shards, as far as they are known: an index may name what is not there.
  let files: [String]
  /// The index that names them.
  var index: String?

  /// All that a folder holds; the first is the one that is read.
  static func all(in folder: Folder) -> [WeightLayout] {
    let names = folder.entries.filter { $0.form != .folder }.map(\.name)
    func files(_ prefix: String, _ suffix: String) -> [String] { names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) } }
    var layouts: [WeightLayout] = []
    if let layout = huggingFace(in: folder, .safetensors, "model.safetensors", shards: files("model-", ".safetensors")) {
      layouts.append(layout)
    }
    if let layout = huggingFace(in: folder, .torch, "pytorch_model.bin", shards: files("pytorch_model-", ".bin")) { layouts.append(layout) }
    let meta = files("consolidated.", ".pth") + files("consolidated.", ".safetensors")
    if !meta.isEmpty { layouts.append(WeightLayout(family: .meta, files: meta)) }
    if let original = try? Folder(folder.path(of: "original")), folder["original"]?.form == .folder {
      let meta = original.entries.map(\.name).filter { $0.hasPrefix("consolidated.") }.map { "original/\($0)" }
      if !meta.isEmpty { layouts.append(WeightLayout(family: .meta, files: meta)) }
    }
    let gguf = files("", ".gguf")
    if !gguf.isEmpty { layouts.append(WeightLayout(family: .gguf, files: gguf)) }
    return layouts
  }

  private static func huggingFace(in folder: Folder, _ family: Family, _ single: String, shards: [String]) -> WeightLayout? {
    if folder.contains(single) { return WeightLayout(family: family, files: [single]) }
    let indexName = "\(single).index.json"
    guard folder.contains(indexName) else { return shards.isEmpty ? nil : WeightLayout(family: family, files: shards) }
    let index = try? ShardIndex(folder.open(indexName), path: folder.path(of: indexName))
    return WeightLayout(family: family, files: index?.shardNames ?? shards, index: indexName)
  }

  /// `safetensors in 3 shards`
  var words: String {
    let shards = Words.count(files.count, "shard")
    return family == .meta ? "\(family.rawValue) in \(shards)" : files.count == 1 ? family.rawValue : "\(family.rawValue) in \(shards)"
  }
}
