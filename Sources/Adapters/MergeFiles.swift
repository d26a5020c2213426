import Bases
import Checkpoints
import Foundation
import JSON
import Llama
import Tensors

/// The small files of a model's folder that go with its weights: configuration, tokenizer, licence.
public struct ModelFiles: Sendable {
  /// By name; names of `additional_chat_templates` begin with that folder's.
  public private(set) var files: [String: MappedBytes]

  static let configurationName = "config.json"
  public static let tokenizerNames = [
    "tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "chat_template.jinja", "chat_template.json",
  ]
  private static let templateFolder = "additional_chat_templates"
  private static let otherNames = [configurationName, "generation_config.json"]
  /// Licences that ask to travel with the weights.
  private static let licences = ["LICENSE", "LICENCE", "NOTICE", "USE_POLICY"]

  public init(_ files: [String: MappedBytes]) { self.files = files }

  /// Maps those in a folder.
  ///
  /// - Throws: `CheckpointError` for one that cannot be read.
  public init(folder: String) throws {
    files = [:]
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where ModelFiles.isCarried(name) { files[name] = try MappedFile.open("\(folder)/\(name)") }
    guard names.contains(ModelFiles.templateFolder) else { return }
    let templates = "\(folder)/\(ModelFiles.templateFolder)"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: templates)) ?? [] where name.hasSuffix(".jinja") {
      files["\(ModelFiles.templateFolder)/\(name)"] = try MappedFile.open("\(templates)/\(name)")
    }
  }

  /// Those of a base's folder. Meta's has no `config.json`, and its tokenizer may lie elsewhere.
  ///
  /// - Throws: `CheckpointError` for one that cannot be read.
  public init(of base: Base) throws {
    try self.init(folder: base.path)
    if base.layout == .meta { files[ModelFiles.configurationName] = nil }
    if !hasTokenizer, let path = base.tokenizerPath { files["tokenizer.model"] = try MappedFile.open(path) }
  }

  private static func isCarried(_ name: String) -> Bool {
    if tokenizerNames.contains(name) || otherNames.contains(name) { return true }
    let stem = name.prefix { $0 != "." }.uppercased()
    return licences.contains(String(stem))
  }

  private static func isTokenizer(_ name: String) -> Bool { tokenizerNames.contains(name) || name.hasPrefix(templateFolder + "/") }

  public var hasTokenizer: Bool { files["tokenizer.model"] != nil || files["tokenizer.json"] != nil }

  /// Takes the whole tokenizer of `other` in place of the own one: parts of two make none.
  mutating func replaceTokenizer(by other: ModelFiles) {
    files = files.filter { !ModelFiles.isTokenizer($0.key) }
    files.merge(other.files.filter { ModelFiles.isTokenizer($0.key) }) { $1 }
  }

  /// Without anything else.
  public var onlyTokenizer: ModelFiles { ModelFiles(files.filter { ModelFiles.isTokenizer($0.key) }) }

  /// Adds a file of text.
  public mutating func add(_ text: String, as name: String) { files[name] = MappedBytes(owner: Text(text)) }

  mutating func remove(_ name: String) { files[name] = nil }

  /// Licences and one file of the tokenizer: what a Meta folder has beside its weights.
  func forMeta(tokenizer name: String) -> ModelFiles {
    ModelFiles(files.filter { $0.key == name || !(ModelFiles.isTokenizer($0.key) || ModelFiles.otherNames.contains($0.key)) })
  }

  public mutating func add(_ file: MappedBytes, as name: String) { files[name] = file }

  public func write(to folder: String) throws {
    for (name, bytes) in files {
      if let slash = name.lastIndex(of: "/") { try AtomicFile.createFolder("\(folder)/\(name[..<slash])") }
      let file = try AtomicFile("\(folder)/\(name)")
      try bytes.withUnsafeBytes { try file.append($0) }
      try file.commit()
    }
  }
}

/// The bytes of a text that was made here.
private final class Text: ByteOwner {
  private let bytes: [UInt8]

  init(_ text: String) { bytes = Array(text.utf8) }

  var byteCount: Int { bytes.count }

  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result { try bytes.withUnsafeBytes(body) }
}

/// `config.json` of a merged model.
enum MergedConfiguration {
  /// The input's with every field kept, but for what the merge changed; made anew where there is none.
  ///
  /// - Parameters:
  ///   - base: the base's shape; `configuration` is that of the merged model.
  ///   - dtype: what most tensors are stored as.
  static func document(_ input: JSONValue?, _ configuration: LlamaConfiguration, base: LlamaConfiguration, dtype: DType) -> JSONValue {
    var members = input?.object ?? made(from: configuration)
    let keys = ["dtype", "torch_dtype"].filter { members[$0] != nil }
    for key in keys.isEmpty ? ["torch_dtype"] : keys { members[key] = .string(dtype.rawValue) }
    if configuration.vocabularySize != base.vocabularySize { members["vocab_size"] = .integer(configuration.vocabularySize) }
    if configuration.tiesEmbeddings != base.tiesEmbeddings { members["tie_word_embeddings"] = .bool(configuration.tiesEmbeddings) }
    return .object(members)
  }

  /// For a base that has no `config.json`, in the spelling that transformers 4 and 5 both read.
  private static func made(from configuration: LlamaConfiguration) -> [String: JSONValue] {
    let ends = configuration.endOfSequence.map { JSONValue.integer(Int($0)) }
    var members: [String: JSONValue] = [
      "architectures": .array([.string("LlamaForCausalLM")]), "model_type": .string("llama"),
      "vocab_size": .integer(configuration.vocabularySize), "hidden_size": .integer(configuration.hiddenSize),
      "intermediate_size": .integer(configuration.intermediateSize), "num_hidden_layers": .integer(configuration.layerCount),
      "num_attention_heads": .integer(configuration.headCount), "num_key_value_heads": .integer(configuration.keyValueHeadCount),
      "head_dim": .integer(configuration.headDimension), "hidden_act": .string("silu"), "rms_norm_eps": .number(configuration.normEpsilon),
      "rope_theta": .number(configuration.ropeTheta), "max_position_embeddings": .integer(configuration.maximumPositions),
      "tie_word_embeddings": .bool(configuration.tiesEmbeddings), "attention_bias": .bool(false), "mlp_bias": .bool(false),
      "bos_token_id": configuration.beginOfSequence.map { .integer(Int($0)) } ?? .null,
      "eos_token_id": ends.count == 1 ? ends[0] : ends.isEmpty ? .null : .array(ends),
    ]
    switch configuration.ropeScaling {
    case .none: break
    case .linear(let factor): members["rope_scaling"] = .object(["rope_type": .string("linear"), "factor": .number(factor)])
    case .llama3(let factor, let low, let high, let positions):
      members["rope_scaling"] = .object([
        "rope_type": .string("llama3"), "factor": .number(factor), "low_freq_factor": .number(low), "high_freq_factor": .number(high),
        "original_max_position_embeddings": .integer(positions),
      ])
    }
    return members
  }
}
