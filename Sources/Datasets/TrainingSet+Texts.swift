import Tokenizers

extension TrainingSet {
  /// A prompt with the answer that is expected.
  public struct Question: Sendable, Equatable {
    /// Ready to be continued by an answer.
    public let prompt: [Int32]
    /// What the user says; of a conversation, the last turn that has an answer.
    public let instruction: String
    /// `nil`: none, null or "".
    public let input: String?
    public let output: String
  }

  /// What ends the responses of the templates in use.
  public var responseEnds: Set<Int32> { Set(rows.encoder.files.compactMap { $0.encoder?.end }) }

  /// An instruction that is not the data's, written as the data's are: in the template `name` if a file has it, else in the first that
  /// one has; as it stands where there are no templates.
  ///
  /// - Throws: `TokenizerError`.
  public func prompt(
    instruction: String, input: String, template name: String, tokenizer: any Tokenizer
  ) throws -> [Int32] {
    let encoders = rows.encoder.files.compactMap(\.encoder)
    if let encoder = encoders.first(where: { $0.template.name == name }) ?? encoders.first {
      return try encoder.encodePrompt(instruction: instruction, input: input)
    }
    let begin = tokenizer.addsBeginOfSequence ? [tokenizer.beginOfSequence].compactMap { $0 } : []
    return try begin + tokenizer.encode(input.isEmpty ? instruction : "\(instruction)\n\(input)")
  }

  /// The encoders in use: a template each, with the tokenizer.
  public var encoders: [PromptEncoder] {
    rows.encoder.files.compactMap(\.encoder).reduce(into: []) { known, encoder in
      if !known.contains(where: { $0.template == encoder.template }) { known.append(encoder) }
    }
  }

  /// What a row asks; `nil` for rows of tokens and for text.
  ///
  /// - Throws: `DataError` when the row cannot be read any more, `TokenizerError`.
  public func question(of origin: MaskedSequence.Origin) throws -> Question? {
    guard case .rows(let rows, let encoder?) = rows.encoder.files[origin.source].contents else { return nil }
    switch try rows.content(origin.row - 1) {
    case .tokens, .document: return nil
    case .instruction(let instruction, let input, let output):
      let texts = [instruction, input, output].map { String(decoding: $0, as: UTF8.self) }
      return Question(
        prompt: try encoder.encodePrompt(instruction: texts[0], input: texts[1]), instruction: texts[0],
        input: texts[1].isEmpty ? nil : texts[1], output: texts[2])
    case .conversation(var conversation):
      guard let last = conversation.exchanges.lastIndex(where: { $0.assistant != nil }) else { return nil }
      let (user, answer) = (conversation.exchanges[last].user, conversation.exchanges[last].assistant)
      conversation.exchanges = conversation.exchanges[..<last] + [Conversation.Exchange(user: user)]
      return Question(
        prompt: try encoder.encodePrompt(conversation: conversation), instruction: user, input: nil, output: answer ?? "")
    }
  }
}
