import Adapters
import Bases
import CPUBackend
import Llama
import Tensors
import Testing

/// Embedding and head trained as PEFT trains its `modules_to_save`: whole or new rows alone, as two matrices or as one
/// (Tools/goldens/embeddings.py).
@Suite(.serialized) struct EmbeddingGoldenTests {
  enum Case: String, CaseIterable {
    case untied = "embeddings-untied"
    case parted = "embeddings-parted"
    case tied = "embeddings-tied"
    case input = "embeddings-input"
    case newRows = "embeddings-new-rows"
    case newRowsTied = "embeddings-new-rows-tied"
    case alone = "embeddings-alone"

    var golden: GoldenCase { GoldenCase.inRepository(rawValue) }
    var base: Base { get throws { try Base.open("\(golden.path)/base") } }
    var isTied: Bool { self == .tied || self == .newRowsTied }
    var grows: Bool { self == .newRows || self == .newRowsTied }

    var vocabulary: TrainedVocabulary {
      let rows = grows ? 40..<47 : 0..<40
      return TrainedVocabulary(embedding: rows, head: isTied || self == .input ? nil : rows)
    }
  }

  private func model(_ one: Case, instructionSet: InstructionSet? = nil) throws -> GoldenTests.Model {
    let base = try one.base
    let peft = try PEFTAdapter.open("\(one.golden.path)/adapter", for: base)
    let adapted = AdaptedBase(base).continuing(peft)
    #expect(adapted.configuration.tiesEmbeddings == one.isTied)
    #expect(peft.modules.isEmpty == (one == .alone))
    let backend = try CPUBackend(precision: .float32, threads: 2, instructionSet: instructionSet)
    let adapter = try LoRAAdapter(training: peft.loraModules, vocabulary: one.vocabulary, of: adapted.baseWeights, on: backend)
    return GoldenTests.Model(
      backend: backend, model: try LlamaModel(weights: adapted.baseWeights, adapters: [adapter], on: backend), adapter: adapter)
  }

  @Test(arguments: Case.allCases, InstructionSet.allCases.filter(\.isAvailable))
  func logits(one: Case, instructionSet: InstructionSet) throws {
    let model = try model(one, instructionSet: instructionSet)
    try model.expectLogits("logits_adapter", of: one.golden)
  }

  /// The base before the adapter, grown by means where its vocabulary is.
  @Test(arguments: Case.allCases) func logitsOfTheBase(one: Case) throws {
    let growth = VocabularyGrowth(first: 40, rowCount: 47, initialization: .mean, seed: 1)
    let adapted = AdaptedBase(try one.base).growing(by: one.grows ? growth : nil)
    let backend = try CPUBackend(precision: .float32, threads: 1)
    let model = try LlamaModel(weights: adapted.baseWeights, on: backend)
    let adapter = LoRAAdapter([], configuration: adapted.configuration, on: backend)
    try GoldenTests.Model(backend: backend, model: model, adapter: adapter).expectLogits("logits_base", of: one.golden)
    guard one.grows else { return }
    for (name, values) in try one.golden.expected().floats(withPrefix: "initial.base_model.model.") {
      let weight = try #require(adapted.weights[name])
      #expect((0..<47).flatMap { weight.floats(ofRow: $0) } == values, "\(name)")
    }
  }

  @Test(arguments: Case.allCases) func lossAndGradients(one: Case) throws {
    try model(one).expectLossAndGradients(of: one.golden, rows: one.vocabulary)
  }

  @Test(arguments: Case.allCases, [64, 4096]) func trainingRun(one: Case, microBatchTokens: Int) throws {
    try model(one).expectTrainingRun(of: one.golden, microBatchTokens: microBatchTokens, rows: one.vocabulary)
  }
}
