import TestSupport
import Testing
import Tokenizers

/// Masks, ends and cuts of encoded rows, with a small model in which `er` and `the` are pieces.
struct PromptEncoderTests {
  let model = TinySentencePiece()

  func encoder(_ prompt: String, join: PromptTemplate.Join = .text, model: TinySentencePiece? = nil) throws -> PromptEncoder {
    let template = PromptTemplate(name: "t", promptInput: prompt + "{input}", promptNoInput: prompt, responseSplit: "", join: join)
    return try PromptEncoder(template, SentencePieceTokenizer(bytes: (model ?? self.model).bytes))
  }

  func ids(_ pieces: String...) -> [Int32] { pieces.map { model.id($0) } }

  @Test func oneTextWithItsMask() throws {
    let example = try encoder("{instruction}:").encodeExample(instruction: "the", output: " and")
    #expect(example.ids == ids("<s>", "▁the", ":", "▁and", "</s>"))
    #expect(example.supervised == 3..<5)
    #expect(example.cutCount == 0)
  }

  /// The prompt ends in `e`, the response begins with `r`: one text joins them, and what the prompt alone does not have is learnt.
  @Test func aTokenAcrossTheBoundaryIsLearnt() throws {
    let example = try encoder("{instruction}").encodeExample(instruction: "x:e", output: "r")
    #expect(example.ids == ids("<s>", "▁", "x", ":", "er", "</s>"))
    #expect(example.supervised == 4..<6)
    let apart = try encoder("{instruction}", join: .tokens).encodeExample(instruction: "x:e", output: "r")
    #expect(apart.ids == ids("<s>", "▁", "x", ":", "e", "▁", "r", "</s>"))
    #expect(apart.supervised == 5..<8)
  }

  @Test func generationEncodesWhatTrainingDid() throws {
    for join in PromptTemplate.Join.allCases {
      let encoder = try encoder("{instruction} :", join: join)
      let prompt = try encoder.encodePrompt(instruction: "the")
      #expect(prompt == ids("<s>", "▁the", "▁", ":"))
      #expect(try encoder.encodeExample(instruction: "the", output: "and").ids.starts(with: prompt))
    }
  }

  @Test func anEmptyResponseTeachesItsEnd() throws {
    let example = try encoder("{instruction}").encodeExample(instruction: "the", output: "")
    #expect(example.ids == ids("<s>", "▁the", "</s>"))
    #expect(example.supervised == 2..<3)
  }

  @Test func cutResponsesHaveNoEnd() throws {
    let encoder = try encoder("{instruction}:")
    func example(_ length: Int) throws -> EncodedExample {
      try encoder.encodeExample(instruction: "the", output: " and and", maximumLength: length)
    }
    #expect(try example(6) == EncodedExample(ids: ids("<s>", "▁the", ":", "▁and", "▁and", "</s>"), supervised: 3..<6, cutCount: 0))
    #expect(try example(5) == EncodedExample(ids: ids("<s>", "▁the", ":", "▁and", "▁and"), supervised: 3..<5, cutCount: 1))
    #expect(try example(4) == EncodedExample(ids: ids("<s>", "▁the", ":", "▁and"), supervised: 3..<4, cutCount: 2))
    // Nothing of the response is left.
    #expect(try example(3) == EncodedExample(ids: ids("<s>", "▁the", ":"), supervised: 3..<3, cutCount: 3))
    #expect(try example(1) == EncodedExample(ids: ids("<s>"), supervised: 1..<1, cutCount: 5))
  }

  @Test func trainingOnThePromptSkipsOnlyTheFirstToken() throws {
    let example = try encoder("{instruction}").encodeExample(instruction: "the", output: " and", trainsOnPrompt: true)
    #expect(example.supervised == 1..<4)
  }

  @Test func namesOfSpecialTokensInRowsAreText() throws {
    let example = try encoder("{instruction}").encodeExample(instruction: "</s>", output: "<s></s>")
    #expect(example.ids.filter { $0 == 2 } == [2])
    #expect(example.ids.filter { $0 == 1 } == [1])
  }

  @Test func templatesMakeSpecialTokens() throws {
    let encoder = try encoder("<s>{instruction}</s>")
    #expect(try encoder.encodePrompt(instruction: "the") == ids("<s>", "▁the", "</s>"))
    #expect(
      try encoder.encodeExample(instruction: "the", output: "and")
        == EncodedExample(
          ids: ids("<s>", "▁the", "</s>", "▁and", "</s>"), supervised: 3..<5, cutCount: 0))
  }

  @Test func llama3NeedsItsTokens() throws {
    let tokenizer = try SentencePieceTokenizer(bytes: model.bytes)
    let error = #expect(throws: TokenizerError.self) { try PromptEncoder(PromptTemplate.named("llama3"), tokenizer) }
    #expect(error?.description == "Template 'llama3' needs the special token '<|start_header_id|>', which this tokenizer does not have.")
  }

  @Test func llama3WithItsTokens() throws {
    let controls = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    let model = TinySentencePiece(controls: controls)
    let encoder = try PromptEncoder(PromptTemplate.named("llama3"), SentencePieceTokenizer(bytes: model.bytes))
    let example = try encoder.encodeExample(instruction: " the \n", output: " the<|eot_id|>\n")
    let end = model.id("<|eot_id|>")
    #expect(example.ids.prefix(2) == [1, model.id("<|start_header_id|>")])
    #expect(example.ids.filter { $0 == end }.count == 2)
    #expect(example.ids.last == end)
    #expect(example.ids[example.supervised].first == model.id("▁the"))
    #expect(!example.ids.contains(2))
  }

  @Test func inferencePrompts() throws {
    var template = PromptTemplate(name: "t", promptInput: "{instruction}{input}", promptNoInput: "{instruction}", responseSplit: "")
    template.inference = .init(input: "{instruction}|{input}", noInput: "{instruction}|")
    let encoder = try PromptEncoder(template, SentencePieceTokenizer(bytes: model.bytes))
    #expect(try encoder.encodePrompt(instruction: "the") == ids("<s>", "▁the", "|"))
    #expect(try encoder.encodeExample(instruction: "the", output: "").ids == ids("<s>", "▁the", "</s>"))
  }
}
