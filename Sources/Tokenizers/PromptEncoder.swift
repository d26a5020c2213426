import JSON

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
/// The begin of sequence stands at the start if the tokenizer adds it. Special tokens come from the template's own text only.
public struct PromptEncoder: Sendable {
  public let template: PromptTemplate
  public let tokenizer: any Tokenizer

  enum Part: Sendable, Equatable {
    case literal([UInt8])
    case special(Int32)
    case instruction, input, system
  }

  /// What a tokenizer gets: texts, and ids between them.
  enum Chunk {
    case text([UInt8])
    case special(Int32)
  }

  struct Prompts: Sendable {
    let input: [Part]
    let noInput: [Part]
  }

  let training: Prompts
  let inference: Prompts
  /// A user's turn after an answer, and the first of a conversation with a system text; nil where the template says nothing.
  let next: [Part]?
  let withSystem: [Part]?
  /// The id that ends a response; nil where the template names none and the tokenizer has no end of sequence.
  public let end: Int32?

  /// - Throws: `TokenizerError.missingSpecialToken` when the template needs a piece that the tokenizer does not have.
  public init(_ template: PromptTemplate, _ tokenizer: any Tokenizer) throws {
    self.template = template
    self.tokenizer = tokenizer
    for piece in template.specialTokens + (template.responseEnd.map { [$0] } ?? []) where tokenizer.specials[piece] == nil {
      throw TokenizerError.missingSpecialToken(piece: piece, neededBy: "Template '\(template.name)'")
    }
    var specials: [String] = template.specialTokens
    for (piece, id) in tokenizer.specials where try tokenizer.kind(id) == .control { specials.append(piece) }
    func parts(_ text: String) -> [Part] { PromptEncoder.parts(of: text, specials, tokenizer) }
    training = Prompts(input: parts(template.promptInput), noInput: parts(template.promptNoInput))
    inference =
      template.inference.map { Prompts(input: parts($0.input), noInput: parts($0.noInput)) } ?? training
    next = (template.chat?.next).map(parts)
    withSystem = (template.chat?.withSystem).map(parts) ?? (training.noInput.contains(.system) ? training.noInput : nil)
    end = template.responseEnd.flatMap { tokenizer.specials[$0] } ?? tokenizer.endOfSequence
  }

  private static func parts(of text: String, _ specials: [String], _ tokenizer: any Tokenizer) -> [Part] {
    var parts: [Part] = []
    for part in PromptTemplate.parts(of: text) {
      switch part {
      case .instruction: parts.append(.instruction)
      case .input: parts.append(.input)
      case .system: parts.append(.system)
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

  // MARK: - Instruction rows

  /// Ids of a prompt, ready to be continued by a response.
  ///
  /// - Throws: `TokenizerError`.
  public func encodePrompt(instruction: String, input: String? = nil) throws -> [Int32] {
    try encode(chunks(inference, Array(instruction.utf8), input.map { Array($0.utf8) } ?? []), begins: true)
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
    let turn = try encodeTurn(chunks(training, instruction, input), output, begins: true)
    let count = min(turn.ids.count, maximumLength ?? Int.max)
    let start = min(trainsOnPrompt ? 1 : max(turn.responseStart, 1), count)
    return EncodedExample(ids: Array(turn.ids[..<count]), supervised: start..<count, cutCount: turn.ids.count - count)
  }

  private func chunks(_ prompts: Prompts, _ instruction: [UInt8], _ input: [UInt8]) -> [Chunk] {
    let input = template.trims ? trimmed(input) : input
    return chunks(input.isEmpty ? prompts.noInput : prompts.input, instruction, input, system: Array((template.system ?? "").utf8))
  }

  // MARK: - Turns

  /// Ids of a prompt, its response and the response's end.
  func encodeTurn(_ prompt: [Chunk], _ response: [UInt8], begins: Bool) throws -> (ids: [Int32], responseStart: Int) {
    guard let end else { throw TokenizerError.missingSpecialToken(piece: "end of sequence", neededBy: "Training on responses") }
    let response = template.trims ? trimmed(response) : response
    var ids = try encode(prompt, begins: begins)
    guard template.join == .text, case .text(let last)? = prompt.last else {
      let start = ids.count
      ids += try tokenizer.encode(utf8: response)
      return (ids + [end], start)
    }
    let whole = try encode(prompt.dropLast() + [.text(last + response)], begins: begins)
    return (whole + [end], zip(whole, ids).prefix { $0 == $1 }.count)
  }

  /// Neighbouring texts are one text, so that a row's words join with the words around them as they would on paper.
  func chunks(_ parts: [Part], _ instruction: [UInt8], _ input: [UInt8] = [], system: [UInt8]) -> [Chunk] {
    var chunks: [Chunk] = []
    var text: [UInt8] = []
    for part in parts {
      switch part {
      case .literal(let literal): text += literal
      case .instruction: text += template.trims ? trimmed(instruction) : instruction
      case .input: text += input
      case .system: text += system
      case .special(let id):
        if !text.isEmpty { chunks.append(.text(text)) }
        text = []
        chunks.append(.special(id))
      }
    }
    if !text.isEmpty { chunks.append(.text(text)) }
    return chunks
  }

  /// - Parameter begins: whether the begin of sequence stands before it, if the tokenizer adds one.
  func encode(_ chunks: [Chunk], begins: Bool) throws -> [Int32] {
    var ids: [Int32] = []
    if begins, tokenizer.addsBeginOfSequence, let begin = tokenizer.beginOfSequence {
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

  /// Without white space at both ends, as Python's `strip` and Jinja's `trim` see it.
  func trimmed(_ text: [UInt8]) -> [UInt8] {
    // Whoever encodes the text says what is wrong with it.
    guard text.withUnsafeBufferPointer({ UTF8Validity.firstInvalidOffset(in: $0) == nil }) else { return text }
    let scalars = String(decoding: text, as: UTF8.self).unicodeScalars
    let isSpace: (Unicode.Scalar) -> Bool = { $0.properties.isWhitespace || (0x1C...0x1F).contains($0.value) }
    guard let first = scalars.firstIndex(where: { !isSpace($0) }), let last = scalars.lastIndex(where: { !isSpace($0) }) else { return [] }
    return Array(String(scalars[first...last]).utf8)
  }
}
