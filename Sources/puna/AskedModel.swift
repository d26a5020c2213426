import Adapters
import Bases
import Llama
import Tensors
import Tokenizers

/// A base with adapters that is asked something, checked and open, but not yet a network.
struct AskedModel {
  let location: BaseLocation
  let adapted: AdaptedBase
  let tokenizer: any Tokenizer
  /// How instructions are written; `nil` for raw text.
  let encoder: PromptEncoder?
  /// What a person should know who asks in the template.
  let templateNotes: [String]

  enum Template {
    /// Prompts are raw text.
    case none
    /// A name or a file; `nil`: the adapters' own.
    case requested(String?)
    case same(PromptTemplate)
  }

  init(base name: String, adapters arguments: [AdapterArgument], allowOtherBase: Bool, template: Template) throws {
    location = BaseLocation(name: name)
    adapted = try ModelArguments.adapted(location.open(), arguments, allowOtherBase: allowOtherBase)
    guard let tokenizer = try location.openTokenizer(of: adapted) else {
      throw Failure("\(name) has no tokenizer: put its tokenizer.model or tokenizer.json into the folder.")
    }
    let known = adapted.configuration.vocabularySize
    guard tokenizer.vocabularySize <= known else {
      var table = VocabularyTable(adapted)
      table.add("tokenizer", tokenizer.vocabularySize)
      throw Failure(
        "\(name): the tokenizer has \(tokenizer.vocabularySize) ids, the embedding only \(known) rows.\n\(table.text)\n"
          + "Use the tokenizer that belongs to this base, or give the adapter that made the vocabulary larger.")
    }
    self.tokenizer = tokenizer
    if let problem = try location.tokenizerProblem(of: adapted.adapters, with: tokenizer) { note(problem) }
    switch template {
    case .none: (encoder, templateNotes) = (nil, [])
    case .requested(let name):
      let choice = try AdapterTemplate(requested: name, adapters: arguments.map(\.path))
      (encoder, templateNotes) = (try PromptEncoder(choice.template, tokenizer), choice.notes)
    case .same(let template): (encoder, templateNotes) = (try PromptEncoder(template, tokenizer), [])
    }
  }

  var name: String { location.name }

  /// Ids that end an answer: training may have taught any of them.
  var ends: Set<Int32> {
    Set(adapted.configuration.endOfSequence + [tokenizer.endOfSequence, encoder?.end].compactMap { $0 })
  }

  func network(on backend: any ComputeBackend) throws -> LlamaModel { try LlamaModel(adapted, on: backend) }
}
