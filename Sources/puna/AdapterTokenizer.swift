import Adapters
import Checkpoints
import Foundation
import Tokenizers

extension AdapterStack.Input {
  /// The tokenizer that an adapter with an embedding of its own brings: a file in its folder; nil where it brings none.
  var tokenizerPath: String? {
    guard bringsEmbedding else { return nil }
    return ["tokenizer.model", "tokenizer.json"].map { "\(adapter.path)/\($0)" }.first { FileManager.default.fileExists(atPath: $0) }
  }
}

extension AdaptedBase {
  /// The tokenizer of the last adapter that brings one; nil where the base's holds.
  var adapterTokenizerPath: String? { adapters.reversed().lazy.compactMap(\.tokenizerPath).first }
}

extension BaseLocation {
  /// The tokenizer of a base with adapters on it: the last that an adapter brings, else the base's own; nil when there is none.
  func openTokenizer(of adapted: AdaptedBase) throws -> (any Tokenizer)? {
    try adapted.adapterTokenizerPath.map { try Tokenizers.openTokenizer(at: $0) } ?? openTokenizer()
  }

  /// The first adapter, in a sentence, that was trained with another tokenizer than one that `tokenizer` is or goes on from, as far as the
  /// records of runs tell: its ids would mean something else.
  func tokenizerProblem(of inputs: [AdapterStack.Input], with tokenizer: any Tokenizer) throws -> String? {
    let fingerprint = try tokenizer.fingerprint()
    for input in inputs {
      let path = input.adapter.path
      guard let recorded = try RunRecord.ofAdapter(path)?.tokenizerFingerprint, recorded != fingerprint else { continue }
      let own = try input.tokenizerPath.map { try Tokenizers.openTokenizer(at: $0) } ?? openTokenizer()
      let isOwn = try own?.fingerprint() == recorded
      let difference = try own.flatMap { isOwn ? try TokenizerSuccession($0, tokenizer).text : nil }
      if isOwn, difference == nil { continue }
      return "\(path) was trained with another tokenizer (fingerprint \(recorded.prefix(4))..., here \(fingerprint.prefix(4))...)"
        + "\(difference.map { ": \($0)" } ?? "")."
    }
    return nil
  }
}

extension ModelFiles {
  /// The files of a tokenizer as they go into a model's folder: all of a folder's, or one file under its usual name with what describes it.
  ///
  /// - Throws: `CheckpointError`, `TokenizerError`.
  init(tokenizer path: String) throws {
    var isFolder: ObjCBool = false
    let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard isThere, !isFolder.boolValue else {
      self = try ModelFiles(folder: path).onlyTokenizer
      return
    }
    let folder = Checkpoints.folder(of: path)
    self.init([:])
    for name in ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"]
    where FileManager.default.fileExists(atPath: "\(folder)/\(name)") {
      add(try MappedFile.open("\(folder)/\(name)"), as: name)
    }
    let bytes = try MappedFile.open(path)
    let isJSON = try bytes.withUnsafeBytes { try TokenizerKind(of: Array($0.prefix(256)), path) } == .json
    add(bytes, as: isJSON ? "tokenizer.json" : "tokenizer.model")
  }
}

/// Whether a tokenizer goes on where another ends: its first entries must be the other's, or every id would mean something else.
struct TokenizerSuccession {
  /// The first id whose entries differ; nil where the older one's all stand.
  let difference: (id: Int32, old: String, new: String?)?

  init(_ old: any Tokenizer, _ new: any Tokenizer) throws {
    for id in 0..<Int32(clamping: old.vocabularySize) {
      let piece = try old.piece(id)
      let other = id < new.vocabularySize ? try new.piece(id) : nil
      if other != piece {
        difference = (id, piece, other)
        return
      }
    }
    difference = nil
  }

  var text: String? {
    difference.map { "id \($0.id) is '\($0.old)' there, and \($0.new.map { "'\($0)'" } ?? "nothing") here" }
  }
}
