import CPUBackend
import Llama
import Tensors
import TestSupport
import Testing

/// Gradients of embedding and head against the reference in double precision, whose gradients come from the complex step.
@Suite(.serialized) struct VocabularyGradientTests {
  /// Two sequences that begin alike and repeat tokens: shared rows of the batch, several targets of a row, several rows of a token.
  static let sequences: [(tokens: [Int], supervised: [Bool])] = [
    ([1, 7, 3, 19, 4, 4, 2], [false, false, true, true, true, true, true]),
    ([1, 7, 3, 22, 20, 4], [false, false, false, true, true, true]),
  ]

  static func configuration(tied: Bool) -> LlamaConfiguration {
    var configuration = TinyModel.small
    configuration.tiesEmbeddings = tied
    return configuration
  }

  struct Trained {
    let backend: CPUBackend
    let model: LlamaModel
    let adapter: LoRAAdapter

    init(
      _ tiny: TinyModel, _ modules: [LoRAAdapter.Module], _ vocabulary: TrainedVocabulary, precision: Precision = .float32,
      threads: Int = 2, instructionSet: InstructionSet? = nil
    ) throws {
      backend = try CPUBackend(precision: precision, threads: threads, instructionSet: instructionSet)
      adapter = try LoRAAdapter(training: modules, vocabulary: vocabulary, of: tiny.weights, on: backend)
      model = try LlamaModel(weights: tiny.weights, adapters: [adapter], on: backend)
    }

    /// Gradients of one pass, and what the trained rows of a matrix have of them.
    func gradients(_ batch: PackedBatch, recomputes: Bool = false) throws -> [Float] {
      _ = model.accumulateGradients(batch, weights: batch.targets.map { _ in 1 }, recomputes: recomputes)
      return backend.read(try #require(adapter.parameters.gradients))
    }

    func rows(_ matrix: TrainedVocabulary.Matrix, of gradients: [Float]) throws -> [Float] {
      Array(gradients[try #require(adapter.trainedRows(of: matrix)).parameter.elements])
    }
  }

  /// One row of the batch for what both sequences begin with.
  static var shared: PackedBatch {
    PackedBatch(
      tokens: [1, 7, 3, 19, 4, 4, 22, 20],
      segments: [
        PackedBatch.Segment(rows: 0..<3, parent: .none, position: 0), PackedBatch.Segment(rows: 3..<6, parent: .segment(0), position: 3),
        PackedBatch.Segment(rows: 6..<8, parent: .segment(0), position: 3),
      ],
      targets: [(1, 3), (2, 19), (2, 22), (3, 4), (4, 4), (5, 2), (6, 20), (7, 4)].map { PackedBatch.Target(row: $0.0, token: $0.1) })
  }

  @Test(arguments: [false, true], [true, false]) func everyEntry(tied: Bool, withLoRA: Bool) throws {
    let tiny = TinyModel(Self.configuration(tied: tied))
    let modules = withLoRA ? tiny.modules([.q, .down], rank: 2, scale: 1.5, seed: 5) : []
    let names = tied ? ["model.embed_tokens.weight"] : TrainedVocabulary.Matrix.allCases.map(\.weightName)
    var expected: [String: [Double]] = [:]
    for (tokens, supervised) in Self.sequences {
      let gradients = tiny.gradients(tokens, supervised: supervised, of: names, adapter: modules)
      expected.merge(gradients) { zip($0, $1).map(+) }
    }
    let all = 0..<23
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      let vocabulary = TrainedVocabulary(embedding: all, head: tied ? nil : all)
      let trained = try Trained(tiny, modules, vocabulary, instructionSet: instructionSet)
      let gradients = try trained.gradients(Self.shared)
      for matrix in TrainedVocabulary.Matrix.allCases where vocabulary[matrix] != nil {
        let exact = try #require(expected[matrix.weightName])
        let found = try trained.rows(matrix, of: gradients)
        let norm = exact.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let error = zip(found, exact).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }.squareRoot()
        #expect(norm > 0 && error < 5e-6 * norm, "\(instructionSet), \(matrix): error \(error) of norm \(norm)")
      }
    }
  }

  /// What is trained of a matrix has the gradient that it has when all of it is trained; so has everything else.
  @Test(arguments: [false, true], [Precision.float32, .bfloat16]) func someRowsAreRowsOfAll(tied: Bool, precision: Precision) throws {
    guard precision == .float32 || InstructionSet.best.multipliesBFloat16 else { return }
    let tiny = TinyModel(Self.configuration(tied: tied))
    let modules = tiny.modules([.v, .up], rank: 2, scale: 1, seed: 6)
    let (all, some) = (0..<23, 19..<23)
    let whole = try Trained(tiny, modules, TrainedVocabulary(embedding: all, head: tied ? nil : all), precision: precision)
    let expected = try whole.gradients(Self.shared)
    let part = try Trained(tiny, modules, TrainedVocabulary(embedding: some, head: tied ? nil : some), precision: precision)
    let found = try part.gradients(Self.shared)
    let lowRank = part.adapter.modules.reduce(0) { $0 + $1.a.elements.count + $1.b.elements.count }
    #expect(found[..<lowRank] == expected[..<lowRank])
    for matrix in TrainedVocabulary.Matrix.allCases where part.adapter.vocabulary[matrix] != nil {
      #expect(try part.rows(matrix, of: found) == Array(whole.rows(matrix, of: expected)[(19 * 16)...]), "\(matrix)")
    }
  }

  /// The head's gradient is made a block of rows at a time: where blocks begin changes nothing.
  @Test(arguments: [1, 1000, 1500, 2400]) func blocksOfALargeHead(first: Int) throws {
    var configuration = Self.configuration(tied: false)
    configuration.vocabularySize = 2500
    let tiny = TinyModel(configuration)
    let whole = try Trained(tiny, [], TrainedVocabulary(head: 0..<2500))
    let expected = try whole.rows(.head, of: whole.gradients(Self.shared))
    let part = try Trained(tiny, [], TrainedVocabulary(head: first..<2500))
    #expect(try part.rows(.head, of: part.gradients(Self.shared)) == Array(expected[(first * 16)...]))
    // Every row has a gradient of its own.
    #expect((0..<2500).allSatisfy { row in expected[row * 16..<(row + 1) * 16].contains { $0 != 0 } })
  }

  @Test func recomputationAndThreadsChangeNoBit() throws {
    let tiny = TinyModel(Self.configuration(tied: false))
    let modules = tiny.modules([.q], rank: 2, scale: 1, seed: 7)
    let vocabulary = TrainedVocabulary(embedding: 0..<23, head: 5..<23)
    let expected = try Trained(tiny, modules, vocabulary, threads: 1).gradients(Self.shared)
    #expect(try Trained(tiny, modules, vocabulary, threads: 3).gradients(Self.shared) == expected)
    #expect(try Trained(tiny, modules, vocabulary).gradients(Self.shared, recomputes: true) == expected)
  }

  /// A head alone needs no block differentiated, and gets the same gradient.
  @Test func theHeadAlone() throws {
    let tiny = TinyModel(Self.configuration(tied: false))
    let both = try Trained(tiny, [], TrainedVocabulary(embedding: 0..<23, head: 0..<23))
    let alone = try Trained(tiny, [], TrainedVocabulary(head: 0..<23))
    #expect(try alone.rows(.head, of: alone.gradients(Self.shared)) == both.rows(.head, of: both.gradients(Self.shared)))
  }

  @Test func trainedRowsBeginAsTheBaseHasThem() throws {
    let tiny = TinyModel(Self.configuration(tied: false))
    let trained = try Trained(tiny, [], TrainedVocabulary(embedding: 4..<9, head: 0..<23))
    let values = trained.backend.read(trained.adapter.parameters.values)
    #expect(try trained.rows(.embedding, of: values) == Array(tiny.tensors["model.embed_tokens.weight", default: []][(4 * 16)..<(9 * 16)]))
    #expect(try trained.rows(.head, of: values) == tiny.tensors["lm_head.weight"])
    let plain = try LlamaModel(weights: tiny.weights, on: trained.backend)
    let rows = Array(Int32(0)..<8)
    #expect(
      trained.backend.read(trained.model.logits(Self.shared, rows: rows)) == trained.backend.read(plain.logits(Self.shared, rows: rows)))
  }
}
