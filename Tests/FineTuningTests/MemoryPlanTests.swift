import CPUBackend
import FineTuning
import Llama
import Tensors
import TestSupport
import Testing

/// The shape of TinyLlama 1.1B, of which 40 KB a row and layer are kept in bfloat16.
@Suite struct MemoryPlanTests {
  private let shape = LlamaConfiguration(
    vocabularySize: 32_000, hiddenSize: 2048, intermediateSize: 5632, layerCount: 22, headCount: 32, keyValueHeadCount: 4,
    headDimension: 64, normEpsilon: 1e-5)

  private func choose(
    limit: Int, most: Int = 2048, least: Int = 512, recompute: TrainingOptions.Recompute = .auto
  ) throws(TrainingError) -> MemoryPlan {
    try MemoryPlan.choose(
      MemoryPlan.Model(shape, base: 2_200_000_000, trainedParameters: 2_252_800, activationBytes: 2, branchColumns: 128),
      limit: limit, most: most, least: least, recompute: recompute)
  }

  @Test func whatIsSavedPerRow() {
    let model = MemoryPlan.Model(shape, base: 0, trainedParameters: 100, activationBytes: 2, program: 7)
    let plan = MemoryPlan(model, rows: 1000, recomputes: false)
    #expect(plan.activations / 1000 / 22 / 1000 == 40)
    #expect(plan.adapter == 2400)
    #expect(plan.privateBytes == plan.adapter + plan.activations + plan.workspace + 7 && plan.total == plan.privateBytes)
  }

  @Test func everythingFits() throws {
    let plan = try choose(limit: 16_000_000_000)
    #expect(plan.rows == 2048 && !plan.recomputes)
  }

  @Test func fewerRowsBeforeRecomputation() throws {
    let plan = try choose(limit: 3_600_000_000)
    #expect(plan.rows < 2048 && plan.rows >= 512 && !plan.recomputes && plan.total <= 3_600_000_000)
  }

  @Test func recomputationWhenRowsWouldBeTooFew() throws {
    let plan = try choose(limit: 2_750_000_000)
    #expect(plan.recomputes && plan.rows >= 512 && plan.total <= 2_750_000_000)
    #expect(try choose(limit: 16_000_000_000, recompute: .always).recomputes)
  }

  @Test func whatCannotFitIsRefusedWithASetting() {
    let error = #expect(throws: TrainingError.self) { try choose(limit: 2_300_000_000) }
    #expect(
      error?.description.contains("Lower training.micro_batch_tokens or data.max_length, or set training.recompute to always.") == true)
  }

  @Test(arguments: Array(stride(from: 2_500_000_000, to: 6_000_000_000, by: 250_000_000)))
  func aPlanNeverExceedsItsLimit(limit: Int) throws {
    guard let plan = try? choose(limit: limit) else { return }
    #expect(plan.total <= limit && plan.rows >= 512)
  }

  /// Tensors of a step hold what the plan says, no more, and not a fifth less; workers' own memory aside.
  @Test(arguments: [(false, false), (true, false), (false, true), (true, true)], [Precision.float32, .bfloat16])
  func whatAStepHoldsIsWhatWasPlanned(setting: (recomputes: Bool, trainsVocabulary: Bool), precision: Precision) throws {
    guard precision == .float32 || InstructionSet.best.multipliesBFloat16 else { return }
    let configuration = LlamaConfiguration(
      vocabularySize: 600, hiddenSize: 192, intermediateSize: 512, layerCount: 5, headCount: 6, keyValueHeadCount: 2, headDimension: 32,
      normEpsilon: 1e-5, maximumPositions: 600)
    let tiny = TinyModel(configuration)
    let backend = try CPUBackend(precision: precision)
    let vocabulary = setting.trainsVocabulary ? TrainedVocabulary(embedding: 0..<600, head: 0..<600) : .none
    let adapter = try LoRAAdapter(
      training: tiny.modules([.q, .k, .v, .o], rank: 4, scale: 1, seed: 2), vocabulary: vocabulary, of: tiny.weights, on: backend)
    let model = try LlamaModel(weights: tiny.weights, adapters: [adapter], on: backend)
    let before = backend.memoryUse.peak
    let rows = 512
    let batch = PackedBatch(
      tokens: (0..<rows).map { Int32($0 % 600) }, segments: [PackedBatch.Segment(rows: 0..<rows, parent: .none, position: 0)],
      targets: (0..<rows).map { PackedBatch.Target(row: $0, token: Int32(($0 * 7) % 600)) })
    _ = model.accumulateGradients(batch, weights: [Float](repeating: 1 / Float(rows), count: rows), recomputes: setting.recomputes)
    let held = backend.memoryUse.peak - before
    let rowParameters = vocabulary.rowCount * configuration.hiddenSize
    var planned = MemoryPlan.Model(
      configuration, base: 0, trainedParameters: adapter.parameters.count - rowParameters,
      activationBytes: precision == .float32 ? 4 : 2, branchColumns: 4 * 32)
    planned.trainedRowParameters = rowParameters
    let plan = MemoryPlan(planned, rows: rows, recomputes: setting.recomputes)
    let bytes = plan.activations + plan.workspace - (24 << 20)
    #expect(held <= bytes && held * 5 >= bytes * 4, "held \(held), planned \(bytes)")
  }

  /// Values, gradients and two moments of trained rows, and nothing else of that size; of new rows alone, theirs.
  @Test(arguments: [0, 3000]) func trainedRowsAreHeldFourTimes(first: Int) throws {
    let configuration = LlamaConfiguration(
      vocabularySize: 4000, hiddenSize: 128, intermediateSize: 64, layerCount: 1, headCount: 2, keyValueHeadCount: 1, headDimension: 32,
      normEpsilon: 1e-5)
    let tiny = TinyModel(configuration)
    let backend = try CPUBackend(precision: .float32)
    let vocabulary = TrainedVocabulary(embedding: first..<4000, head: first..<4000)
    let adapter = try LoRAAdapter(training: [], vocabulary: vocabulary, of: tiny.weights, on: backend)
    _ = try LlamaModel(weights: tiny.weights, adapters: [adapter], on: backend)
    let rows = 2 * (4000 - first) * 128 * MemoryLayout<Float>.size
    #expect(backend.memoryUse.peak >= 4 * rows && backend.memoryUse.peak < 4 * rows + 16_384)
  }
}
