import Adapters
import Bases
import Checkpoints
import Foundation
import TestSupport
import Testing

/// Adapters of every kind, folded into their base as PEFT's `merge_and_unload` does it (Tools/goldens/adapters.py).
@Suite struct MergeGoldenTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("goldens").path
  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().filter {
    FileManager.default.fileExists(atPath: "\(folder)/\($0)/merged.safetensors") && $0 != "no-effect"
  }

  private func merge(_ name: String, _ output: String) throws -> (base: Base, merged: Base) {
    let base = try Base.open("\(MergeGoldenTests.folder)/\(name.hasPrefix("tied") ? "tied" : "base")")
    let inputs = try AdapterStack.open([("\(MergeGoldenTests.folder)/\(name)", 1)], for: base, use: .merging)
    let merge = try Merge(
      base: base, files: ModelFiles(of: base), inputs: inputs, tokenizers: inputs.inputs.map { _ in ModelFiles([:]) },
      options: MergeOptions(output: output))
    _ = try merge.run(on: PlainMerger(), version: "test") { _ in (nil, []) }
    return (base, try Base.open(output))
  }

  @Test func thereAreGoldens() { #expect(MergeGoldenTests.names.count > 12) }

  @Test(arguments: names) func mergedAsPEFTDoes(name: String) throws {
    let folder = try TemporaryFolder()
    let (base, merged) = try merge(name, folder.file("out"))
    let golden = try SafetensorsFile.open("\(MergeGoldenTests.folder)/\(name)/merged.safetensors")
    #expect(!golden.tensors.isEmpty)
    var changed: Set<String> = []
    for tensor in golden.tensors {
      // A head that is still the embedding is not stored.
      if tensor.name == "lm_head.weight", merged.configuration.tiesEmbeddings { continue }
      let expected = try #require(tensor.floats()).map(Double.init)
      let found = try merged.values(tensor.name)
      #expect(found.count == expected.count, "\(tensor.name)")
      let norm = expected.map { $0 * $0 }.reduce(0, +).squareRoot()
      let error = zip(found, expected).map { ($0 - $1) * ($0 - $1) }.reduce(0, +).squareRoot()
      #expect(error < 1e-6 * norm, "\(tensor.name)")
      changed.insert(tensor.name)
    }
    for name in base.weights.keys where !changed.contains(name) {
      #expect(try merged.values(name) == base.values(name), "\(name)")
    }
  }

  @Test func anAdapterWithoutEffectIsRefused() throws {
    let folder = try TemporaryFolder()
    let error = try #require(throws: MergeError.self) { try merge("no-effect", folder.file("out")) }
    #expect(error.problems == [.zeroAdapter("\(MergeGoldenTests.folder)/no-effect")])
  }
}
