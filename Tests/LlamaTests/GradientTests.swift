import CPUBackend
import Llama
import Tensors
import TestSupport
import Testing

/// The network in float32 against the reference in double precision, whose gradients come from the complex step.
@Suite(.serialized) struct GradientTests {
  static let sequence = (tokens: [1, 7, 3, 19, 4, 4, 2], supervised: [false, false, false, true, true, true, true])

  static func configurations() -> [LlamaConfiguration] {
    var tied = TinyModel.small
    tied.tiesEmbeddings = true
    tied.keyValueHeadCount = 1
    var wide = TinyModel.small
    wide.keyValueHeadCount = 4
    wide.headDimension = 4
    return [TinyModel.small, tied, wide]
  }

  @Test(arguments: configurations()) func everyEntryOfAAndB(configuration: LlamaConfiguration) throws {
    let tiny = TinyModel(configuration)
    let modules = tiny.modules(Projection.allCases, rank: 2, scale: 1.5, seed: 5)
    let expected = tiny.lossAndGradients(Self.sequence.tokens, supervised: Self.sequence.supervised, adapter: modules)
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      let backend = try CPUBackend(precision: .float32, threads: 2, instructionSet: instructionSet)
      let adapter = LoRAAdapter(modules, isTrained: true, configuration: configuration, on: backend)
      let model = try LlamaModel(weights: tiny.weights, adapters: [adapter], on: backend)
      let batch = PackedBatch(sequences: [Self.sequence])
      let scores = model.accumulateGradients(batch, weights: batch.targets.map { _ in 1 })
      let loss = -backend.read(scores.logProbabilities).reduce(0.0) { $0 + Double($1) }
      #expect(abs(loss - expected.loss) < 1e-6 * expected.loss, "\(instructionSet)")
      let gradients = try #require(adapter.parameters.gradients.map { backend.read($0) })
      for (index, expected) in expected.gradients.enumerated() {
        let parameter = adapter.parameters[index]
        let found = gradients[parameter.offset..<parameter.offset + expected.count]
        let norm = expected.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let error = zip(found, expected).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }.squareRoot()
        #expect(norm > 0 && error < 5e-6 * norm, "\(instructionSet), \(parameter.name): error \(error) of norm \(norm)")
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
