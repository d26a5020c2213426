/// An instruction row as ids.
public struct EncodedExample: Sendable, Equatable {
  public var ids: [Int32]
  /// Indices into `ids` of what is learnt; never 0, because nothing predicts a first token. Empty when there is nothing to learn.
  public var supervised: Range<Int>
  /// Tokens that did not fit, the end of sequence included.
  public var cutCount: Int

  public init(ids: [Int32], supervised: Range<Int>, cutCount: Int) {
    self.ids = ids
    self.supervised = supervised
    self.cutCount = cutCount
  }
}

/// A template bound to a tokenizer: text of rows to ids, the same way for training and for generation.
///
/// The begin of sequence stands once at the start if the tokenizer adds it. Special tokens come from the template's own text only.
public struct PromptEncoder: Sendable {
  public let template: PromptTemplate
  public let tokenizer: any Tokenizer

  private enum Part: Sendable {
    case literal([UInt8])
    case special(Int32)
    case instruction, input
  }

  /// What a tokenizer gets: texts, and ids between them.
  private enum Chunk {
    case text([UInt8])
    case special(Int32)
  }

  private struct Prompts: Sendable {
    let input: [Part]
    let noInput: [Part]
  }

  private let training: Prompts
  private let inference: Prompts
  /// Ends a response.
  private let end: Int32?

  /// - Throws: `TokenizerError.missingSpecialToken` when the template needs a piece that the tokenizer does not have.
  public init(_ template: PromptTemplate, _ tokenizer: any Tokenizer) throws {
    self.template = template
    self.tokenizer = tokenizer
    for piece in template.specialTokens + (template.responseEnd.map { [$0] } ?? []) where tokenizer.specials[piece] == nil {
      throw TokenizerError.missingSpecialToken(piece: piece, neededBy: "Template '\(template.name)'")
    }
    var specials: [String] = template.specialTokens
    for (piece, id) in tokenizer.specials where try tokenizer.kind(id) == .control { specials.append(piece) }
    func parts(_ text: String) -> [Part] { PromptEncoder.parts(of: text, template, specials, tokenizer) }
    training = Prompts(input: parts(template.promptInput), noInput: parts(template.promptNoInput))
    inference =
      template.inference.map { Prompts(input: parts($0.input), noInput: parts($0.noInput)) } ?? training
    end = template.responseEnd.flatMap { tokenizer.specials[$0] } ?? tokenizer.endOfSequence
  }

  private static func parts(
    of text: String, _ template: PromptTemplate, _ specials: [String], _ tokenizer: any Tokenizer
  ) -> [Part] {
    var parts: [Part] = []
    for part in PromptTemplate.parts(of: text) {
      switch part {
      case .instruction: parts.append(.instruction)
      case .input: parts.append(.input)
      case .system: parts.append(.literal(Array((template.system ?? "").utf8)))
      case .literal(let text):
        var literal: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let first = rest.first {
          let piece = specials.filter { !$0.isEmpty && rest.starts(with: $0.utf8) }.max { $0.utf8.count < $1.utf8.count }
          guard let piece, let id = tokenizer.specials[piece] else {
            literal.append(first)
            rest = rest.dropFirst()
            continue
          }
          if !literal.isEmpty { parts.append(.literal(literal)) }
          literal = []
          parts.append(.special(id))
          rest = rest.dropFirst(piece.utf8.count)
        }
        if !literal.isEmpty { parts.append(.literal(literal)) }
      }
    }
    return parts
  }

  // MARK: - Encoding

  /// Ids of a prompt, ready to be continued by a response.
  ///
  /// - Throws: `TokenizerError`.
  public func encodePrompt(instruction: String, input: String? = nil) throws -> [Int32] {
    try encode(chunks(inference, Array(instruction.utf8), input.map { Array($0.utf8) } ?? []))
  }

  /// Ids of a row. With `join: text` a response is learnt from the first token on that the prompt alone would not have.
  ///
  /// - Parameters:
  ///   - maximumLength: tokens; what is beyond is cut, and a cut response has no end. Nil: no limit.
  ///   - trainsOnPrompt: learn every token but the first.
  /// - Throws: `TokenizerError`.
  public func encodeExample(
    instruction: String, input: String? = nil, output: String, maximumLength: Int? = nil, trainsOnPrompt: Bool = false
  ) throws -> EncodedExample {
    try encodeExample(
      instruction: Array(instruction.utf8), input: input.map { Array($0.utf8) } ?? [], output: Array(output.utf8),
      maximumLength: maximumLength, trainsOnPrompt: trainsOnPrompt)
  }

  /// The same for UTF-8 bytes; an empty input is no input.
  public func encodeExample(
    instruction: [UInt8], input: [UInt8], output: [UInt8], maximumLength: Int?, trainsOnPrompt: Bool
  ) throws -> EncodedExample {
    guard let end else { throw TokenizerError.missingSpecialToken(piece: "end of sequence", neededBy: "Training on responses") }
    let output = template.trims ? trimmed(output) : output
    var chunks = chunks(training, instruction, input)
    let prompt = try encode(chunks)
    var ids = prompt
    var responseStart = prompt.count
    if template.join == .text, case .text(let last)? = chunks.last {
      chunks[chunks.count - 1] = .text(last + output)
      ids = try encode(chunks)
      responseStart = zip(ids, prompt).prefix { $0 == $1 }.count
    } else {
      ids += try tokenizer.encode(utf8: output)
    }

    let limit = maximumLength ?? Int.max
    let cutCount = max(0, ids.count + 1 - limit)
    if cutCount > 0 { ids.removeLast(cutCount - 1) } else { ids.append(end) }
    let start = min(trainsOnPrompt ? 1 : max(responseStart, 1), ids.count)
    return EncodedExample(ids: ids, supervised: start..<ids.count, cutCount: cutCount)
  }

  /// Neighbouring texts are one text, so that a row's words join with the words around them as they would on paper.
  private func chunks(_ prompts: Prompts, _ instruction: [UInt8], _ input: [UInt8]) -> [Chunk] {
    let instruction = template.trims ? trimmed(instruction) : instruction
    let input = template.trims ? trimmed(input) : input
    var chunks: [Chunk] = []
    var text: [UInt8] = []
    for part in input.isEmpty ? prompts.noInput : prompts.input {
      switch part {
      case .literal(let literal): text += literal
      case .instruction: text += instruction
      case .input: text += input
      case .special(let id):
        if !text.isEmpty { chunks.append(.text(text)) }
        text = []
        chunks.append(.special(id))
      }
    }
    if !text.isEmpty { chunks.append(.text(text)) }
    return chunks
  }

  private func encode(_ chunks: [Chunk]) throws -> [Int32] {
    var ids: [Int32] = []
    if tokenizer.addsBeginOfSequence, let begin = tokenizer.beginOfSequence {
      // A template that spells it must not double it.
      if case .special(begin)? = chunks.first {} else { ids.append(begin) }
    }
    for chunk in chunks {
      switch chunk {
      case .text(let text): ids += try tokenizer.encode(utf8: text)
      case .special(let id): ids.append(id)
      }
    }
    return ids
  }

  private func trimmed(_ text: [UInt8]) -> [UInt8] {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
    guard let first = text.firstIndex(where: { !isSpace($0) }), let last = text.lastIndex(where: { !isSpace($0) }) else { return [] }
    return Array(text[first...last])
  }
}
