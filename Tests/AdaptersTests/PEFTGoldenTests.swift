import Adapters
import Bases
import Checkpoints
import Foundation
import Llama
import Tensors
import TestSupport
import Testing

/// Adapters that PEFT wrote, with the weights that PEFT made of them (Tools/goldens/adapters.py).
struct PEFTGoldenTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("goldens").path

  @Test(arguments: [
    "plain", "first-version", "half", "patterns", "layers", "no-effect", "mica", "dora", "early-dora", "vocabulary", "saved", "larger",
    "larger-untrained", "saved-attention", "tied-saved", "tied-together", "tied-embedding",
  ])
  func foldedInItIsWhatPEFTMakesOfIt(name: String) throws {
    let base = try Base.open("\(PEFTGoldenTests.folder)/\(name.hasPrefix("tied") ? "tied" : "base")")
    let adapter = try PEFTAdapter.open("\(PEFTGoldenTests.folder)/\(name)", for: base, use: .merging)
    let expected = try SafetensorsFile.open("\(PEFTGoldenTests.folder)/\(name)/merged.safetensors")
    let before = FoldedWeights(base)
    var after = before
    after.fold(adapter)

    #expect(Set(expected.tensors.map(\.name)).isSubset(of: after.values.keys))
    #expect(adapter.isZero == expected.tensors.isEmpty)
    for (name, values) in after.values {
      guard let tensor = expected[name] else {
        #expect(values == before.values[name], "\(name)")
        continue
      }
      let merged = try #require(tensor.floats()).map(Double.init)
      try #require(merged.count == values.count)
      let error = zip(values, merged).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
      let norm = merged.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(error <= 2e-7 * norm, "\(name): \(error / norm)")
    }
  }

  /// Adapters of the embedding and the head carry the base's own matrices, which say nothing.
  @Test func whatPEFTFoundBesideAnAdapterIsNoSavedWeight() throws {
    let base = try Base.open("\(PEFTGoldenTests.folder)/base")
    let path = "\(PEFTGoldenTests.folder)/vocabulary"
    #expect(try PEFTAdapter.open(path, for: base, use: .merging).savedWeights.isEmpty)
    #expect(try PEFTAdapter.read(path, shape: base.configuration, use: .merging).savedWeights.count == 2)
  }

  @Test func anEmbeddingTrainedAloneLeavesTheHeadBehind() throws {
    let base = try Base.open("\(PEFTGoldenTests.folder)/tied")
    let path = "\(PEFTGoldenTests.folder)/tied-embedding"
    #expect(
      try PEFTAdapter.open(path, for: base, use: .merging).notes.first
        == "\(path): changes one of embedding and head, which are the same matrix in the base: the other stays as it is, as in PEFT.")
  }

  @Test(arguments: [
    ("dora", #"'use_dora' is true."#, #"'target_modules' is ["down_proj","lm_head","q_proj"]."#),
    ("vocabulary", #"'target_modules' is ["embed_tokens","lm_head","o_proj"]."#, nil),
  ])
  func whatOnlyMergesDoesNotRunBesideItsBase(name: String, first: String, second: String?) throws {
    let base = try Base.open("\(PEFTGoldenTests.folder)/base")
    let path = "\(PEFTGoldenTests.folder)/\(name)"
    let error = try #require(throws: AdapterError.self) { try PEFTAdapter.open(path, for: base) }
    func line(_ reason: String) -> String {
      "\(path)/adapter_config.json: \(reason) Such an adapter does not run beside its base: fold it in with `puna merge` and use the merged model."
    }
    #expect(Set(error.problems.map { $0.text(in: path) }) == Set([first, second].compactMap { $0 }.map(line)))
  }

  @Test(arguments: ["larger-untrained", "saved"]) func wholeWeightsRunBesideTheirBase(name: String) throws {
    let base = try Base.open("\(PEFTGoldenTests.folder)/base")
    let adapter = try PEFTAdapter.open("\(PEFTGoldenTests.folder)/\(name)", for: base)
    let adapted = AdaptedBase(base).continuing(adapter)
    #expect(adapter.savedWeights.count >= 2)
    for (name, weight) in adapter.savedWeights { #expect(adapted.weights[name]?.hasSameBytes(as: weight) == true, "\(name)") }
    #expect(adapted.configuration.vocabularySize == adapter.savedWeights["model.embed_tokens.weight"]?.shape[0])
    #expect(adapted.weights.keys == base.weights.keys)
  }
}

/// All weights of a base in double, into which adapters are folded step by step as the papers say.
private struct FoldedWeights {
  private(set) var values: [String: [Double]] = [:]

  init(_ base: Base) {
    for weight in base.weights.values { values[weight.name] = FoldedWeights.values(of: weight) }
    if base.configuration.tiesEmbeddings { values["lm_head.weight"] = values["model.embed_tokens.weight"] }
  }

  private static func values(of weight: StoredWeight) -> [Double] {
    var bytes: [UInt8] = []
    weight.withBytes(at: 0..<weight.byteCount) { bytes += $0 }
    return (MappedBytes(bytes).floats(weight.dtype) ?? []).map(Double.init)
  }

  mutating func fold(_ adapter: PEFTAdapter) {
    for (name, weight) in adapter.savedWeights { values[name] = FoldedWeights.values(of: weight) }
    for delta in adapter.deltas {
      var matrix = values[delta.weightName] ?? []
      for row in 0..<delta.rows {
        let columns = row * delta.columns..<(row + 1) * delta.columns
        for column in 0..<delta.columns {
          let product = (0..<delta.rank).reduce(0.0) {
            $0 + Double(delta.b[row * delta.rank + $1]) * Double(delta.a[$1 * delta.columns + column])
          }
          matrix[columns.lowerBound + column] += delta.scale * product
        }
        guard let magnitude = delta.magnitude else { continue }
        let length = matrix[columns].reduce(0) { $0 + $1 * $1 }.squareRoot()
        for index in columns { matrix[index] *= Double(magnitude[row]) / length }
      }
      values[delta.weightName] = matrix
    }
  }
}
