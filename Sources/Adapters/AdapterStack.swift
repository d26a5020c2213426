import Bases
import Checkpoints
import Foundation

/// The adapters that make one model with a base, in order: to run beside it, to be trained over, or to be folded in.
///
/// With them goes what they stand on: an adapter that was trained over frozen ones comes after those, named or not. What an adapter contains
/// already, such as one that it continued, is refused beside it. For each weight one goes through the inputs in order: a saved weight
/// replaces what there is, then `weight · delta` is added. A tied head begins as the embedding and stays what it is when an input
/// changes the embedding alone, as in PEFT: where the two differ in the end, they are apart.
public struct AdapterStack: Sendable {
  public struct Input: Sendable {
    public let adapter: PEFTAdapter
    /// Factor of its deltas; 1 for an adapter with DoRA or saved weights.
    public let weight: Double

    /// Whether it replaces the embedding, and with it the tokenizer.
    public var bringsEmbedding: Bool { adapter.savedWeights[PEFTAdapter.embeddingName] != nil }

    package init(adapter: PEFTAdapter, weight: Double) {
      self.adapter = adapter
      self.weight = weight
    }
  }

  public let inputs: [Input]
  /// What a person should know, those of the adapters included.
  public let notes: [String]

  /// No adapter.
  public static let empty = AdapterStack(inputs: [], notes: [])

  package init(inputs: [Input], notes: [String]) {
    self.inputs = inputs
    self.notes = notes
  }

  /// Without the last one, which is continued rather than stood on.
  public func droppingLast() -> AdapterStack { AdapterStack(inputs: inputs.dropLast(), notes: notes) }

  /// This, and over it what of `other` is not in it.
  public func under(_ other: AdapterStack) -> AdapterStack {
    let more = other.inputs.filter { input in !inputs.contains { $0.adapter.path == input.adapter.path } }
    return AdapterStack(inputs: inputs + more, notes: notes + other.notes.filter { !notes.contains($0) })
  }

  /// Opens the adapters that a user named, and those below them.
  ///
  /// - Throws: `AdapterError` with everything that is wrong with one of them or with the list.
  public static func open(
    _ adapters: [(path: String, weight: Double)], for base: Base, use: PEFTAdapter.Use, allowOtherBase: Bool = false
  ) throws -> AdapterStack {
    let list = try AdapterList(adapters)
    let inputs = try list.entries.map {
      Input(adapter: try PEFTAdapter.open($0.path, for: base, use: use, allowOtherBase: allowOtherBase), weight: $0.weight)
    }
    for (index, input) in inputs.enumerated() {
      let others = inputs.indices.filter { $0 != index }.map { inputs[$0].adapter.path }
      let problems = input.adapter.problems(weight: input.weight, beside: others)
      guard problems.isEmpty else { throw AdapterError(path: input.adapter.path, problems: problems.map { .list($0) }) }
    }
    try checkVocabularies(inputs, base)
    let changes = try changesBelow(list, inputs, allowed: allowOtherBase)
    return AdapterStack(inputs: inputs, notes: list.notes + changes + inputs.flatMap(\.adapter.notes) + replacements(inputs))
  }

  /// What stands below an adapter must be what it was trained over, as far as its record tells.
  ///
  /// - Returns: notes on what is not, where that is allowed.
  private static func changesBelow(_ list: AdapterList, _ inputs: [Input], allowed: Bool) throws -> [String] {
    var notes: [String] = []
    for entry in list.entries {
      for reference in entry.origin.below {
        let path = withoutTrailingSlash(reference.path)
        guard let recorded = reference.fingerprint, let input = inputs.first(where: { $0.adapter.path == path }) else { continue }
        let found = input.adapter.fingerprint()
        guard found != recorded else { continue }
        let problem = AdapterListProblem.changedBelow(path: path, recorded: recorded, found: found)
        guard allowed else { throw AdapterError(path: entry.path, problems: [.list(problem)]) }
        notes.append(problem.text(in: entry.path))
      }
    }
    return notes
  }

  /// Each adapter must fit the vocabulary that those before it make.
  private static func checkVocabularies(_ inputs: [Input], _ base: Base) throws {
    var rows = base.configuration.vocabularySize
    for input in inputs {
      let adapter = input.adapter
      let saved = [PEFTAdapter.embeddingName, PEFTAdapter.headName].compactMap { adapter.savedWeights[$0] }
      let found = saved.map { ($0.name, $0.shape.first ?? 0) } + adapter.vocabularyDeltas.map { ($0.weightName, $0.rows) }
      if saved.count == 2, let larger = saved.first?.shape.first { rows = max(rows, larger) }
      if let (tensor, count) = found.first(where: { $0.1 != rows }) {
        throw AdapterError(path: adapter.path, problems: [.list(.otherVocabulary(tensor: tensor, rows: count, expected: rows))])
      }
    }
  }

  /// What later adapters take away from earlier ones.
  private static func replacements(_ inputs: [Input]) -> [String] {
    var changed: [String: String] = [:]
    var notes: [String] = []
    for input in inputs {
      let adapter = input.adapter
      for name in adapter.savedWeights.keys.sorted() {
        if let earlier = changed[name] { notes.append("\(adapter.path): its '\(name)' replaces what \(earlier) made of it.") }
      }
      for name in Array(adapter.savedWeights.keys) + adapter.deltas.map(\.weightName) { changed[name] = adapter.path }
    }
    return notes
  }
}

extension PEFTAdapter {
  fileprivate func problems(weight: Double, beside others: [String]) -> [AdapterListProblem] {
    var problems: [AdapterListProblem] = []
    if weight != 1 {
      if usesDoRA { problems.append(.weightNotOne(weight: weight, of: "DoRA")) }
      if let name = savedWeights.keys.sorted().first { problems.append(.weightNotOne(weight: weight, of: "a whole weight ('\(name)')")) }
    }
    if usesDoRA, !others.isEmpty { problems.append(.doRABesideOthers(others)) }
    return problems
  }
}

/// The list that a person gave with what stands below, each adapter once.
private struct AdapterList {
  struct Entry {
    let path: String
    let weight: Double
    let origin: AdapterOrigin
    /// The adapter that was trained over it; nil for one that was given.
    let above: String?
  }

  private(set) var entries: [Entry] = []
  private(set) var notes: [String] = []

  init(_ adapters: [(path: String, weight: Double)]) throws {
    let given = try adapters.map { path, weight in
      Entry(path: withoutTrailingSlash(path), weight: weight, origin: try AdapterOrigin(of: path), above: nil)
    }
    for entry in given {
      guard entry.weight.isFinite else { throw AdapterList.failure(entry, .badWeight(entry.weight)) }
      for below in try AdapterList.adapters(below: entry) { try add(below) }
      try add(entry)
    }
    for entry in entries {
      let continued = try entry.origin.continued()
      if let other = entries.first(where: { continued.contains($0.origin.identity) && $0.path != entry.path }) {
        throw AdapterList.failure(other, .continued(by: entry.path))
      }
    }
  }

  private mutating func add(_ entry: Entry) throws {
    guard let other = entries.first(where: { $0.origin.identity == entry.origin.identity }) else {
      entries.append(entry)
      return
    }
    switch (entry.above, other.above) {
    case (nil, nil): throw AdapterList.failure(entry, .twice(other: other.path))
    // Naming what stands below is no mistake where it says the same.
    case (let above?, nil):
      guard entry.origin.path == other.origin.path, entry.weight == other.weight else {
        throw AdapterList.failure(other, .alreadyBelow(other: above, weight: entry.weight))
      }
    case (nil, let above?):
      guard entry.origin.path == other.origin.path, entry.weight == other.weight else {
        throw AdapterList.failure(entry, .alreadyBelow(other: above, weight: other.weight))
      }
    case (let above?, let otherAbove?):
      guard entry.origin.path == other.origin.path else { throw AdapterList.failure(entry, .twice(other: other.path)) }
      guard entry.weight == other.weight else {
        throw AdapterList.failure(entry, .belowTwice(other: otherAbove, weight: entry.weight, otherWeight: other.weight))
      }
      notes.append("\(entry.path): was below both \(otherAbove) and \(above); it is folded in once.")
    }
  }

  /// What an adapter was trained over, as its record says: all of it, so that nothing further down is looked for.
  private static func adapters(below entry: Entry) throws -> [Entry] {
    try entry.origin.below.map { reference in
      guard FileManager.default.fileExists(atPath: reference.path) else {
        let folder = FileManager.default.currentDirectoryPath
        throw failure(entry, .missingBelow(path: reference.path, record: entry.origin.record ?? RunRecord.fileName, folder: folder))
      }
      return Entry(
        path: withoutTrailingSlash(reference.path), weight: reference.weight, origin: try AdapterOrigin(of: reference.path),
        above: entry.path)
    }
  }

  private static func failure(_ entry: Entry, _ problem: AdapterListProblem) -> AdapterError {
    AdapterError(path: entry.path, problems: [.list(problem)])
  }
}
