import Tokenizers

/// Requests as tokens, by what is to be done with them.
struct EncodedRequests {
  struct Continuations {
    let request: Int
    let sequences: [ScoredSequence]
    /// Tokens of each context that were cut.
    let cutCounts: [Int]
  }

  struct Text {
    let request: Int
    let windows: [ScoredSequence]
  }

  struct Prompt {
    let request: Int
    let generation: GenerationRequest
    let tokens: [Int32]
    let cutCount: Int
  }

  private(set) var continuations: [Continuations] = []
  private(set) var texts: [Text] = []
  private(set) var prompts: [Prompt] = []

  var textRowCount: Int { texts.reduce(0) { $0 + $1.windows.reduce(0) { $0 + $1.rowCount } } }
  /// Most tokens that can be generated.
  var generatedCount: Int { prompts.reduce(0) { $0 + $1.generation.maximumTokens * $1.generation.answerCount } }

  /// - Throws: `RequestError`, `TokenizerError`.
  init(_ requests: [SampleRequest], _ model: EvaluatedModel) throws {
    let encoder = try RequestEncoder(model)
    for (index, request) in requests.enumerated() {
      do {
        switch request {
        case .continuations(let asked):
          let sequences = try encoder.sequences(of: asked)
          continuations.append(
            Continuations(request: index, sequences: sequences.map(\.sequence), cutCounts: sequences.map(\.cutCount)))
        case .text(let text):
          texts.append(Text(request: index, windows: try encoder.windows(of: text)))
        case .generation(let generation):
          let (tokens, cutCount) = try encoder.prompt(generation)
          prompts.append(Prompt(request: index, generation: generation, tokens: tokens, cutCount: cutCount))
        }
      } catch let problem as RequestError.Problem {
        throw RequestError(request: index, problem)
      }
    }
  }
}
