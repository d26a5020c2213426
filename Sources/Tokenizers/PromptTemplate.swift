/// How an instruction row or a conversation becomes a prompt and where responses go.
///
/// The texts hold `{instruction}`, `{input}` and `{system}`, which are replaced in one pass: a row that contains `{input}` stays as it
/// is. The file format is alpaca-lora's (github.com/tloen/alpaca-lora, `templates/`) with a few optional keys.
public struct PromptTemplate: Sendable, Equatable, Codable {
  /// Whether prompt and response are one text that is encoded once, or are encoded apart.
  public enum Join: String, Sendable, Codable, CaseIterable { case text, tokens }

  /// A prompt for rows with an input and one for rows without.
  public struct Prompts: Sendable, Equatable, Codable {
    public var input: String
    public var noInput: String

    enum CodingKeys: String, CodingKey {
      case input = "prompt_input"
      case noInput = "prompt_no_input"
    }

    public init(input: String, noInput: String) {
      self.input = input
      self.noInput = noInput
    }
  }

  public var name: String
  public var description: String?
  public var promptInput: String
  public var promptNoInput: String
  /// What stands before a response in generated text.
  public var responseSplit: String
  public var join: Join
  /// Replaces `{system}`.
  public var system: String?
  /// Prompts that generation uses in place of those of training.
  public var inference: Prompts?
  /// Pieces that the texts' literal parts contain and a tokenizer must have. (Its control pieces are found in any case.)
  public var specialTokens: [String]
  /// The special piece that ends a response; nil: the tokenizer's end of sequence.
  public var responseEnd: String?
  /// Whether white space around instruction, input, output and system text is removed.
  public var trims: Bool
  /// Nil: conversations have one turn.
  public var chat: Chat?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case name, description, join, system, inference, chat
    case promptInput = "prompt_input"
    case promptNoInput = "prompt_no_input"
    case responseSplit = "response_split"
    case specialTokens = "special_tokens"
    case responseEnd = "response_end"
    case trims = "trim"
  }

  public init(
    name: String, promptInput: String, promptNoInput: String, responseSplit: String, join: Join = .text, system: String? = nil,
    description: String? = nil, inference: Prompts? = nil, specialTokens: [String] = [], responseEnd: String? = nil, trims: Bool = false,
    chat: Chat? = nil
  ) {
    self.name = name
    self.description = description
    self.promptInput = promptInput
    self.promptNoInput = promptNoInput
    self.responseSplit = responseSplit
    self.join = join
    self.system = system
    self.inference = inference
    self.specialTokens = specialTokens
    self.responseEnd = responseEnd
    self.trims = trims
    self.chat = chat
  }

  /// The prompt of training as text, special tokens by name; for people.
  public func prompt(instruction: String, input: String? = nil) -> String {
    let hasInput = input?.isEmpty == false
    return PromptTemplate.parts(of: hasInput ? promptInput : promptNoInput).map { part in
      switch part {
      case .literal(let text): text
      case .instruction: instruction
      case .input: input ?? ""
      case .system: system ?? ""
      }
    }.joined()
  }

  /// What follows the (first) response mark in generated text, without white space around it; all of the text without a mark.
  public func response(in text: String) -> String {
    guard !responseSplit.isEmpty, let range = text.firstRange(of: responseSplit) else { return text }
    let response = text[range.upperBound...].drop(while: \.isWhitespace)
    guard let last = response.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(response[...last])
  }

  // MARK: - Placeholders

  enum Part: Equatable {
    case literal(String)
    case instruction, input, system
  }

  private static let placeholders: [(String, Part)] = [("{instruction}", .instruction), ("{input}", .input), ("{system}", .system)]

  /// A text cut at its placeholders. Other braces are text.
  static func parts(of text: String) -> [Part] {
    var parts: [Part] = []
    var literal = ""
    var rest = text[...]
    while let first = rest.first {
      if first == "{", let (name, part) = placeholders.first(where: { rest.hasPrefix($0.0) }) {
        if !literal.isEmpty { parts.append(.literal(literal)) }
        literal = ""
        parts.append(part)
        rest = rest.dropFirst(name.count)
      } else {
        literal.append(first)
        rest = rest.dropFirst()
      }
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
    return parts
  }
}
