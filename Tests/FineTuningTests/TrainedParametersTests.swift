import FineTuning
import Llama
import Testing

/// Shares of LLaMA 7B and 13B, as the reference workflow publishes them and as PEFT prints them (Tools/compare/trainable_shares.py).
@Suite struct TrainedParametersTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var vocabularySize = 32_000
    var is13B = false
    var projections: [Projection] = []
    var rank = 8
    var trainsInput = false
    var trainsOutput = false
    let count: Int
    let share: Double
    var peft: Double?
  }

  private static let attention: [Projection] = [.q, .k, .v, .o]

  static let cases = [
    Case(testDescription: "q and v", projections: [.q, .v], count: 4_194_304, share: 0.0622),
    Case(testDescription: "embedding", vocabularySize: 49_953, trainsInput: true, count: 204_607_488, share: 2.9716, peft: 2.8858),
    Case(
      testDescription: "both and attention", vocabularySize: 49_953, projections: attention, trainsInput: true, trainsOutput: true,
      count: 417_603_584, share: 6.0576, peft: 5.7182),
    Case(
      testDescription: "both and all", vocabularySize: 49_953, projections: Projection.allCases, trainsInput: true, trainsOutput: true,
      count: 429_203_456, share: 6.2154, peft: 5.8677),
    Case(
      testDescription: "13B", vocabularySize: 49_953, is13B: true, projections: Projection.allCases, trainsInput: true, trainsOutput: true,
      count: 542_812_160, share: 4.1026, peft: 3.9499),
    Case(
      testDescription: "rank 64", vocabularySize: 55_296, projections: Projection.allCases, rank: 64, trainsInput: true, trainsOutput: true,
      count: 612_892_672, share: 8.6455, peft: 8.1262),
  ]

  @Test(arguments: cases) func published(one: Case) {
    let (hidden, width, layers, heads) = one.is13B ? (5120, 13_824, 40, 40) : (4096, 11_008, 32, 32)
    let configuration = LlamaConfiguration(
      vocabularySize: one.vocabularySize, hiddenSize: hidden, intermediateSize: width, layerCount: layers, headCount: heads,
      keyValueHeadCount: heads, headDimension: 128, normEpsilon: 1e-6)
    let lowRank = one.projections.reduce(0) { sum, projection in
      let shape = projection.shape(in: configuration)
      return sum + layers * one.rank * (shape.outputs + shape.inputs)
    }
    let all = 0..<one.vocabularySize
    let vocabulary = TrainedVocabulary(embedding: one.trainsInput ? all : nil, head: one.trainsOutput ? all : nil)
    let trained = TrainedParameters(lowRank: lowRank, vocabulary: vocabulary, configuration: configuration)
    #expect(trained.count == one.count)
    #expect(abs(trained.percentage - one.share) < 5e-5)
    #expect((trained.percentageOfPEFT == nil) == (one.peft == nil))
    if let peft = one.peft, let found = trained.percentageOfPEFT { #expect(abs(found - peft) < 5e-5) }
  }

  /// New rows count as what they are; PEFT would train all of them.
  @Test func newRows() {
    let configuration = LlamaConfiguration(
      vocabularySize: 49_953, hiddenSize: 4096, intermediateSize: 11_008, layerCount: 32, headCount: 32, keyValueHeadCount: 32,
      headDimension: 128, normEpsilon: 1e-6)
    let trained = TrainedParameters(
      lowRank: 0, vocabulary: TrainedVocabulary(embedding: 32_000..<49_953), configuration: configuration)
    #expect(trained.count == 17_953 * 4096 && trained.modelCount == 6_885_486_592)
  }
}
