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

  /// The batch of `tokens`, one root per sequence.
  func batch(_ expected: Expected, adapterSet: Int) throws -> PackedBatch {
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

  @Test(arguments: GoldenCase.all, InstructionSet.allCases.filter(\.isAvailable))
  func logits(golden: GoldenCase, instructionSet: InstructionSet) throws {
    let expected = try golden.expected()
    let model = try model(golden, instructionSet: instructionSet)
    for (name, adapterSet) in [("logits_base", 0), ("logits_adapter", 1)] {
      let batch = try batch(expected, adapterSet: adapterSet)
      let found = model.backend.read(model.model.logits(batch, rows: Array(Int32(0)..<Int32(batch.rowCount))))
      let largest = zip(found, try expected.floats(name)).map { abs($0 - $1) }.max() ?? .infinity
      #expect(largest < 2e-5, "\(name)")
    }
  }

  @Test(arguments: GoldenCase.all) func lossAndGradients(golden: GoldenCase) throws {
    let expected = try golden.expected()
    let model = try model(golden)
    let batch = try batch(expected, adapterSet: 1)
    let count = Double(batch.targets.count)
    let scores = model.model.accumulateGradients(batch, weights: batch.targets.map { _ in 1 / Float(count) })
    let loss = -model.backend.read(scores.logProbabilities).reduce(0.0) { $0 + Double($1) } / count
    let expectedLoss = Double(try expected.floats("loss")[0])
    #expect(abs(loss - expectedLoss) < 1e-6 * expectedLoss)
    let gradients = try #require(model.adapter.parameters.gradients.map { model.backend.read($0) })
    let names = try expected.floats(withPrefix: "grad.")
    #expect(names.count == model.adapter.parameters.declarations.count)
    for index in model.adapter.parameters.declarations.indices {
      let parameter = model.adapter.parameters[index]
      let error = relativeError(
        gradients[parameter.offset..<parameter.offset + parameter.rows * parameter.columns], try #require(names[parameter.name]))
      #expect(error < 2e-5, "\(parameter.name)")
    }
  }

  @Test(arguments: GoldenCase.all, [64, 4096]) func trainingRun(golden: GoldenCase, microBatchTokens: Int) throws {
    let run = try golden.run()
    let model = try model(golden)
    let trainer = Trainer(
      model: model.model, adapter: model.adapter, options: run.options,
      schedule: LearningRateSchedule(run.options, stepCount: run.losses.count), recomputes: false)
    let packer = BatchPacker(rowLimit: microBatchTokens, omitsUnusedRows: true)
    for step in run.losses.indices {
      let sequences = Array(run.sequences[step * run.batchSize..<(step + 1) * run.batchSize])
      let packed = PackedStep(
        batches: packer.pack(sequences).map(\.batch), tokenCount: sequences.reduce(0) { $0 + $1.ids.count }, rowNames: [])
      let result = try #require(try trainer.run(packed, step: step))
      #expect(abs(result.loss - run.losses[step]) < 1e-5)
      #expect(abs(result.gradientNorm - run.norms[step]) < 3e-5 * run.norms[step])
    }
    let values = model.backend.read(model.adapter.parameters.values)
    for index in model.adapter.parameters.declarations.indices {
      let parameter = model.adapter.parameters[index]
      let expected = try #require(run.finalParameters[parameter.name])
      #expect(relativeError(values[parameter.offset..<parameter.offset + expected.count], expected) < 2e-4, "\(parameter.name)")
    }
  }
}
