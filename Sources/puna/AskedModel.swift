import Adapters
import Bases
import Llama
import Tensors
import Tokenizers

/// A base with adapters that is asked something, checked and open, but not yet a network.
struct AskedModel {
  let location: BaseLocation
  let base: Base
  let tokenizer: any Tokenizer
  /// How instructions are written; `nil` for raw text.
  let encoder: PromptEncoder?
  let adapters: [(adapter: PEFTAdapter, weight: Double)]
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
    base = try location.open()
    guard let tokenizer = try location.openTokenizer() else {
      throw Failure("\(name) has no tokenizer: put its tokenizer.model or tokenizer.json into the folder.")
    }
    let known = base.configuration.vocabularySize
    guard tokenizer.vocabularySize <= known else {
      throw Failure(
        "\(name): the tokenizer has \(tokenizer.vocabularySize) ids, the embedding only \(known) rows. "
          + "Use the tokenizer that belongs to this base.")
    }
    self.tokenizer = tokenizer
    switch template {
    case .none: (encoder, templateNotes) = (nil, [])
    case .requested(let name):
      let choice = try AdapterTemplate(requested: name, adapters: arguments.map(\.path))
      (encoder, templateNotes) = (try PromptEncoder(choice.template, tokenizer), choice.notes)
    case .same(let template): (encoder, templateNotes) = (try PromptEncoder(template, tokenizer), [])
    }
    adapters = try ModelArguments.open(arguments, for: base, allowOtherBase: allowOtherBase)
  }

  var name: String { location.name }

  /// Ids that end an answer: training may have taught any of them.
  var ends: Set<Int32> {
    Set(base.configuration.endOfSequence + [tokenizer.endOfSequence, encoder?.end].compactMap { $0 })
  }

  func network(on backend: any ComputeBackend) throws -> LlamaModel { try LlamaModel(base, adapters: adapters, on: backend) }
}
