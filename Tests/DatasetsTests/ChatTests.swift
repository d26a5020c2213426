import Datasets
import TestSupport
import Testing
import Tokenizers

/// Conversations from files: spellings, order of turns, templates, counts.
struct ChatTests {
  let folder: TemporaryFolder
  let tokenizer: SentencePieceTokenizer

  init() throws {
    folder = try TemporaryFolder()
    tokenizer = try SentencePieceTokenizer(bytes: TinySentencePiece().bytes)
  }

  func open(_ text: String, template: String = "llama2", length: Int = 512, name: String = "rows") throws -> TrainingSet {
    var options = DataOptions(train: [.init(path: try folder.write(text, to: name), template: template)])
    options.shuffle = false
    options.maximumLength = length
    return try TrainingSet(options, batchSize: 100, seed: 1, tokenizer: tokenizer)
  }

  static let conversation = Conversation(
    system: "on", exchanges: [.init(user: "the", assistant: "and"), .init(user: "in\n", assistant: "re")])

  /// All say the same.
  static let spellings = [
    #"""
    {"messages": [{"role": "system", "content": "on"}, {"role": "user", "content": "the"}, {"role": "assistant", "content": "and"},
      {"role": "user", "content": "in\n"}, {"role": "assistant", "content": "re"}]}
    """#,
    #"""
    {"conversations": [{"from": "system", "value": "on"}, {"from": "human", "value": "the"}, {"from": "gpt", "value": "and"},
      {"from": "user", "value": "in\n"}, {"from": "chatgpt", "value": "re"}]}
    """#,
    #"""
    {"system": "on", "conversations": [{"from": "human", "value": "the"}, {"from": "bing", "value": "and"},
      {"value": "in\n", "from": "human"}, {"from": "bard", "value": "re"}]}
    """#,
    #"""
    {"messages": [{"role": "system", "content": [{"type": "text", "text": "on"}]}, {"role": "user", "content": "the"},
      {"role": "assistant", "content": [{"text": "and", "type": "text"}], "tool_calls": null}, {"role": "user", "content": "in\n"},
      {"role": "assistant", "content": "re"}], "system": null}
    """#,
  ]

  @Test func spellingsOfOneConversation() throws {
    let expected = try PromptEncoder(PromptTemplate.named("llama2"), tokenizer).encodeExample(conversation: Self.conversation)
    for text in ["[\(Self.spellings.joined(separator: ","))]", Self.spellings.joined(separator: "\n")] {
      let set = try open(text)
      let examples = try set.examples(step: 0)
      #expect(examples.count == 4)
      for example in examples { #expect(example.ids == expected.ids && example.supervised == expected.supervised) }
      #expect(set.facts.ignoredKeys.isEmpty)
      #expect(set.sources.map(\.format) == [.chat])
    }
  }

  @Test func factsOfConversations() throws {
    let set = try open(
      #"""
      {"id": 1, "messages": [{"role": "user", "content": "the", "name": "x"}, {"role": "assistant", "content": "and", "name": "y"},
        {"role": "user", "content": "in"}]}
      {"messages": [{"role": "user", "content": "the"}, {"role": "assistant", "content": "and"}]}
      {"messages": [{"role": "user", "content": "the"}, {"role": "assistant", "content": "and"}]}
      {"messages": [{"role": "user", "content": "the the the the the"}, {"role": "assistant", "content": "and"}]}
      """#, length: 20)
    let examples = try set.examples(step: 0)
    set.waitUntilEncoded()
    #expect(examples[0].ids == examples[1].ids)
    #expect(set.facts.rowsWithUnansweredTurn == 1)
    #expect(set.facts.duplicateRows == 1)
    #expect(set.facts.ignoredKeys == ["id": 1, "messages[].name": 1])
    // Cut before its first answer.
    #expect(examples[3].supervised.isEmpty && set.facts.rowsWithNothingToLearn == 1 && set.facts.truncatedRows == 1)
  }

  static func messages(_ turns: String...) -> String { "[{\"messages\": [\(turns.joined(separator: ", "))]}]" }
  static let user = #"{"role": "user", "content": "a"}"#
  static let assistant = #"{"role": "assistant", "content": "b"}"#
  static let system = #"{"role": "system", "content": "s"}"#
  static let form = #"expected {"role": ..., "content": ...} or {"from": ..., "value": ...}."#

  @Test(arguments: [
    (messages(), "row 1 has no turn of the assistant: there is nothing to learn."),
    (messages(system, user), "row 1 has no turn of the assistant: there is nothing to learn."),
    (
      messages(assistant, user),
      "row 1 has the assistant as turn 1 where the user is due: user and assistant take turns, and the user begins."
    ),
    (
      messages(system, user, user),
      "row 1 has the user as turn 3 where the assistant is due: user and assistant take turns, and the user begins."
    ),
    (messages(user, assistant, system), "row 1 has a system text as turn 3; it can only be the first turn."),
    (messages(system, system, user, assistant), "row 1 has a system text as turn 2; it can only be the first turn."),
    (
      #"[{"system": "x", "messages": [\#(system), \#(user), \#(assistant)]}]"#,
      "row 1 has a key 'system' and a system turn; there is room for one of them."
    ),
    (
      messages(user, #"{"role": "tool", "content": "x"}"#),
      "row 1 has 'tool' as the speaker of turn 2; expected system, user (human) or assistant (gpt)."
    ),
    (
      messages(user, #"{"role": 3, "content": "x"}"#),
      "row 1 has no name as the speaker of turn 2; expected system, user (human) or assistant (gpt)."
    ),
    (
      messages(user, #"{"role": "assistant", "content": null, "tool_calls": []}"#),
      "row 1 has null as the text of turn 2; expected a string."
    ),
    (
      messages(user, #"{"role": "assistant", "content": "x", "tool_calls": [{}]}"#),
      "row 1 has 'tool_calls' in turn 2; calls of tools are not supported."
    ),
    (messages(user, #"{"role": "assistant", "content": ""}"#), "row 1 has nothing in turn 2 (assistant)."),
    (messages(user, #"{"role": "assistant"}"#), "row 1 has turn 2 without a text; \(form)"),
    (messages(#"{"content": "x"}"#), "row 1 has turn 1 without a speaker; \(form)"),
    (messages(#"{"role": "user", "from": "user"}"#), "row 1 has turn 1 with two speakers."),
    (messages(#"{"content": "user", "value": "user"}"#), "row 1 has turn 1 with two texts."),
    (messages("3"), "row 1 has a number as turn 1; \(form)"),
    (
      messages(#"{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}"#),
      #"row 1 has a list as the text of turn 1; expected a string, or one part {"type": "text", "text": ...}."#
    ),
    (
      messages(#"{"role": "user", "content": [{"type": "image_url", "text": "a"}]}"#),
      #"row 1 has a list as the text of turn 1; expected a string, or one part {"type": "text", "text": ...}."#
    ),
    (#"[{"messages": "a"}]"#, "row 1 has a string as 'messages'; expected a list of turns."),
    (#"[{"messages": [], "conversations": []}]"#, "row 1 has 'messages' or 'conversations' twice."),
    (
      #"[{"messages": [\#(user), \#(assistant)]}, {"text": ""}]"#,
      "row 2 has neither 'messages' nor 'conversations'. Expected objects with 'messages' or 'conversations'."
    ),
  ])
  func mistakes(text: String, message: String) throws {
    let error = #expect(throws: DataError.self) { try open(text) }
    #expect(error?.description == "\(folder.path)/rows: \(message)")
  }

  @Test func templatesThatCannotWriteThemAreRefusedBeforeTraining() throws {
    let template = try folder.write(
      #"{"prompt_input": "{instruction}{input}", "prompt_no_input": "{instruction}", "response_split": ""}"#, to: "mine.json")
    let two = #"{"messages": [\#(Self.user), \#(Self.assistant), \#(Self.user), \#(Self.assistant)]}"#
    let one = #"{"messages": [\#(Self.user), \#(Self.assistant)]}"#
    #expect(try open(one, template: template).rowsPerEpoch == 1)
    let turns = #expect(throws: DataError.self) { try open("\(one)\n\(two)", template: template) }
    #expect(
      turns?.description
        == "\(folder.path)/rows: row 2 has several turns, but template 'mine' has no 'chat' that says how a turn follows an answer.")
    let system = #expect(throws: DataError.self) {
      try open(#"{"system": "x", "messages": [\#(Self.user), \#(Self.assistant)]}"#, template: template)
    }
    #expect(
      system?.description
        == "\(folder.path)/rows: row 1 has a system text, but template 'mine' has no place for one ('chat.with_system', or {system} in "
        + "'prompt_no_input').")
  }

  @Test func questionsOfHeldOutRows() throws {
    let set = try open(Self.spellings[0])
    let question = try #require(try set.question(of: .init(source: 0, row: 1)))
    #expect(question.instruction == "in\n" && question.output == "re" && question.input == nil)
    let example = try set.examples(step: 0)[0]
    #expect(question.prompt == Array(example.ids[..<example.supervised[1].lowerBound]))
  }
}
