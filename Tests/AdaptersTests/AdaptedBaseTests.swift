import Adapters
import Bases
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// What a network sees of a base with adapters that replace embedding and head, and of a vocabulary that grows.
struct AdaptedBaseTests {
  private static let names = ["model.embed_tokens.weight", "lm_head.weight"]

  /// A base whose embedding holds `row + column / 8`, and whose head the negatives of that, if it has one.
  private func base(tied: Bool) throws -> Base {
    var shape = TinyAdapter.shape
    shape.tiesEmbeddings = tied
    let tensors: [TinyAdapter.StoredTensor] = shape.expectedTensors.map { tensor in
      let sign: Float = tensor.name == "lm_head.weight" ? -1 : 1
      let values = (0..<tensor.shape.reduce(1, *)).map { sign * Float($0) / 8 }
      return (tensor.name, "F32", tensor.shape, values.flatMap { TinyAdapter.bytes($0) })
    }
    let configuration = """
      {"model_type": "llama", "vocab_size": 10, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2,
      "num_attention_heads": 2, "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "tie_word_embeddings": \(tied)}
      """
    return try Base.open(
      name: "b", configuration: MappedBytes(configuration), shards: [("model.safetensors", MappedBytes(SafetensorsBytes.file(tensors)))])
  }

  private func adapter(_ saved: [String: (rows: Int, value: Float)], tied: Bool) throws -> PEFTAdapter {
    var tiny = TinyAdapter()
    for (name, weight) in saved { tiny.addWhole(name, [weight.rows, 8], weight.value) }
    let folder = try TemporaryFolder()
    try tiny.write(to: folder)
    var shape = TinyAdapter.shape
    shape.tiesEmbeddings = tied
    return try PEFTAdapter.read(folder.path, shape: shape)
  }

  private func row(_ index: Int, _ name: String, _ adapted: AdaptedBase) throws -> [Float] {
    try #require(adapted.weights[name]).floats(ofRow: index)
  }

  @Test func aTiedHeadPartsWhenOneOfTheTwoIsReplaced() throws {
    let base = try base(tied: true)
    let one = AdaptedBase(base).continuing(try adapter(["model.embed_tokens.weight": (10, 7)], tied: true))
    #expect(!one.configuration.tiesEmbeddings)
    #expect(try row(3, Self.names[0], one) == [Float](repeating: 7, count: 8))
    #expect(try row(3, Self.names[1], one) == row(3, Self.names[0], AdaptedBase(base)))
    let both = AdaptedBase(base).continuing(
      try adapter(["model.embed_tokens.weight": (12, 7), "lm_head.weight": (12, 7)], tied: true))
    #expect(both.configuration.tiesEmbeddings && both.configuration.vocabularySize == 12 && both.weights[Self.names[1]] == nil)
    let other = AdaptedBase(base).continuing(
      try adapter(["model.embed_tokens.weight": (12, 7), "lm_head.weight": (12, 8)], tied: true))
    #expect(!other.configuration.tiesEmbeddings)
    #expect(try row(11, Self.names[1], other) == [Float](repeating: 8, count: 8))
  }

  @Test func newRowsBeginAsTheRecipeSays() throws {
    let adapted = AdaptedBase(try base(tied: false))
    // The mean of rows 0...9 is that of row 4 and a half.
    let mean = adapted.growing(by: VocabularyGrowth(first: 10, rowCount: 13, initialization: .mean, seed: 1))
    #expect(mean.configuration.vocabularySize == 13 && mean.weights[Self.names[0]]?.shape == [13, 8])
    for index in 10..<13 {
      #expect(try row(index, Self.names[0], mean) == (0..<8).map { 4.5 + Float($0) / 8 })
      #expect(try row(index, Self.names[1], mean) == (0..<8).map { -4.5 - Float($0) / 8 })
    }
    let head = adapted.growing(by: VocabularyGrowth(first: 10, rowCount: 13, initialization: .mean, seed: 1), [.head])
    #expect(head.weights[Self.names[0]]?.shape == [10, 8] && head.weights[Self.names[1]]?.shape == [13, 8])
    #expect(try row(9, Self.names[0], mean) == (0..<8).map { 9 + Float($0) / 8 })
    let subwords = adapted.growing(
      by: VocabularyGrowth(first: 10, rowCount: 12, initialization: .subwordMean, spellings: [[2, 4, 9], []], seed: 1))
    #expect(try row(10, Self.names[0], subwords) == (0..<8).map { 5 + Float($0) / 8 })
    #expect(try row(11, Self.names[0], subwords) == row(10, Self.names[0], mean))
  }

  @Test func randomRowsAreAsWideAsThoseThatAreThere() throws {
    let adapted = AdaptedBase(try base(tied: false))
    func rows(seed: UInt64) throws -> [Float] {
      let grown = adapted.growing(by: VocabularyGrowth(first: 10, rowCount: 2010, initialization: .random, seed: seed))
      return try (10..<2010).flatMap { try row($0, Self.names[0], grown) }
    }
    let values = try rows(seed: 3)
    #expect(try rows(seed: 3) == values && rows(seed: 4) != values)
    func rootMeanSquare(_ values: [Float]) -> Double {
      var sum = 0.0
      for value in values { sum += Double(value) * Double(value) }
      return (sum / Double(values.count)).squareRoot()
    }
    let expected = rootMeanSquare((0..<80).map { Float($0) / 8 })
    let deviation = rootMeanSquare(values)
    #expect(abs(deviation / expected - 1) < 0.03)
    #expect(abs(values.reduce(0.0) { $0 + Double($1) }) / Double(values.count) < 0.05 * expected)
  }

  @Test func aTiedVocabularyGrowsAsOne() throws {
    let grown = AdaptedBase(try base(tied: true)).growing(by: VocabularyGrowth(first: 10, rowCount: 11, initialization: .mean, seed: 1))
    #expect(grown.configuration.tiesEmbeddings && grown.weights[Self.names[1]] == nil && grown.weights[Self.names[0]]?.shape == [11, 8])
  }

  // MARK: - Writing

  @Test func savedMatricesComeBack() throws {
    let folder = try TemporaryFolder()
    let values = (0..<12 * 8).map { Float($0) / 3 }
    let matrix = PEFTAdapter.SavedMatrix(weightName: "model.embed_tokens.weight", shape: [12, 8]) {
      Array(values[$0.lowerBound * 8..<$0.upperBound * 8])
    }
    let head = PEFTAdapter.SavedMatrix(weightName: "lm_head.weight", shape: [12, 8]) {
      Array(values[$0.lowerBound * 8..<$0.upperBound * 8])
    }
    let norm = PEFTAdapter.SavedMatrix(StoredWeight(name: "model.norm.weight", shape: [8], values: Array(values[..<8])))
    try TinyAdapter().read().write(to: folder.file("a"), saving: [matrix, head, norm])
    let again = try PEFTAdapter.read(folder.file("a"), shape: TinyAdapter.shape)
    #expect(again.modules == (try TinyAdapter().read().modules))
    #expect(again.configuration.savedModules == ["embed_tokens", "lm_head", "model.norm"])
    for name in Self.names {
      let weight = try #require(again.savedWeights[name])
      #expect((0..<12).flatMap { weight.floats(ofRow: $0) } == values)
    }
    #expect(again.savedWeights["model.norm.weight"]?.shape == [8])
  }

  /// PEFT refuses an adapter without low-rank matrices; one of zeros means nothing when it is read.
  @Test func embeddingsAlone() throws {
    let folder = try TemporaryFolder()
    let matrix = PEFTAdapter.SavedMatrix(weightName: "lm_head.weight", shape: [10, 8]) { [Float](repeating: 1, count: $0.count * 8) }
    var options = LoRAOptions()
    options.targetModules = []
    let adapter = PEFTAdapter(initializing: options, basePath: "b", seed: 1, configuration: TinyAdapter.shape)
    try adapter.acceptable(toPEFT: TinyAdapter.shape).write(to: folder.file("a"), saving: [matrix])
    let text = try String(contentsOfFile: folder.file("a/adapter_config.json"), encoding: .utf8)
    #expect(text.contains("\"model.layers.0.self_attn.q_proj\"") && text.contains("\"r\": 1"))
    let again = try PEFTAdapter.read(folder.file("a"), shape: TinyAdapter.shape)
    #expect(again.modules.isEmpty && again.savedWeights.keys.sorted() == ["lm_head.weight"])
    // What is continued from it has the recipe's modules.
    var recipe = LoRAOptions()
    (recipe.rank, recipe.targetModules, recipe.stated) = (3, [.q, .v], ["rank", "target_modules"])
    #expect(try recipe.continuing(again, at: "a") == recipe)
  }
}
