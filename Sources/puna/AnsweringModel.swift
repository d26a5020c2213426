import CPUBackend
import Inference
import Tokenizers

/// A model with what it takes to answer: tokenizer, template and options.
struct AnsweringModel {
  let name: String
  let positions: Int
  let tokenizer: any Tokenizer
  /// Nil for raw text.
  let encoder: PromptEncoder?
  let generator: Generator
  let stopTexts: [String]
  let maximumTokens: Int

  /// - Parameter usesTemplate: whether prompts are written in a template; if not, they are raw text.
  init(_ model: ModelArguments, _ arguments: GenerationArguments, _ compute: ComputeFlags, usesTemplate: Bool) throws {
    let asked = try AskedModel(
      base: model.base, adapters: model.adapter, allowOtherBase: model.allowOtherBase,
      template: usesTemplate ? .requested(arguments.template) : .none)
    for text in asked.templateNotes { note(text) }
    let backend = try CPUBackend(precision: compute.precision?.precision, threads: compute.threads)
    name = asked.name
    positions = asked.adapted.configuration.maximumPositions
    tokenizer = asked.tokenizer
    encoder = asked.encoder
    stopTexts = arguments.stop
    maximumTokens = arguments.maxTokens
    generator = Generator(
      try asked.network(on: backend),
      GenerationOptions(
        sampler: arguments.sampler(), maximumTokens: arguments.maxTokens, stops: asked.ends,
        vocabularySize: asked.tokenizer.vocabularySize))
  }

  /// Raw text, begun as the tokenizer begins a sequence.
  func rawPrompt(_ text: String) throws -> [Int32] {
    let begin = tokenizer.addsBeginOfSequence ? tokenizer.beginOfSequence : nil
    let ids = try (begin.map { [$0] } ?? []) + tokenizer.encode(text)
    guard !ids.isEmpty else { throw Failure("--prompt is empty, and the tokenizer of \(name) begins no sequence: nothing to continue.") }
    return ids
  }

  /// - Parameter what: names the prompt, such as "The prompt has".
  /// - Throws: `Failure` when there is no position for an answer.
  func checked(_ ids: [Int32], _ what: String) throws -> Prompt {
    guard !ids.isEmpty else { throw Failure("\(what) no tokens: nothing to continue.") }
    guard ids.count < positions else {
      throw Failure(
        "\(what) \(Terminal.grouped(ids.count)) tokens, but \(name) has \(Terminal.grouped(positions)) positions for it and an answer.")
    }
    return Prompt(ids)
  }

  /// Says why an answer ended where it did, unless it ended by itself.
  func explain(_ ending: Answer.Ending) {
    switch ending {
    case .maximumTokens: note("the answer was ended after \(Terminal.grouped(maximumTokens)) tokens (--max-tokens).")
    case .positions: note("the answer was ended: the \(Terminal.grouped(positions)) positions of \(name) are used up.")
    case .endOfSequence, .stopped: break
    }
  }
}
