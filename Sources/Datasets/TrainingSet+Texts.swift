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
