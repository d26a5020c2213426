import Tokenizers

/// Text of requests as tokens, as lm-evaluation-harness's `HFLM` makes them (`lm_eval/api/model.py`, `lm_eval/models/huggingface.py`).
///
/// One difference: names of special tokens within a text are text.
struct RequestEncoder {
  private let tokenizer: any Tokenizer
  private let encoder: PromptEncoder
  private let positions: Int
  /// Stands before a text that follows nothing.
  private let prefix: Int32?
  private let prefixName: String?

  /// - Throws: `TokenizerError`.
  init(_ model: EvaluatedModel) throws {
    tokenizer = model.tokenizer
    encoder = model.encoder
    positions = model.network.configuration.maximumPositions
    prefix = tokenizer.beginOfSequence ?? tokenizer.endOfSequence
    prefixName = try prefix.map { try model.tokenizer.piece($0) }
  }

  /// A text as the tokenizer begins it; one that spells the beginning itself does not get another.
  private func tokens(of text: String) throws -> [Int32] {
    if let prefix, let prefixName, !prefixName.isEmpty, text.utf8.starts(with: prefixName.utf8) {
      return try [prefix] + tokenizer.encode(utf8: Array(text.utf8.dropFirst(prefixName.utf8.count)))
    }
    let begin = tokenizer.addsBeginOfSequence ? tokenizer.beginOfSequence : nil
    return try (begin.map { [$0] } ?? []) + tokenizer.encode(text)
  }

  private func beginning() throws(RequestError.Problem) -> Int32 {
    guard let prefix else { throw .noBeginning }
    return prefix
  }

  // MARK: - Continuations

  /// A request's continuations, and how many tokens of each context were cut on the left.
  ///
  /// - Throws: `RequestError.Problem`, `TokenizerError`.
  func sequences(of continuations: [Continuation]) throws -> [(sequence: ScoredSequence, cutCount: Int)] {
    // Choices mostly follow the same context.
    var contexts: [String: [Int32]] = [:]
    return try continuations.map { continuation in
      let (context, tokens) = try split(continuation, &contexts)
      guard !tokens.isEmpty else { throw RequestError.Problem.emptyContinuation(context: continuation.context) }
      guard tokens.count <= positions else {
        throw RequestError.Problem.continuationTooLong(tokenCount: tokens.count, positions: positions)
      }
      // The last token takes no position.
      let cutCount = max(0, context.count + tokens.count - (positions + 1))
      return (ScoredSequence(context: context.dropFirst(cutCount), continuation: tokens), cutCount)
    }
  }

  private func split(
    _ continuation: Continuation, _ contexts: inout [String: [Int32]]
  ) throws -> (context: ArraySlice<Int32>, continuation: ArraySlice<Int32>) {
    guard !continuation.context.isEmpty else {
      let prefix = try beginning()
      let tokens = try tokenizer.encode(continuation.text)
      return tokens.first == prefix ? (tokens[..<1], tokens[1...]) : ([prefix], tokens[...])
    }
    // White space belongs to what follows it: tokenizers join it with the next word.
    let scalars = continuation.context.unicodeScalars
    let end = scalars.lastIndex { !RequestEncoder.isSpace($0) }.map { scalars.index(after: $0) } ?? scalars.startIndex
    let context = String(scalars[..<end])
    let contextTokens = try contexts[context] ?? tokens(of: context)
    contexts[context] = contextTokens
    let whole = try tokens(of: continuation.context + continuation.text)
    let rest = whole.dropFirst(contextTokens.count)
    // White space alone, with a tokenizer that begins with nothing.
    return contextTokens.isEmpty ? ([try beginning()], rest) : (contextTokens[...], rest)
  }

  /// As Python's `str.isspace`.
  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  // MARK: - Texts

  /// A text in windows of the model's positions. Every token is scored once; the last window's context reaches back as far as there are
  /// positions, the others' is the token before them.
  ///
  /// The begin of sequence, where the tokenizer adds it, is scored too: after another one.
  ///
  /// - Throws: `RequestError.Problem`, `TokenizerError`.
  func windows(of text: String) throws -> [ScoredSequence] {
    let tokens = try tokens(of: text)
    guard !tokens.isEmpty else { return [] }
    let first = ScoredSequence(context: [try beginning()], continuation: tokens.prefix(positions))
    return [first]
      + stride(from: positions, to: tokens.count, by: positions).map { start in
        let end = min(start + positions, tokens.count)
        return ScoredSequence(context: tokens[end - positions - 1..<start], continuation: tokens[start..<end])
      }
  }

  // MARK: - Prompts

  /// A prompt that leaves room for the answer, and how many tokens were cut on its left.
  ///
  /// - Throws: `RequestError.Problem`, `TokenizerError`.
  func prompt(_ request: GenerationRequest) throws -> (tokens: [Int32], cutCount: Int) {
    guard request.maximumTokens < positions else {
      throw RequestError.Problem.noRoomForPrompt(maximumTokens: request.maximumTokens, positions: positions)
    }
    var tokens =
      switch request.prompt {
      case .raw(let text): try tokens(of: text)
      case .instruction(let instruction, let input): try encoder.encodePrompt(instruction: instruction, input: input)
      }
    if tokens.isEmpty { tokens = [try beginning()] }
    let cutCount = max(0, tokens.count - (positions - request.maximumTokens))
    return (Array(tokens.dropFirst(cutCount)), cutCount)
  }
}
