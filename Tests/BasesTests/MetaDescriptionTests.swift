import Bases
import JSON
import Llama
import TestSupport
import Testing

/// What is written into `params.json`, read back by the rules for Meta's own files.
struct MetaDescriptionTests {
  private func read(_ configuration: LlamaConfiguration) throws -> LlamaConfiguration {
    let description = MetaDescription(configuration)
    #expect(description.obstacles.isEmpty)
    return try MetaParameters(description.document, file: "params.json")
      .configuration(vocabularySize: configuration.vocabularySize, tiesEmbeddings: configuration.tiesEmbeddings)
  }

  private func shape(hidden: Int, width: Int, heads: Int = 32) -> LlamaConfiguration {
    LlamaConfiguration(
      vocabularySize: 32_000, hiddenSize: hidden, intermediateSize: width, layerCount: 2, headCount: heads, keyValueHeadCount: heads,
      headDimension: hidden / heads, normEpsilon: 1e-5, maximumPositions: 4096)
  }

  /// LLaMA 7B to 65B, Llama 2 70B, Llama 3 8B, 3.1 405B, 3.2 1B and 3B, TinyLlama, OpenLLaMA 3B, and widths that nobody would choose.
  @Test(arguments: [
    (4096, 11_008), (5120, 13_824), (6656, 17_920), (8192, 22_016), (8192, 28_672), (4096, 14_336), (16_384, 53_248), (2048, 8192),
    (3072, 8192), (2048, 5632), (3200, 8640), (64, 172), (64, 1), (64, 170), (64, 171), (4096, 10_922), (4096, 10_923), (4096, 10_921),
    (8192, 99_991),
  ])
  func anyWidthOfTheFeedForwardLayer(hidden: Int, width: Int) throws {
    let configuration = shape(hidden: hidden, width: width)
    let found = try read(configuration)
    #expect(found.intermediateSize == width && found == configuration)
  }

  @Test func everyWidthOfASmallNetwork() throws {
    for width in 1...700 { #expect(try read(shape(hidden: 64, width: width)).intermediateSize == width) }
  }

  @Test(arguments: [(4096, 11_008, "256 nil"), (4096, 14_336, "256 1.3"), (8192, 28_672, "1024 1.3"), (16_384, 53_248, "1024 1.2")])
  func numbersOfFewDigits(hidden: Int, width: Int, expected: String) {
    let document = MetaDescription(shape(hidden: hidden, width: width)).document
    let multiplier = document["ffn_dim_multiplier"]?.double.map { "\($0)" } ?? "nil"
    #expect("\(document["multiple_of"]?.integer ?? 0) \(multiplier)" == expected)
  }

  /// Llama 3 and its scaling in the sizes that have factor 8 and those that have 32.
  @Test(arguments: [(4096, 32, 8.0), (2048, 16, 32), (3072, 28, 32)]) func scaledRotaryPositions(hidden: Int, layers: Int, factor: Double)
    throws
  {
    var configuration = shape(hidden: hidden, width: 8192)
    configuration.layerCount = layers
    configuration.vocabularySize = 128_256
    configuration.ropeTheta = 500_000
    configuration.maximumPositions = 131_072
    configuration.ropeScaling = .llama3(factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8192)
    (configuration.beginOfSequence, configuration.endOfSequence) = (128_000, [128_001, 128_008, 128_009])
    #expect(try read(configuration) == configuration)
    #expect(MetaDescription(configuration).notes.isEmpty)
    let document = MetaDescription(configuration).document
    #expect(document["use_scaled_rope"] == .bool(true) && document["rope_theta"] == .number(500_000))
    configuration.ropeScaling = .llama3(factor: 40 - factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8192)
    #expect(MetaDescription(configuration).obstacles.map(\.key) == ["rope_scaling"])
  }

  /// A vocabulary of Llama 3's size with the frequencies of Llama 2 must say so.
  @Test func frequenciesThatReadersWouldGuessOtherwise() throws {
    var configuration = shape(hidden: 4096, width: 11_008)
    configuration.vocabularySize = 130_000
    #expect(try read(configuration).ropeTheta == 10_000)
    let kept = MetaDescription(configuration, keeping: .object(["dim": .integer(4096), "vocab_size": .integer(32_000)])).document
    #expect(kept["vocab_size"] == .integer(130_000) && kept["rope_theta"] == .number(10_000))
  }

  @Test func everythingElseOfABaseIsKept() {
    let inner: JSONValue = .object([
      "dim": .integer(64), "n_layers": .integer(2), "n_heads": .integer(32), "vocab_size": .integer(-1), "multiple_of": .integer(172),
      "norm_eps": .number(1e-5), "max_batch_size": .integer(4),
    ])
    let nested: JSONValue = .object(["model": inner, "tokenizer": .string("x")])
    let configuration = shape(hidden: 64, width: 172)
    #expect(MetaDescription(configuration, keeping: inner).document == inner)
    #expect(MetaDescription(configuration, keeping: nested).document == nested)
    #expect(MetaDescription(configuration, keeping: nested).obstacles.isEmpty)
    #expect(MetaDescription(shape(hidden: 64, width: 100), keeping: inner).obstacles.map(\.key) == ["config.json"])
  }
}
