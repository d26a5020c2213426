import TestSupport
import Testing
import Tokenizers

/// Conversations as ids, against texts spelled out here chunk by chunk: what stands between special tokens is encoded as one text.
struct PromptChatTests {
  static let specials = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
  let model = TinySentencePiece(controls: specials)
  let tokenizer: SentencePieceTokenizer

  init() throws { tokenizer = try SentencePieceTokenizer(bytes: model.bytes) }

  static let header = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
  static let french =
    "Ci-dessous se trouve une instruction qui décrit une tâche. Écrivez une réponse qui complète correctement la demande."
  static let several =
    "Below are some instructions that describe some tasks. Write responses that appropriately complete each request."
  static let chinese = "You are a helpful assistant. 你是一个乐于助人的助手。"

  /// Name; chunks of the conversation A, B, C, D without and with the system text S. `*` begins a chunk that is learnt; what is in angle
  /// brackets is one token.
  static let texts: [(name: String, plain: [String], withSystem: [String])] = [
    family("alpaca", header, "### Instruction:\nA\n\n### Response:", "*B", "### Instruction:\nC\n\n### Response:", "*D"),
    family("alpaca-lora", header, "### Instruction:\nA\n\n### Response:\n", "*B", "### Instruction:\nC\n\n### Response:\n", "*D"),
    family("alpaca-short", nil, "### Instruction:\nA\n\n### Response:\n", "*B", "### Instruction:\nC\n\n### Response:\n", "*D"),
    family("vigogne", french, "### Instruction:\nA\n\n### Réponse:\n", "*B", "### Instruction:\nC\n\n### Réponse:\n", "*D"),
    family("chinese-alpaca", header, "### Instruction:\nA\n\n### Response: ", "*B", "### Instruction:\nC\n\n### Response: ", "*D"),
    family(
      "chinese-alpaca-inference", header, "### Instruction:\n\nA\n\n### Response:\n\n", "*B",
      "### Instruction:\n\nC\n\n### Response:\n\n", "*D"),
    (
      "chinese-alpaca-2",
      ["<s>", "[INST] <<SYS>>\n\(chinese)\n<</SYS>>\n\nA [/INST]", "*B", "*</s>", "<s>", "[INST] C [/INST]", "*D", "*</s>"],
      ["<s>", "[INST] <<SYS>>\nS\n<</SYS>>\n\nA [/INST]", "*B", "*</s>", "<s>", "[INST] C [/INST]", "*D", "*</s>"]
    ),
    family("llama-factory", header, "### Instruction:\nA\n\n### Response:\n", "*B", "### Instruction:\nC\n\n### Response:\n", "*D"),
    family("unsloth", several, "### Instruction:\nA\n\n### Response:\n", "*B", "### Instruction:\nC\n\n### Response:\n", "*D"),
    (
      "llama2", ["<s>", "[INST] A [/INST]", "*B", "*</s>", "<s>", "[INST] C [/INST]", "*D", "*</s>"],
      ["<s>", "[INST] <<SYS>>\nS\n<</SYS>>\n\nA [/INST]", "*B", "*</s>", "<s>", "[INST] C [/INST]", "*D", "*</s>"]
    ),
    (
      "llama3", ["<s>"] + llama3("user", "A") + llama3Answer("B") + llama3("user", "C") + llama3Answer("D"),
      ["<s>"] + llama3("system", "S") + llama3("user", "A") + llama3Answer("B") + llama3("user", "C") + llama3Answer("D")
    ),
  ]

  static func family(
    _ name: String, _ header: String?, _ first: String, _ b: String, _ second: String, _ d: String
  ) -> (name: String, plain: [String], withSystem: [String]) {
    func chunks(_ header: String?) -> [String] {
      ["<s>", (header.map { "\($0)\n\n" } ?? "") + first, b, "*</s>", "\n\n" + second, d, "*</s>"]
    }
    return (name, chunks(header), chunks("S"))
  }

  static func llama3(_ role: String, _ text: String) -> [String] {
    ["<|start_header_id|>", role, "<|end_header_id|>", "\n\n\(text)", "<|eot_id|>"]
  }

  static func llama3Answer(_ text: String) -> [String] {
    ["<|start_header_id|>", "assistant", "<|end_header_id|>", "\n\n", "*\(text)", "*<|eot_id|>"]
  }

  /// Ids and what is learnt of chunks.
  func expected(_ chunks: [String], join: PromptTemplate.Join) throws -> (ids: [Int32], learnt: [Int32]) {
    var ids: [Int32] = []
    var learnt: [Int32] = []
    var before: String?
    for chunk in chunks {
      let isLearnt = chunk.hasPrefix("*")
      let text = String(chunk.drop { $0 == "*" })
      let added: [Int32]
      if let special = tokenizer.specials[text] {
        added = [special]
        before = nil
      } else if isLearnt, join == .text, let before {
        // One text with what is before it.
        let prompt = try tokenizer.encode(before)
        let whole = try tokenizer.encode(before + text)
        try #require(whole.starts(with: prompt))
        added = Array(whole.dropFirst(prompt.count))
      } else {
        added = try tokenizer.encode(text)
        before = text
      }
      ids += added
      if isLearnt { learnt += added }
    }
    return (ids, learnt)
  }

  static let abcd = Conversation(exchanges: [.init(user: "A", assistant: "B"), .init(user: "C", assistant: "D")])

  @Test func everyTemplateWritesConversations() throws {
    #expect(Self.texts.map(\.name) == PromptTemplate.names)
    for (name, plain, withSystem) in Self.texts {
      let encoder = try PromptEncoder(PromptTemplate.named(name), tokenizer)
      for (system, chunks) in [(nil, plain), ("S", withSystem)] {
        var conversation = Self.abcd
        conversation.system = system
        let encoded = try encoder.encodeExample(conversation: conversation)
        let expected = try expected(chunks, join: encoder.template.join)
        #expect(encoded.ids == expected.ids, "\(name)")
        #expect(encoded.supervised.flatMap { encoded.ids[$0] } == expected.learnt, "\(name)")
        #expect(encoded.supervised.count == 2 && encoded.cutCount == 0, "\(name)")
      }
    }
  }

  @Test func llama2TokenByToken() throws {
    let encoded = try PromptEncoder(PromptTemplate.named("llama2"), tokenizer).encodeExample(
      conversation: Conversation(
        exchanges: [.init(user: "the", assistant: "and"), .init(user: "on", assistant: "the</s>")]))
    let spelled = [
      "<s>", "▁", "<0x5B>", "I", "N", "S", "T", "<0x5D>", "▁the", "▁", "<0x5B>", "/", "I", "N", "S", "T", "<0x5D>", "▁and", "</s>",
      "<s>", "▁", "<0x5B>", "I", "N", "S", "T", "<0x5D>", "▁", "on", "▁", "<0x5B>", "/", "I", "N", "S", "T", "<0x5D>", "▁the", "<", "/",
      "s", ">", "</s>",
    ]
    #expect(encoded.ids == spelled.map(model.id))
    #expect(encoded.supervised == [17..<19, 37..<43])
  }

  @Test func llama3TokenByToken() throws {
    let encoded = try PromptEncoder(PromptTemplate.named("llama3"), tokenizer).encodeExample(
      conversation: Conversation(system: "\u{3000}on\n", exchanges: [.init(user: " the ", assistant: "\nand\u{A0}")]))
    let spelled = [
      "<s>", "<|start_header_id|>", "▁s", "y", "st", "e", "m", "<|end_header_id|>", "▁", "<0x0A>", "<0x0A>", "on", "<|eot_id|>",
      "<|start_header_id|>", "▁", "u", "s", "er", "<|end_header_id|>", "▁", "<0x0A>", "<0x0A>", "t", "he", "<|eot_id|>",
      "<|start_header_id|>", "▁a", "s", "s", "i", "st", "a", "n", "t", "<|end_header_id|>", "▁", "<0x0A>", "<0x0A>", "▁and", "<|eot_id|>",
    ]
    let pieces = try encoded.ids.map { try tokenizer.piece($0) }
    #expect(pieces == spelled, "\(pieces)")
    #expect(encoded.supervised == [spelled.count - 2..<spelled.count])
  }

  @Test func oneTurnIsAnInstructionRow() throws {
    for name in PromptTemplate.names {
      let encoder = try PromptEncoder(PromptTemplate.named(name), tokenizer)
      for (user, assistant) in [("the", "and"), ("x:e", "r\n"), (" A ", " the "), ("e", "")] {
        let conversation = Conversation(exchanges: [.init(user: user, assistant: assistant)])
        for (length, onPrompt) in [(nil, false), (nil, true), (20, false), (3, true), (1, false)] {
          let row = try encoder.encodeExample(instruction: user, output: assistant, maximumLength: length, trainsOnPrompt: onPrompt)
          let encoded = try encoder.encodeExample(conversation: conversation, maximumLength: length, trainsOnPrompt: onPrompt)
          #expect(encoded.ids == row.ids && encoded.cutCount == row.cutCount, "\(name)")
          #expect(encoded.supervised == (row.supervised.isEmpty ? [] : [row.supervised]), "\(name)")
        }
        #expect(
          try encoder.encodePrompt(conversation: Conversation(exchanges: [.init(user: user)])) == encoder.encodePrompt(instruction: user))
      }
    }
  }

  @Test func promptsAreWhatTrainingEncodes() throws {
    for (name, _, _) in Self.texts {
      let encoder = try PromptEncoder(PromptTemplate.named(name), tokenizer)
      var conversation = Self.abcd
      conversation.system = "S"
      let whole = try encoder.encodeExample(conversation: conversation)
      conversation.exchanges[1].assistant = nil
      let prompt = try encoder.encodePrompt(conversation: conversation)
      #expect(prompt == Array(whole.ids[..<whole.supervised[1].lowerBound]), "\(name)")
      // What is not answered is not learnt, and not there.
      let trained = try encoder.encodeExample(conversation: conversation)
      #expect(trained.ids == Array(whole.ids[..<whole.supervised[0].upperBound]))
      #expect(trained.supervised == [whole.supervised[0]])
    }
  }

  @Test func cutsFallAnywhere() throws {
    let encoder = try PromptEncoder(PromptTemplate.named("llama2"), tokenizer)
    let whole = try encoder.encodeExample(conversation: Self.abcd)
    let answers = whole.supervised
    for length in 1...whole.ids.count + 1 {
      let cut = try encoder.encodeExample(conversation: Self.abcd, maximumLength: length)
      #expect(cut.ids == Array(whole.ids.prefix(length)))
      #expect(cut.cutCount == max(0, whole.ids.count - length))
      let learnt = answers.joined().filter { $0 < length }
      #expect(Array(cut.supervised.joined()) == learnt)
      #expect(cut.supervised.allSatisfy { !$0.isEmpty })
    }
    let onPrompt = try encoder.encodeExample(conversation: Self.abcd, trainsOnPrompt: true)
    #expect(onPrompt.supervised == [1..<whole.ids.count])
  }

  @Test func whatATemplateCannotWriteIsRefused() throws {
    let template = PromptTemplate(name: "mine", promptInput: "{instruction}{input}", promptNoInput: "{instruction}", responseSplit: "")
    let encoder = try PromptEncoder(template, tokenizer)
    let turns = #expect(throws: TokenizerError.self) { try encoder.encodeExample(conversation: Self.abcd) }
    #expect(turns?.description == "Template 'mine' has no 'chat' that says how a second turn follows an answer.")
    let system = #expect(throws: TokenizerError.self) {
      try encoder.encodePrompt(conversation: Conversation(system: "S", exchanges: [.init(user: "A")]))
    }
    #expect(
      system?.description == "Template 'mine' has no place for a system text ('chat.with_system', or {system} in 'prompt_no_input').")
  }

  // MARK: - Files

  static let good = #""prompt_input": "{instruction}+{input}:", "prompt_no_input": "{instruction}:", "response_split": ":""#

  @Test func filesMayHaveChat() throws {
    let json = """
      {\(Self.good), "chat": {"next": "|{instruction}:", "with_system": "{system}/{instruction}:", "begin_each_turn": true}}
      """
    let template = try PromptTemplate(json: Array(json.utf8), path: "t.json")
    #expect(template.chat == .init(next: "|{instruction}:", withSystem: "{system}/{instruction}:", beginsEachTurn: true))
    #expect(try PromptTemplate(json: Array(template.json().utf8), path: "t.json") == template)
    let encoder = try PromptEncoder(template, tokenizer)
    var conversation = Self.abcd
    conversation.system = "S"
    #expect(
      try encoder.encodeExample(conversation: conversation).ids
        == ["<s>", "▁", "S", "/", "A", ":", "B", "</s>", "<s>", "▁", "|", "C", ":", "D", "</s>"].map(model.id))
  }

  @Test(arguments: [
    ("3", ["'chat' is a number; expected an object with 'next' and optional 'with_system' and 'begin_each_turn'."]),
    ("{}", ["'chat.next' is missing."]),
    (
      #"{"next": 1, "begin_each_turn": "yes"}"#,
      ["'chat.next' is a number; expected a string.", "'chat.begin_each_turn' is a string; expected true or false."]
    ),
    (#"{"nxt": "{instruction}"}"#, ["line 1: unknown key 'nxt'. Did you mean 'next'?", "'chat.next' is missing."]),
    (
      #"{"next": "{system}{input}", "with_system": "{instruction}"}"#,
      [
        "'chat.next' has no {instruction}.", "'chat.next' has {input}, but it is for rows without one.",
        "'chat.next' has {system}, which stands in the first turn only.", "'chat.with_system' has no {system}.",
      ]
    ),
  ])
  func badChat(chat: String, problems: [String]) {
    #expect(throws: TokenizerError.badTemplate(path: "t.json", problems: problems)) {
      try PromptTemplate(json: Array("{\(Self.good), \"chat\": \(chat)}".utf8), path: "t.json")
    }
  }
}
