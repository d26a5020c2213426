import Checkpoints
import JSON
import Llama
import Tensors

extension PEFTAdapter {
  /// Reads the adapter at `path` for a base of shape `base`. Whether it was trained on that base is not looked at:
  /// see `open(_:for:use:allowOtherBase:)`.
  ///
  /// - Throws: `AdapterError` with everything that is wrong with it, or that it cannot do for `use`.
  public static func read(_ path: String, shape base: LlamaConfiguration, use: Use = .network) throws -> PEFTAdapter {
    let path = withoutTrailingSlash(path)
    let files = try PEFTFiles(path)
    let configuration: PEFTConfiguration
    let targets: [PEFTConfiguration.Target]
    do throws(ConfigurationProblems) {
      configuration = try PEFTConfiguration(files.configuration)
      targets = try configuration.targets(in: base)
    } catch {
      throw AdapterError(path: path, problems: error.problems)
    }
    if configuration.usesDoRA, targets.contains(where: { $0.module == .embedding }) {
      let advice = "DoRA is folded into projections and the head."
      throw AdapterError(
        path: path, problems: [.refused(key: "use_dora", value: "true for an adapter of embed_tokens", advice: advice)])
    }
    var reading = Reading(files, configuration, base)
    if use == .network {
      let problems = reading.reasonsToMerge(targets)
      guard problems.isEmpty else { throw AdapterError(path: path, problems: problems) }
    }
    // What replaces embedding and head says how many rows their deltas have.
    reading.takeSavedWeights()
    var modules: [Module] = []
    var vocabularyDeltas: [Delta] = []
    for target in targets {
      if case .projection(let layer, let projection) = target.module {
        if let module = reading.module(target, layer, projection) { modules.append(module) }
      } else if let delta = reading.vocabularyDelta(target) {
        vocabularyDeltas.append(delta)
      }
    }
    let problems = reading.finish()
    guard problems.isEmpty else { throw AdapterError(path: path, problems: problems) }
    // Without a pair of matrices PEFT takes no adapter; one that is zero adds nothing and cannot learn.
    if !reading.saved.isEmpty, modules.allSatisfy(\.isDead), vocabularyDeltas.isEmpty { modules = [] }
    let adapter = PEFTAdapter(
      path: path, configuration: configuration, modules: modules, vocabularyDeltas: vocabularyDeltas, savedWeights: reading.saved,
      notes: reading.notes.map { "\(path)/\(configurationName): \($0)" }
        + (files.others.isEmpty ? [] : ["\(path)/\(files.weightsName): \(AdapterError.list(files.others)) no tensors."]))
    return base.tiesEmbeddings && adapter.changes(embeddingName) != adapter.changes(headName)
      ? adapter.noting([
        "\(path): changes one of embedding and head, which are the same matrix in the base: the other stays as it is, as in PEFT."
      ]) : adapter
  }
}

/// An adapter on its way from the files.
private struct Reading {
  private let configuration: PEFTConfiguration
  private let base: LlamaConfiguration
  private let document: JSONValue
  private let file: String
  private var tensors: PEFTTensors
  private(set) var saved: [String: StoredWeight] = [:]
  /// About the configuration.
  private(set) var notes: [String]

  init(_ files: PEFTFiles, _ configuration: PEFTConfiguration, _ base: LlamaConfiguration) {
    self.configuration = configuration
    self.base = base
    file = files.weightsName
    document = files.configuration
    notes = configuration.notes
    tensors = PEFTTensors(files, weights: PEFTAdapter.weightNames(of: base))
  }

  /// Why the adapter cannot run beside its base.
  func reasonsToMerge(_ targets: [PEFTConfiguration.Target]) -> [AdapterError.Problem] {
    func reason(_ key: String) -> AdapterError.Problem { .onlyMerges(key: key, value: document[key]?.excerpt ?? "not set") }
    var reasons: [AdapterError.Problem] = []
    if configuration.usesDoRA { reasons.append(reason("use_dora")) }
    if targets.contains(where: { $0.module == .embedding || $0.module == .head }) { reasons.append(reason("target_modules")) }
    return reasons
  }

  mutating func module(_ target: PEFTConfiguration.Target, _ layer: Int, _ projection: Projection) -> PEFTAdapter.Module? {
    let (outputs, inputs) = projection.shape(in: base)
    guard let (a, b, magnitude) = matrices(target, outputs: outputs, inputs: inputs) else { return nil }
    return PEFTAdapter.Module(
      layer: layer, projection: projection, rank: target.rank, alpha: target.alpha, scale: scale(target), a: a, b: b, magnitude: magnitude)
  }

  mutating func vocabularyDelta(_ target: PEFTConfiguration.Target) -> PEFTAdapter.Delta? {
    let path = target.module.path
    let rows = saved[target.module.weightName]?.shape.first ?? base.vocabularySize
    if target.module == .head {
      guard let (a, b, magnitude) = matrices(target, outputs: rows, inputs: base.hiddenSize) else { return nil }
      return PEFTAdapter.Delta(
        weightName: target.module.weightName, rank: target.rank, scale: scale(target), a: a, b: b, magnitude: magnitude)
    }
    // PEFT's embedding adds (B A)ᵀ: its Bᵀ and Aᵀ are what A and B are elsewhere.
    let a = tensors.take(path, .embeddingA, shape: [target.rank, rows])
    let b = tensors.take(path, .embeddingB, shape: [base.hiddenSize, target.rank])
    guard let a, let b else { return nil }
    return PEFTAdapter.Delta(
      weightName: target.module.weightName, rank: target.rank, scale: scale(target), a: transposed(b, columns: target.rank),
      b: transposed(a, columns: rows))
  }

  private mutating func matrices(
    _ target: PEFTConfiguration.Target, outputs: Int, inputs: Int
  ) -> (a: [Float], b: [Float], magnitude: [Float]?)? {
    let path = target.module.path
    let a = tensors.take(path, .a, shape: [target.rank, inputs])
    let b = tensors.take(path, .b, shape: [outputs, target.rank])
    let magnitude = configuration.usesDoRA ? tensors.take(path, .magnitude, shape: [outputs]) : nil
    guard let a, let b, !configuration.usesDoRA || magnitude != nil else { return nil }
    return (a, b, magnitude)
  }

  private func scale(_ target: PEFTConfiguration.Target) -> Double {
    PEFTConfiguration.scale(rank: target.rank, alpha: target.alpha, usesRSLoRA: configuration.usesRSLoRA)
  }

  private func transposed(_ matrix: [Float], columns: Int) -> [Float] {
    let rows = matrix.count / columns
    return [Float](unsafeUninitializedCapacity: matrix.count) { result, count in
      for column in 0..<columns {
        for row in 0..<rows { result[column * rows + row] = matrix[row * columns + column] }
      }
      count = matrix.count
    }
  }

  /// Takes every weight that `modules_to_save` names, and others that lie there too, as a resized embedding does.
  mutating func takeSavedWeights() {
    var shapes = Dictionary(uniqueKeysWithValues: base.expectedTensors.map { ($0.name, $0.shape) })
    shapes[PEFTAdapter.headName] = shapes[PEFTAdapter.embeddingName]
    let (named, unknown) = configuration.savedWeights(in: base)
    notes += unknown.map { "'modules_to_save' names '\($0)', which is no module of the base: nothing was saved for it." }
    let names = Set(named).union(tensors.savedPaths.map { "\($0).weight" })
    for name in names.sorted() {
      guard var shape = shapes[name] else { continue }
      let path = String(name.dropLast(".weight".count))
      if name == PEFTAdapter.embeddingName || name == PEFTAdapter.headName {
        // A vocabulary may grow.
        shape[0] = max(shape[0], tensors.savedRows(of: path) ?? 0)
      }
      saved[name] = tensors.takeSaved(path, shape: shape)
    }
    // A tied head cannot stay what it is beside a larger embedding.
    if base.tiesEmbeddings, !names.contains(PEFTAdapter.headName), let embedding = saved[PEFTAdapter.embeddingName],
      embedding.shape != shapes[PEFTAdapter.embeddingName]
    {
      saved[PEFTAdapter.headName] = StoredWeight(name: PEFTAdapter.headName, shape: embedding.shape, segments: embedding.segments)
    }
  }

  mutating func finish() -> [AdapterError.Problem] {
    let problems = tensors.finish()
    let embedding = saved[PEFTAdapter.embeddingName]?.shape.first ?? base.vocabularySize
    let head = saved[PEFTAdapter.headName]?.shape.first ?? base.vocabularySize
    guard problems.isEmpty, embedding != head else { return problems }
    return [.unevenVocabulary(file: file, embedding: embedding, head: head)]
  }
}

extension PEFTAdapter {
  /// Whether a weight of the base becomes another.
  func changes(_ weight: String) -> Bool { savedWeights[weight] != nil || vocabularyDeltas.contains { $0.weightName == weight } }
}
