/// A conversation as ids.
public struct EncodedConversation: Sendable, Equatable {
  public var ids: [Int32]
  /// Indices into `ids` of what is learnt, in rising order, none of them 0: every answer with its end.
  public var supervised: [Range<Int>]
  /// Tokens that did not fit, the last end included.
  public var cutCount: Int

  public init(ids: [Int32], supervised: [Range<Int>], cutCount: Int) {
    self.ids = ids
    self.supervised = supervised
    self.cutCount = cutCount
  }
}

extension PromptEncoder {
  /// Ids of a conversation up to where the assistant is to speak, exactly as training encodes it.
  ///
  /// The first turn is the template's inference prompt, if it has one of its own.
  ///
  /// - Precondition: the last exchange has no answer.
  /// - Throws: `TokenizerError`; `noPlaceForSystem` and `singleTurn` for what the template cannot write.
  public func encodePrompt(conversation: Conversation) throws -> [Int32] {
    guard let last = conversation.exchanges.indices.last, conversation.exchanges[last].assistant == nil else {
      preconditionFailure("a prompt ends with the user's turn")
    }
    var ids: [Int32] = []
    for (index, exchange) in conversation.exchanges.enumerated() {
      let prompt = try chunks(conversation, index, first: inference.noInput)
      if let answer = exchange.assistant {
        ids += try encodeTurn(prompt, Array(answer.utf8), begins: begins(index)).ids
      } else {
        ids += try encode(prompt, begins: begins(index))
      }
    }
    return ids
  }

  /// Ids of a conversation. Every answer is learnt with its end, the user's turns and the system text are not. A last turn without an answer
  /// is left out.
  ///
  /// - Parameters:
  ///   - maximumLength: tokens; what is beyond is cut, and a cut answer has no end. Nil: no limit.
  ///   - trainsOnPrompt: learn every token but the first.
  /// - Throws: `TokenizerError`; `noPlaceForSystem` and `singleTurn` for what the template cannot write.
  public func encodeExample(
    conversation: Conversation, maximumLength: Int? = nil, trainsOnPrompt: Bool = false
  ) throws -> EncodedConversation {
    var ids: [Int32] = []
    var answers: [Range<Int>] = []
    for (index, exchange) in conversation.exchanges.enumerated() {
      guard let answer = exchange.assistant else { break }
      let turn = try encodeTurn(
        try chunks(conversation, index, first: training.noInput), Array(answer.utf8), begins: begins(index))
      let start = max(ids.count + turn.responseStart, 1)
      ids += turn.ids
      answers.append(start..<ids.count)
    }
    let count = min(ids.count, maximumLength ?? Int.max)
    let learnt = trainsOnPrompt ? [min(1, count)..<count] : answers
    return EncodedConversation(
      ids: Array(ids[..<count]), supervised: learnt.map { $0.clamped(to: 0..<count) }.filter { !$0.isEmpty }, cutCount: ids.count - count)
  }

  private func begins(_ index: Int) -> Bool { index == 0 || template.chat?.beginsEachTurn == true }

  /// The user's turn of an exchange, up to its answer.
  private func chunks(_ conversation: Conversation, _ index: Int, first: [Part]) throws -> [Chunk] {
    var parts = first
    var system = Array((template.system ?? "").utf8)
    if index > 0 {
      guard let next else { throw TokenizerError.singleTurn(template: template.name) }
      parts = next
    } else if let text = conversation.system {
      guard let withSystem else { throw TokenizerError.noPlaceForSystem(template: template.name) }
      // An inference prompt of its own that has a place for it stays.
      if !parts.contains(.system) { parts = withSystem }
      system = template.trims ? trimmed(Array(text.utf8)) : Array(text.utf8)
    }
    return chunks(parts, Array(conversation.exchanges[index].user.utf8), system: system)
  }
}
