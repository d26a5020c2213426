/// A request that cannot be answered; `request` is its index among those that were asked together.
public struct RequestError: Error, Equatable, CustomStringConvertible {
  public enum Problem: Error, Equatable, CustomStringConvertible {
    /// There is no probability of nothing.
    case emptyContinuation(context: String)
    case continuationTooLong(tokenCount: Int, positions: Int)
    /// Something is to stand before the first token, but the tokenizer has neither begin nor end of sequence.
    case noBeginning
    case noRoomForPrompt(maximumTokens: Int, positions: Int)
    /// Logits that are no numbers.
    case notANumber

    public var description: String {
      switch self {
      case .emptyContinuation(let context):
        "a continuation has no tokens of its own (after a context that ends in '\(context.suffix(40))'). Every continuation needs text."
      case .continuationTooLong(let tokenCount, let positions):
        "a continuation has \(tokenCount) tokens, but the model has \(positions) positions. Only contexts are cut."
      case .noBeginning:
        "the first token would follow nothing, and the tokenizer has neither a begin nor an end of sequence to put before it."
      case .noRoomForPrompt(let maximumTokens, let positions):
        "an answer may have \(maximumTokens) tokens, but the model has \(positions) positions for prompt and answer together. "
          + "Ask for fewer with --max-tokens."
      case .notANumber: "the logits are not finite numbers. Do the weights hold NaN? 'puna inspect --verify' looks."
      }
    }
  }

  public let request: Int
  public let problem: Problem

  public init(request: Int, _ problem: Problem) {
    self.request = request
    self.problem = problem
  }

  public var description: String { "Request \(request): \(problem)" }
}
