import Bases
import Checkpoints
import Foundation
import JSON
import Tensors

/// How a merge is written.
public struct MergeOptions: Sendable, Equatable {
  /// Layouts of a base folder.
  public enum Format: String, Sendable, CaseIterable {
    case huggingFace = "hf"
    case meta
  }

  /// The types that weights can have.
  public enum Precision: String, Sendable, CaseIterable {
    case bfloat16, float16, float32

    var dtype: DType {
      switch self {
      case .bfloat16: .bfloat16
      case .float16: .float16
      case .float32: .float32
      }
    }
  }

  /// Folder to make.
  public var output: String
  /// Nil is the base's.
  public var format: Format?
  /// What every tensor is stored as; nil keeps each tensor's own type.
  public var precision: Precision?
  /// Bytes of a file of a Hugging Face folder.
  public var maximumShardSize = 5_000_000_000
  /// Files of a Meta folder; nil is as many as Meta gave a model of its size.
  public var shardCount: Int?

  public init(output: String) { self.output = output }

  /// As many as anybody ever split a model into.
  public static let mostShards = 64

  /// What the output will be: the base's layout unless told otherwise.
  public func format(for base: Base) -> Format { format ?? (base.layout == .meta ? .meta : .huggingFace) }

  /// Options that do not go together, in a sentence; nil for none.
  public func contradiction(statesShardSize: Bool) -> String? {
    if shardCount != nil, format != .meta { return "shards is for format meta; hf is split by max-shard-size." }
    if statesShardSize, format == .meta { return "max-shard-size is for format hf; meta is split into shards." }
    return nil
  }
}

/// Folds adapters into a base and proves the result: `W + Σ weight · scale · B A`, summed in Double and rounded once.
///
/// The base's files are read in place and a few pieces at a time are in memory. Everything is written to a hidden folder beside the output,
/// opened again and compared element by element with a computation of its own; only then the folder gets its name.
public struct Merge: Sendable {
  /// What was written, for comparing its logits with those of base and adapters before it gets its name.
  public struct Result: Sendable {
    public let merged: Base
    /// The tensors that are not copies, in the order of the network.
    public let changes: [TensorChange]
  }

  /// How far a merge is.
  public enum Progress: Sendable, Equatable {
    /// Bytes made, of all.
    case merging(Int, of: Int)
    /// Bytes read back and compared, of all.
    case proving(Int, of: Int)
    case comparingLogits
    case hashing
  }

  public let base: Base
  public let inputs: [AdapterStack.Input]
  public let options: MergeOptions
  /// What a person should know before it begins.
  public let notes: [String]
  package let plan: MergePlan
  private let files: ModelFiles
  /// Nil where the output is a Hugging Face folder.
  private let meta: MetaOutput?
  private let baseFingerprint: String
  private let fingerprints: [String]

  /// Looks at everything that can go wrong before the first byte is written.
  ///
  /// - Parameters:
  ///   - files: The base's small files.
  ///   - tokenizers: Files of each input's folder, from which an input with an embedding of its own brings its tokenizer.
  /// - Throws: `MergeError` and `CheckpointError`.
  public init(base: Base, files: ModelFiles, inputs: AdapterStack, tokenizers: [ModelFiles], options: MergeOptions) throws {
    precondition(tokenizers.count == inputs.inputs.count, "files for each input")
    self.base = base
    self.inputs = inputs.inputs
    self.options = options
    let format = options.format(for: base)
    var stated = options
    stated.format = format
    let statesShardSize = options.maximumShardSize != MergeOptions(output: "").maximumShardSize
    if let sentence = stated.contradiction(statesShardSize: statesShardSize) { throw MergeError([.options(sentence)]) }
    var readFolders = [(base.path, "the base")]
    readFolders += inputs.inputs.map { ($0.adapter.path, "an adapter") }
    try MergeFolder.check(options.output, inputs: readFolders)
    fingerprints = inputs.inputs.map { $0.adapter.fingerprint() }
    try Merge.checkAdapters(inputs.inputs, fingerprints, base: base)
    plan = try MergePlan(base: base, inputs: inputs.inputs, dtype: options.precision?.dtype)
    var files = files
    var notes = inputs.notes + plan.notes
    var hasOwnTokenizer = true
    for (input, brought) in zip(inputs.inputs, tokenizers) where input.bringsEmbedding {
      if brought.hasTokenizer {
        files.replaceTokenizer(by: brought)
        hasOwnTokenizer = false
        notes.append("the tokenizer is that of \(input.adapter.path), which brings an embedding of its own.")
      } else if plan.configuration.vocabularySize != base.configuration.vocabularySize {
        notes.append("\(input.adapter.path) brings an embedding of its own, but no tokenizer: the base's is kept.")
      }
    }
    self.files = files
    if format == .meta {
      let output = try MetaOutput(plan, base: base, files: files, hasOwnTokenizer: hasOwnTokenizer, shardCount: options.shardCount)
      notes += output.notes
      meta = output
    } else {
      meta = nil
    }
    self.notes = notes
    try MergeFolder.checkSpace(for: meta?.layout.byteCount ?? plan.byteCount, at: options.output)
    baseFingerprint = base.fingerprint()
  }

  /// Merges, proves and names the output.
  ///
  /// - Parameters:
  ///   - merger: Does the arithmetic; used on the calling thread.
  ///   - version: Of Puna, for the report.
  ///   - compareLogits: Runs base and adapters, and what was merged; nil where that cannot be done, which the notes then say.
  /// - Throws: `MergeError`, `MergeInterrupted` and `CheckpointError`; nothing is left behind then.
  public func run(
    on merger: any RowMerger, version: String, progress: @escaping (Progress) -> Void = { _ in },
    isInterrupted: @escaping () -> Bool = { false },
    compareLogits: (Result) throws -> (LogitsComparison?, notes: [String])
  ) throws -> MergeReport {
    let folder = try MergeFolder(output: options.output)
    defer { folder.discard() }
    do {
      let report = try fill(
        folder.path, on: merger, version: version, progress: progress, isInterrupted: isInterrupted, compareLogits: compareLogits)
      try folder.finish()
      return report
    } catch let error as CheckpointError where error.path.hasPrefix(folder.path) {
      // People know the output's name, not the hidden one.
      throw CheckpointError(path: options.output + error.path.dropFirst(folder.path.count), reason: error.reason)
    }
  }

  private func fill(
    _ folder: String, on merger: any RowMerger, version: String, progress: @escaping (Progress) -> Void,
    isInterrupted: @escaping () -> Bool, compareLogits: (Result) throws -> (LogitsComparison?, notes: [String])
  ) throws -> MergeReport {
    let layout: any MergeLayout = meta?.layout ?? HuggingFaceLayout(plan.tensors, maximumShardSize: options.maximumShardSize)
    let toMake = layout.order.reduce(0) { $0 + $1.byteCount }
    try MergeStream(layout: layout, folder: folder, progress: { progress(.merging($0, of: toMake)) }, isInterrupted: isInterrupted)
      .run(on: merger)
    try meta?.writeFiles(to: folder) ?? writeFiles(to: folder)

    let merged = try Base.open(folder)
    let changes = try MergeProof(
      plan: plan, merged: storedWeights(merged), progress: { progress(.proving($0, of: plan.byteCount)) }, isInterrupted: isInterrupted
    ).run()
    let added = changes.filter(\.isMerged)
    if !added.isEmpty, added.allSatisfy({ $0.changedCount == 0 }), inputs.allSatisfy({ $0.adapter.savedWeights.isEmpty }) {
      throw MergeError([.nothingChanged(dtype: (options.precision?.dtype ?? base.dtype).rawValue)])
    }
    progress(.comparingLogits)
    let (logits, logitsNotes) = try compareLogits(Result(merged: merged, changes: changes))
    if let logits, !logits.isExplained { throw MergeError([.proofLogits(Merge.unexplained(logits))]) }
    if isInterrupted() { throw MergeInterrupted() }

    progress(.hashing)
    let report = MergeReport(
      version: version, base: base.path, baseFingerprint: baseFingerprint, mergedFingerprint: merged.fingerprint(),
      adapters: zip(inputs, fingerprints).map { .init(path: $0.adapter.path, weight: $0.weight, fingerprint: $1) },
      format: options.format(for: base).rawValue, dtype: merged.dtype, changes: changes, tensorCount: plan.tensors.count, logits: logits,
      notes: notes + logitsNotes)
    try seal(folder, report)
    if isInterrupted() { throw MergeInterrupted() }
    return report
  }

  /// What adapters are laid over to compare logits: the sources of the merged weights, and where nothing was added what was written.
  package func referenceWeights(_ result: Result) -> [String: StoredWeight] {
    plan.tensors.filter(\.isChanged).reduce(into: result.merged.weights) { $0[$1.name] = $1.source }
  }

  /// A Meta folder cannot say that a head which equals the embedding is not tied to it.
  private func storedWeights(_ merged: Base) -> [String: StoredWeight] {
    var weights = merged.weights
    let head = PEFTAdapter.headName
    if meta != nil, !plan.configuration.tiesEmbeddings, weights[head] == nil, let embedding = weights[PEFTAdapter.embeddingName] {
      weights[head] = StoredWeight(name: head, shape: embedding.shape, segments: embedding.segments)
    }
    return weights
  }

  private static func unexplained(_ logits: LogitsComparison) -> String {
    """
    The merged model's logits differ from those of base and adapters by \(logits.difference) (root mean square), more than the \
    \(logits.bound) that rounding explains. Nothing was kept. Every element of the files was right, so that the adapters mean something else \
    to the network than to the merge: a mistake in Puna, which should be reported.
    """
  }

  /// Configuration, tokenizer and licences.
  private func writeFiles(to folder: String) throws {
    let input = try files.files[ModelFiles.configurationName].map { try JSONValue(parsing: $0, path: "\(base.path)/config.json") }
    var others = files
    others.remove(ModelFiles.configurationName)
    try others.write(to: folder)
    // Mixed types stay mixed: the configuration then goes on saying what it said.
    let counts = plan.tensors.reduce(into: [DType: Int]()) { $0[$1.dtype, default: 0] += $1.byteCount / $1.dtype.byteCount }
    let dtype = counts.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }?.key ?? base.dtype
    let document = MergedConfiguration.document(input, plan.configuration, base: base.configuration, dtype: dtype)
    try AtomicFile.write(document.text, to: "\(folder)/\(ModelFiles.configurationName)")
  }

  /// Writes the report and the sums of all files.
  private func seal(_ folder: String, _ report: MergeReport) throws {
    let names = Merge.names(in: folder)
    let checked = meta?.checkedNames ?? []
    let found = try Merge.digests(of: names.map { ($0, .sha256) } + checked.map { ($0, .md5) }, in: folder)
    var digests = Dictionary(uniqueKeysWithValues: zip(names, found))
    if !checked.isEmpty {
      let sums = Dictionary(uniqueKeysWithValues: zip(checked, found[names.count...]))
      try AtomicFile.write(Merge.list(sums, order: checked), to: "\(folder)/\(MetaOutput.checklistName)")
      digests[MetaOutput.checklistName] = try SHA256.digest(ofFile: "\(folder)/\(MetaOutput.checklistName)")
    }
    try AtomicFile.write(report.document(files: digests).text, to: "\(folder)/\(MergeReport.fileName)")
    digests[MergeReport.fileName] = try SHA256.digest(ofFile: "\(folder)/\(MergeReport.fileName)")
    try AtomicFile.write(Merge.list(digests, order: digests.keys.sorted()), to: "\(folder)/\(MergeReport.sumsName)")
  }

  /// As `sha256sum` and `md5sum` write it.
  private static func list(_ digests: [String: String], order: [String]) -> String {
    order.map { "\(digests[$0] ?? "")  \($0)\n" }.joined()
  }

  /// Of every file, by its path in the folder.
  private static func names(in folder: String) -> [String] {
    (FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []).filter { name in
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder) && !isFolder.boolValue
    }
  }

  private enum Algorithm { case sha256, md5 }

  /// In the order asked for; several files at a time.
  private static func digests(of files: [(name: String, algorithm: Algorithm)], in folder: String) throws -> [String] {
    var results = [Swift.Result<String, any Error>?](repeating: nil, count: files.count)
    results.withUnsafeMutableBufferPointer { results in
      nonisolated(unsafe) let places = results
      DispatchQueue.concurrentPerform(iterations: files.count) { index in
        let path = "\(folder)/\(files[index].name)"
        places[index] = Swift.Result { try files[index].algorithm == .md5 ? MD5.digest(ofFile: path) : SHA256.digest(ofFile: path) }
      }
    }
    return try results.map { try $0?.get() ?? "" }
  }

  private static func checkAdapters(_ inputs: [AdapterStack.Input], _ fingerprints: [String], base: Base) throws {
    let before = try MergeReport.adapters(in: base.path)
    var problems: [MergeProblem] = []
    var seen: [String: String] = [:]
    for (input, fingerprint) in zip(inputs, fingerprints) {
      let path = input.adapter.path
      if input.weight == 0 { problems.append(.zeroWeight(path)) }
      if input.adapter.isZero { problems.append(.zeroAdapter(path)) }
      if let weight = before[fingerprint] { problems.append(.mergedBefore(adapter: path, base: base.path, weight: weight)) }
      if let other = seen[fingerprint] { problems.append(.givenTwice(other, path)) }
      seen[fingerprint] = path
    }
    guard problems.isEmpty else { throw MergeError(problems) }
  }
}
