import Adapters
import Bases
import CPUBackend
import Datasets
import FineTuning
import Llama
import Tensors
import TestSupport
import Testing

/// Results of PyTorch, transformers and PEFT, reproduced in float32 (bounds: those that this project promises).
@Suite(.serialized) struct GoldenTests {
  struct Model {
    let backend: CPUBackend
    let model: LlamaModel
    let adapter: LoRAAdapter
  }

  func model(_ golden: GoldenCase, instructionSet: InstructionSet? = nil) throws -> Model {
    let base = try Base.open("\(golden.path)/base")
    let peft = try PEFTAdapter.open("\(golden.path)/adapter", for: base)
    let backend = try CPUBackend(precision: .float32, threads: 2, instructionSet: instructionSet)
    let adapter = LoRAAdapter(peft.loraModules, isTrained: true, configuration: base.configuration, on: backend)
    let weights = BaseWeights(configuration: base.configuration, weights: base.weights)
    return Model(backend: backend, model: try LlamaModel(weights: weights, adapters: [adapter], on: backend), adapter: adapter)
  }

  @Test(arguments: GoldenCase.all, InstructionSet.allCases.filter(\.isAvailable))
  func logits(golden: GoldenCase, instructionSet: InstructionSet) throws {
    let model = try model(golden, instructionSet: instructionSet)
    try model.expectLogits("logits_base", of: golden, adapterSet: 0)
    try model.expectLogits("logits_adapter", of: golden)
  }

  @Test(arguments: GoldenCase.all) func lossAndGradients(golden: GoldenCase) throws {
    try model(golden).expectLossAndGradients(of: golden)
  }

  @Test(arguments: GoldenCase.all, [64, 4096]) func trainingRun(golden: GoldenCase, microBatchTokens: Int) throws {
    try model(golden).expectTrainingRun(of: golden, microBatchTokens: microBatchTokens)
  }
}

extension GoldenTests.Model {
  /// The batch of `tokens`, one root per sequence.
  private func batch(_ expected: Expected, adapterSet: Int) throws -> PackedBatch {
    let (tokens, labels) = (try expected.integers("tokens"), try expected.integers("labels"))
    let shape = try expected.shape("tokens")
    let segments = (0..<shape[0]).map {
      PackedBatch.Segment(rows: $0 * shape[1]..<($0 + 1) * shape[1], parent: .none, position: 0, adapterSet: adapterSet)
    }
    let targets = tokens.indices.filter { $0 % shape[1] != 0 && labels[$0] >= 0 }.map {
      PackedBatch.Target(row: $0 - 1, token: Int32(labels[$0]))
    }
    return PackedBatch(tokens: tokens.map(Int32.init), segments: segments, targets: targets)
  }

  func expectLogits(_ name: String, of golden: GoldenCase, adapterSet: Int = 1) throws {
    let expected = try golden.expected()
    let batch = try batch(expected, adapterSet: adapterSet)
    let found = backend.read(model.logits(batch, rows: Array(Int32(0)..<Int32(batch.rowCount))))
    let values = try expected.floats(name)
    let largest = zip(found, values).map { abs($0 - $1) }.max() ?? .infinity
    #expect(found.count == values.count && largest < 2e-5, "\(name)")
  }

  /// - Parameter rows: which of embedding and head are trained; of the others the gradient is zero.
  func expectLossAndGradients(of golden: GoldenCase, rows: TrainedVocabulary = .none) throws {
    let expected = try golden.expected()
    let batch = try batch(expected, adapterSet: 1)
    let count = Double(batch.targets.count)
    let scores = model.accumulateGradients(batch, weights: batch.targets.map { _ in 1 / Float(count) })
    let loss = -backend.read(scores.logProbabilities).reduce(0.0) { $0 + Double($1) } / count
    let expectedLoss = Double(try expected.floats("loss")[0])
    #expect(abs(loss - expectedLoss) < 1e-6 * expectedLoss)
    try expect(try expected.floats(withPrefix: "grad."), in: #require(adapter.parameters.gradients), within: 2e-5, rows)
  }

  func expectTrainingRun(of golden: GoldenCase, microBatchTokens: Int, rows: TrainedVocabulary = .none) throws {
    let run = try golden.run()
    let trainer = Trainer(
      model: model, adapter: adapter, options: run.options, schedule: LearningRateSchedule(run.options, stepCount: run.losses.count),
      recomputes: false)
    let packer = BatchPacker(rowLimit: microBatchTokens, omitsUnusedRows: true)
    for step in run.losses.indices {
      let sequences = Array(run.sequences[step * run.batchSize..<(step + 1) * run.batchSize])
      let packed = PackedStep(
        batches: packer.pack(sequences).map(\.batch), tokenCount: sequences.reduce(0) { $0 + $1.ids.count }, rowNames: [])
      let result = try #require(try trainer.run(packed, step: step))
      #expect(abs(result.loss - run.losses[step]) < 1e-5)
      #expect(abs(result.gradientNorm - run.norms[step]) < 3e-5 * run.norms[step])
    }
    try expect(run.finalParameters, in: adapter.parameters.values, within: 2e-4, rows)
  }

  /// Compares every parameter with that of its name, of a matrix with trained rows those.
  private func expect(
    _ expected: [String: [Float]], in tensor: Tensor, within bound: Double, _ rows: TrainedVocabulary
  ) throws {
    #expect(expected.count == adapter.parameters.declarations.count)
    for index in adapter.parameters.declarations.indices {
      let parameter = adapter.parameters[index]
      var values = try #require(expected[parameter.name], "\(parameter.name)")
      let matrix = TrainedVocabulary.Matrix.allCases.first { parameter.name.hasSuffix(".\($0.weightName)") }
      if let range = matrix.flatMap({ rows[$0] }) {
        values = Array(values[range.lowerBound * parameter.columns..<range.upperBound * parameter.columns])
      }
      #expect(values.count == parameter.elements.count)
      #expect(relativeError(backend.read(tensor, parameter.elements), values) < bound, "\(parameter.name)")
    }
  }
}
