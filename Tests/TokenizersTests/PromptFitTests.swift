import TestSupport
import Testing
import Tokenizers

/// Templates that do not fit a tokenizer or a base: suspicion where there is reason, and only there.
struct PromptFitTests {
  private static let llama3 = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]

  private func misfits(_ template: PromptTemplate, controls: [String] = [], chatTemplate: String? = nil) throws -> [String] {
    let tokenizer = try SentencePieceTokenizer(bytes: TinySentencePiece(controls: controls).bytes)
    return try PromptEncoder(template, tokenizer).misfits(chatTemplate: chatTemplate)
  }

  private static let inst = "{% for m in messages %}{{ bos_token + '[INST] ' + m.content + ' [/INST]' }}{% endfor %}"
  private static let headers = "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>' }}"

  @Test(arguments: ["alpaca", "alpaca-lora", "alpaca-short", "vigogne", "llama-factory", "unsloth"]) func alpacaFitsEveryBase(name: String)
    throws
  {
    for chatTemplate in [nil, PromptFitTests.inst, PromptFitTests.headers, "### Instruction:"] {
      #expect(try misfits(.named(name), controls: PromptFitTests.llama3, chatTemplate: chatTemplate) == [])
    }
  }

  @Test func aBaseThatWasTaughtAnotherWayToBeAsked() throws {
    #expect(try misfits(.named("llama2"), chatTemplate: PromptFitTests.inst) == [])
    #expect(try misfits(.named("llama2")) == [])
    #expect(
      try misfits(.named("llama2"), chatTemplate: PromptFitTests.headers) == [
        "it asks with '[INST]', but the base's own chat template asks with '<|start_header_id|>'"
      ])
    #expect(try misfits(.named("llama3"), controls: PromptFitTests.llama3, chatTemplate: PromptFitTests.headers) == [])
    #expect(
      try misfits(.named("llama3"), controls: PromptFitTests.llama3, chatTemplate: PromptFitTests.inst) == [
        "it asks with '<|start_header_id|>', but the base's own chat template asks with '[INST]'"
      ])
    // A base without a chat template may still have the tokens of one.
    #expect(
      try misfits(.named("llama2"), controls: PromptFitTests.llama3) == [
        "it asks with '[INST]', but the tokenizer has the special token '<|start_header_id|>' of another way to ask"
      ])
  }

  @Test func marksThatAreOnlyText() throws {
    let template = PromptTemplate(
      name: "own", promptInput: "<|user|>{instruction} {input}<|end|>", promptNoInput: "<|user|>{instruction}<|end|>",
      responseSplit: "<|end|>")
    let found = try misfits(template, controls: ["<|end|>"])
    #expect(found.count == 1 && found[0].hasPrefix("'<|user|>' is no special token of this tokenizer, but "), "\(found)")
    #expect(try misfits(template, controls: ["<|end|>", "<|user|>"]) == [])
  }

  @Test func theIDsThatATemplateMakes() throws {
    let tokenizer = try SentencePieceTokenizer(bytes: TinySentencePiece(controls: PromptFitTests.llama3).bytes)
    #expect(try PromptEncoder(.named("llama3"), tokenizer).markIDs == [3, 4, 5])
    #expect(try PromptEncoder(.named("alpaca"), tokenizer).markIDs == [])
  }

  @Test(
    .enabled(if: SharedFiles.exist, "needs the shared folder (PUNA_SHARED)"),
    arguments: [
      ("llama", "chinese-alpaca", 1), ("llama", "chinese-alpaca-2", 1), ("chinese2", "chinese-alpaca-2", 0),
      ("chinese2", "chinese-alpaca", 0),
      ("llama3", "llama3", 0), ("llama3", "llama2", 1), ("llama", "llama2", 0), ("llama3", "chinese-alpaca", 0), ("smollm2", "alpaca", 0),
      ("smollm2", "llama2", 1),
    ])
  func publishedTokenizers(folder: String, template: String, count: Int) throws {
    let tokenizer = try openTokenizer(at: SharedFiles.file("data/tokenizers/\(folder)"))
    let found = try PromptEncoder(.named(template), tokenizer).misfits(chatTemplate: nil)
    #expect(found.count == count, "\(found)")
  }
}
