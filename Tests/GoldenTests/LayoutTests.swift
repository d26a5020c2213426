import Bases
import CPUBackend
import Llama
import TestSupport
import Tensors
import Testing

/// One base in several layouts and splits, written by PyTorch: the same weights, and the logits of transformers.
@Suite(.serialized) struct LayoutTests {
  private static let own = GoldenCase.own.filter { $0.description == "shards" }
  private static let sharedMeta = SharedFiles.exist ? ["llama2-mha", "llama3-gqa"].map { SharedFiles.file("goldens/\($0)") } : []

  @Test(arguments: own, ["base", "before-1.6", "meta-rows", "meta-columns"])
  func everyLayoutHasTheSameLogits(golden: GoldenCase, folder: String) throws {
    let base = try Base.open("\(golden.path)/\(folder)")
    #expect(base.layout == (folder.hasPrefix("meta") ? .meta : .pytorch))
    #expect(base.fingerprint() == (try Base.open("\(golden.path)/base")).fingerprint())
    for instructionSet in InstructionSet.allCases.filter(\.isAvailable) {
      try expectLogits(of: base, "logits_base", golden.expected(), instructionSet)
    }
  }

  /// Those folders cannot say their base's rotary scaling, so that they have logits of their own.
  @Test(arguments: sharedMeta) func metaFolders(path: String) throws {
    let base = try Base.open("\(path)/meta")
    try expectLogits(of: base, "logits_meta", GoldenCase(path: path).expected(), InstructionSet.best)
  }

  private func expectLogits(of base: Base, _ name: String, _ expected: Expected, _ instructionSet: InstructionSet) throws {
    let (tokens, shape) = (try expected.integers("tokens"), try expected.shape("tokens"))
    let segments = (0..<shape[0]).map { PackedBatch.Segment(rows: $0 * shape[1]..<($0 + 1) * shape[1], parent: .none, position: 0) }
    let backend = try CPUBackend(precision: .float32, threads: 2, instructionSet: instructionSet)
    let model = try LlamaModel(weights: BaseWeights(configuration: base.configuration, weights: base.weights), on: backend)
    let batch = PackedBatch(tokens: tokens.map(Int32.init), segments: segments, targets: [])
    let found = backend.read(model.logits(batch, rows: tokens.indices.map(Int32.init)))
    let largest = zip(found, try expected.floats(name)).map { abs($0 - $1) }.max() ?? .infinity
    #expect(largest < 2e-5, "\(base.path)")
  }
}
