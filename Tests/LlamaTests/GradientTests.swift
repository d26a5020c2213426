import CPUBackend
import ComplexModule
import Llama
import Tensors
import TestSupport
import Testing

/// The network in float32 against the reference in double precision, whose gradients come from the complex step.
@Suite(.serialized) struct GradientTests {
  static let sequence = (tokens: [1, 7, 3, 19, 4, 4, 12, 2], supervised: [false, false, false, true, true, true, true, true])

  static func configurations() -> [LlamaConfiguration] {
    var tied = TinyModel.small
    tied.tiesEmbeddings = true
    tied.keyValueHeadCount = 1
    var wide = TinyModel.small
    wide.keyValueHeadCount = 4
    wide.headDimension = 4
    return [TinyModel.small, tied, wide]
  }

  @Test(arguments: InstructionSet.allCases.filter(\.isAvailable), configurations())
  func everyEntryOfAAndB(instructionSet: InstructionSet, configuration: LlamaConfiguration) throws {
    let tiny = TinyModel(configuration)
    let modules = tiny.modules(Projection.allCases, rank: 3, scale: 1.5, seed: 5)
    let backend = try CPUBackend(precision: .float32, threads: 2, instructionSet: instructionSet)
    let adapter = LoRAAdapter(modules, isTrained: true, configuration: configuration, on: backend)
    let model = try LlamaModel(weights: tiny.weights, adapters: [adapter], on: backend)
    let batch = PackedBatch(sequences: [Self.sequence])
    let count = Float(batch.targets.count)
    let scores = model.accumulateGradients(batch, weights: batch.targets.map { _ in 1 / count })
    let loss = -backend.read(scores.logProbabilities).reduce(0, +) / count
    let expectedLoss = tiny.reference(adapters: [modules]).loss(Self.sequence.tokens, supervised: Self.sequence.supervised) / Double(count)
    #expect(abs(Double(loss) - expectedLoss) < 1e-6 * expectedLoss)

    let gradients = try #require(adapter.parameters.gradients.map { backend.read($0) })
    let h = 1e-30
    var complex = tiny.reference(Complex<Double>.self, adapters: [modules])
    for (index, module) in modules.enumerated() {
      let name = module.projection.weightName(layer: module.layer)
      for (parameter, path) in [(adapter.parameters[2 * index], \ReferenceLlama<Complex<Double>>.LoRA.a), (adapter.parameters[2 * index + 1], \.b)] {
        var expected: [Double] = []
        for entry in 0..<parameter.rows * parameter.columns {
          complex.adapters[name]?[0][keyPath: path][entry].imaginary = h
          expected.append(complex.loss(Self.sequence.tokens, supervised: Self.sequence.supervised).imaginary / h / Double(count))
          complex.adapters[name]?[0][keyPath: path][entry].imaginary = 0
        }
        let found = gradients[parameter.offset..<parameter.offset + expected.count].map(Double.init)
        let norm = expected.map { $0 * $0 }.reduce(0, +).squareRoot()
        let error = zip(found, expected).map { ($0 - $1) * ($0 - $1) }.reduce(0, +).squareRoot()
        #expect(norm > 0 && error < 5e-6 * norm, "\(parameter.name): error \(error) of norm \(norm)")
      }
    }
  }
}

extension PackedBatch {
  /// One root segment per sequence: nothing shared.
  init(sequences: [(tokens: [Int], supervised: [Bool])], adapterSet: Int = 1) {
    var tokens: [Int32] = []
    var segments: [Segment] = []
    var targets: [Target] = []
    for sequence in sequences {
      let begin = tokens.count
      tokens += sequence.tokens.map(Int32.init)
      segments.append(Segment(rows: begin..<tokens.count, parent: .none, position: 0, adapterSet: adapterSet))
      for index in sequence.tokens.indices.dropFirst() where sequence.supervised[index] {
        targets.append(Target(row: begin + index - 1, token: Int32(sequence.tokens[index])))
      }
    }
    self.init(tokens: tokens, segments: segments, targets: targets)
  }
}
