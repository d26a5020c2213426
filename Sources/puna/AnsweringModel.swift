import Adapters
import Bases
import CPUBackend
import Inference
import Llama
import Tensors
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
    let location = BaseLocation(name: model.base)
    let base = try location.open()
    guard let tokenizer = try location.openTokenizer() else {
      throw Failure("\(model.base) has no tokenizer: put its tokenizer.model or tokenizer.json into the folder.")
    }
    let known = base.configuration.vocabularySize
    guard tokenizer.vocabularySize <= known else {
      throw Failure(
        "\(model.base): the tokenizer has \(tokenizer.vocabularySize) ids, the embedding only \(known) rows. "
          + "Use the tokenizer that belongs to this base.")
    }
    if usesTemplate {
      let choice = try AdapterTemplate(requested: arguments.template, adapters: model.adapter.map(\.path))
      for text in choice.notes { note(text) }
      encoder = try PromptEncoder(choice.template, tokenizer)
    } else {
      encoder = nil
    }
    let adapters = try model.openAdapters(for: base)
    let backend = try CPUBackend(precision: compute.precision?.precision, threads: compute.threads)
    name = model.base
    positions = base.configuration.maximumPositions
    self.tokenizer = tokenizer
    stopTexts = arguments.stop
    maximumTokens = arguments.maxTokens
    // Training may have taught either end.
    let ends = base.configuration.endOfSequence + [tokenizer.endOfSequence, encoder?.end].compactMap { $0 }
    generator = Generator(
      try LlamaModel(base, adapters: adapters, on: backend),
      GenerationOptions(
        sampler: arguments.sampler(), maximumTokens: arguments.maxTokens, stops: Set(ends), vocabularySize: tokenizer.vocabularySize))
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
