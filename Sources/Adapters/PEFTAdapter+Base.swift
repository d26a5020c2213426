import Bases
import Checkpoints
import Foundation

extension PEFTAdapter {
  /// Reads the adapter at `path` and makes sure that it was trained on `base`, as far as its run's `run.json` tells. An adapter from
  /// elsewhere has no such record: its shapes are checked, and a note says so.
  ///
  /// - Parameter allowOtherBase: Go on with a note when the record names a base of another fingerprint.
  /// - Throws: `AdapterError` with everything that is wrong with it, or that it cannot do for `use`.
  public static func open(_ path: String, for base: Base, use: Use = .network, allowOtherBase: Bool = false) throws -> PEFTAdapter {
    let path = withoutTrailingSlash(path)
    let adapter = try read(path, shape: base.configuration, use: use).withoutLayers(of: base)
    let origin = try AdapterOrigin(of: path)
    guard let recorded = origin.fingerprint else {
      return adapter.noting(["\(path): no run.json says which base it was trained on; only its shapes were checked against \(base.path)."])
    }
    var notes: [String] = []
    let fingerprint = base.fingerprint()
    if recorded != fingerprint {
      let problem = AdapterError.Problem.otherBase(fingerprint: recorded, base: base.path, baseFingerprint: fingerprint)
      guard allowOtherBase else { throw AdapterError(path: path, problems: [problem]) }
      notes.append("\(path): was trained on a base with fingerprint \(recorded.prefix(4))..., not on \(base.path).")
    }
    return adapter.noting(notes)
  }

  /// PEFT writes what it found beside an adapter of the embedding or the head: that says nothing where it is the base's own.
  private func withoutLayers(of base: Base) -> PEFTAdapter {
    let saved = savedWeights.filter { name, weight in
      guard vocabularyDeltas.contains(where: { $0.weightName == name }) else { return true }
      let tied = name == PEFTAdapter.headName && base.configuration.tiesEmbeddings
      return base.weights[tied ? PEFTAdapter.embeddingName : name].map { !weight.hasSameBytes(as: $0) } ?? true
    }
    return PEFTAdapter(
      path: path, configuration: configuration, modules: modules, vocabularyDeltas: vocabularyDeltas, savedWeights: saved, notes: notes)
  }
}
