import Adapters
import Bases
import Checkpoints
import Datasets
import Evaluation
import Foundation
import JSON
import Runs
import Tensors
import TestSupport
import Tokenizers
import Vocabularies

/// The readers of files from outside, each as a function of bytes that may be anything.
///
/// A reader must return or throw an error that can be told to a person; it must not trap, hang, or take memory out of proportion.
public enum FuzzedReader: String, CaseIterable, Sendable {
  case safetensors
  case torch
  case configuration
  case index
  case parameters
  case sentencepiece
  case tiktoken
  case tokenizerJSON = "tokenizer-json"
  case rows
  case tokens
  case adapter
  case published
  case metrics

  /// Reads `bytes` as a file of this kind, and what it holds to the end.
  public func read(_ bytes: [UInt8]) {
    do {
      switch self {
      case .safetensors: try readSafetensors(bytes)
      case .torch: try readTorch(bytes)
      case .configuration: try readConfiguration(bytes)
      case .index: try readIndex(bytes)
      case .parameters: try readParameters(bytes)
      case .sentencepiece:
        merge(bytes)
        try readTokenizer(bytes)
      case .tiktoken, .tokenizerJSON: try readTokenizer(bytes)
      case .rows: try readRows(bytes)
      case .tokens: try readTokens(bytes)
      case .adapter: try readAdapter(bytes)
      case .published: try readPublished(bytes)
      case .metrics: readMetrics(bytes)
      }
    } catch {
      precondition(!"\(error)".isEmpty, "an error without words")
    }
  }

  private func readSafetensors(_ bytes: [UInt8]) throws {
    let file = try SafetensorsFile(MappedBytes(bytes), path: "file")
    for tensor in file.tensors { sum(tensor.bytes) }
  }

  private func readTorch(_ bytes: [UInt8]) throws {
    let file = try TorchFile(MappedBytes(bytes), path: "file")
    for tensor in file.tensors { sum(tensor.bytes) }
  }

  /// As people look at it too.
  private func readMetrics(_ bytes: [UInt8]) {
    var history = RunHistory()
    let count = bytes.withUnsafeBytes { history.read($0) }
    precondition(count <= bytes.count && history.steps.count <= history.lineCount)
    precondition(LossChart(history, title: "a run", stepCount: 10).svg.hasSuffix("</svg>\n"))
    precondition(history.samples.count + history.warnings.count <= history.others.count)
  }

  /// Touches every byte that a reader says a tensor has.
  private func sum(_ bytes: MappedBytes) {
    let total = bytes.withUnsafeBytes { $0.reduce(0) { $0 &+ Int($1) } }
    precondition(total >= 0)
  }

  private func readConfiguration(_ bytes: [UInt8]) throws {
    _ = try Base.open(name: "base", configuration: MappedBytes(bytes), shards: [])
  }

  private func readIndex(_ bytes: [UInt8]) throws {
    let index = try ShardIndex(MappedBytes(bytes), path: "index.json")
    for shard in index.shardNames {
      precondition(!shard.contains("/") && shard != "..", "a name that leaves the folder")
      _ = index.tensors(in: shard)
    }
  }

  private func readParameters(_ bytes: [UInt8]) throws {
    let parameters = try MetaParameters(JSONValue(parsing: MappedBytes(bytes), path: "params.json"), file: "params.json")
    _ = parameters.configuration(vocabularySize: 32_000, tiesEmbeddings: false)
  }

  private func readTokenizer(_ bytes: [UInt8]) throws {
    try withFile(bytes, named: "tokenizer") { path in
      let tokenizer = try openTokenizer(at: path)
      let ids = try tokenizer.encode("Hello,  world 42!\n\tÄ 你好 <s></s><|eot_id|>\u{200D}\u{0301}")
      _ = try tokenizer.decode(ids)
      for id in 0..<Int32(clamping: min(tokenizer.vocabularySize, 64)) {
        _ = try tokenizer.piece(id)
        _ = try tokenizer.kind(id)
      }
      _ = try tokenizer.decode(Array(0..<Int32(clamping: min(tokenizer.vocabularySize, 64))))
    }
  }

  /// As what is extended, and as what is appended.
  private func merge(_ bytes: [UInt8]) {
    guard let tiny = FuzzedReader.tinyModel, let model = try? SentencePieceModel(bytes: bytes, path: "file") else { return }
    _ = try? VocabularyMerge(base: model, adding: [tiny], specials: ["[PAD]"])
    _ = try? VocabularyMerge(base: tiny, adding: [model], specials: ["[PAD]"], kind: .userDefined)
  }

  private func readRows(_ bytes: [UInt8]) throws {
    try withFile(bytes, named: "rows.json") { path in
      let options = DataOptions(train: [DataOptions.Source(path: path)])
      let set = try TrainingSet(options, batchSize: 4, seed: 1, tokenizer: FuzzedReader.tokenizer, vocabularySize: 512)
      for step in 0..<min(set.stepsPerEpoch, 8) { _ = try set.examples(epoch: 0, step: step) }
    }
  }

  /// In place of the entry that a cache has for a text: whatever it holds, the blocks are the text's.
  private func readTokens(_ bytes: [UInt8]) throws {
    let text = (0..<20).map { "{\"text\": \"the number \($0 % 7) and on\", \"id\": \($0)}\n" }.joined()
    try withFile(Array(text.utf8), named: "text.jsonl") { path in
      func open() throws -> (set: TrainingSet, blocks: [[MaskedSequence]]) {
        let set = try TrainingSet(
          DataOptions(train: [DataOptions.Source(path: path)]), batchSize: 4, seed: 1, tokenizer: FuzzedReader.tokenizer,
          vocabularySize: 512, tokenCache: TokenCache(folder: path + ".tokens"))
        return (set, try (0..<set.stepsPerEpoch).map { try set.examples(epoch: 0, step: $0) })
      }
      let expected = try open()
      let entry: String
      switch expected.set.texts.first?.origin {
      case .kept(let path), .cached(let path): entry = path
      case .tokenized, nil: return
      }
      try Data(bytes).write(to: URL(fileURLWithPath: entry))
      let found = try open().blocks
      precondition(found == expected.blocks, "tokens of something else")
    }
  }

  /// Questions of an evaluation, in whatever form the bytes are.
  private func readPublished(_ bytes: [UInt8]) throws {
    try withFile(bytes, named: "published") { path in
      for table in try DataFolder(path).tables { _ = try table.rows() }
      for task in TaskLibrary.names { _ = try? TaskLibrary.open(task, TaskOptions(data: path, limit: 8)) }
    }
  }

  private func readAdapter(_ bytes: [UInt8]) throws {
    guard let base = FuzzedReader.base, let weights = FuzzedReader.adapterWeights else { return }
    try withFile(weights, named: "adapter/adapter_model.safetensors") { _ in
      try withFile(bytes, named: "adapter/adapter_config.json") { path in
        _ = try PEFTAdapter.open(String(path.dropLast("/adapter_config.json".count)), for: base, use: .merging)
      }
    }
  }

  private static let base = try? Base.open("\(goldens)/base")
  private static let adapterWeights = FileManager.default.contents(atPath: "\(goldens)/adapter/adapter_model.safetensors").map {
    [UInt8]($0)
  }
  private static let goldens = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("GoldenTests/goldens/grouped").path

  private static let tinyModel = try? SentencePieceModel(bytes: TinySentencePiece().bytes, path: "tiny")
  private static let tokenizer: (any Tokenizer)? = try? SentencePieceTokenizer(bytes: TinySentencePiece().bytes, name: "tiny")

  /// Writes over the same file for every input of a process, in memory where the machine has a file system there.
  private func withFile(_ bytes: [UInt8], named name: String, _ body: (String) throws -> Void) throws {
    let url = FuzzedReader.folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    try body(url.path)
  }

  /// Removes what this process wrote.
  public static func clean() { try? FileManager.default.removeItem(at: folder) }

  private static let folder: URL = {
    let memory = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    return URL(fileURLWithPath: memory).appendingPathComponent("puna-fuzz-\(ProcessInfo.processInfo.processIdentifier)")
  }()
}
