import Inference
import Llama
import Tokenizers

/// Answers requests with one model.
///
/// What requests have in common is computed once: worked examples, a question and its choices, a prompt and its answers. In float32 a response
/// does not depend on what else is asked.
public final class RequestRunner {
  /// What was asked and answered, and what it took.
  public struct Counts: Sendable, Equatable {
    public var requests = 0
    /// Rows that the continuations and texts take when each is computed alone.
    public var tokensAsked = 0
    /// Rows that went through the network for them.
    public var tokensComputed = 0
    /// Tokens of answers.
    public var tokensGenerated = 0
    /// Continuations and prompts whose context was cut on the left, because the model has no positions for it.
    public var cutContexts = 0
    public var cutTokens = 0

    public init() {}
  }

  let model: EvaluatedModel
  let seed: UInt64
  let rowLimit: Int
  public internal(set) var counts = Counts()

  /// - Parameter seed: of answers that are drawn.
  public convenience init(_ model: EvaluatedModel, seed: UInt64) {
    self.init(model, seed: seed, rowLimit: LikelihoodPass.mostRows)
  }

  /// - Parameter rowLimit: rows of a batch; for tests.
  package init(_ model: EvaluatedModel, seed: UInt64, rowLimit: Int) {
    self.model = model
    self.seed = seed
    self.rowLimit = rowLimit
  }

  /// Answers all requests, in an order of its own.
  ///
  /// - Parameters:
  ///   - onProgress: gets the share of the work that is done, from 0 to 1, after each batch and each generated token.
  ///   - onResponse: gets each request's index and its response as soon as it is known.
  /// - Throws: `RequestError` and `TokenizerError`, before anything is computed; `RequestError` and `GenerationError` for logits that are no
  ///   numbers; and what the closures throw, which ends it.
  public func respond(
    to requests: [SampleRequest], onProgress: (_ share: Double) throws -> Void = { _ in },
    onResponse: (_ index: Int, _ response: SampleResponse) throws -> Void
  ) throws {
    let encoded = try EncodedRequests(requests, model)
    let continuations = ScoredRequests(encoded.continuations.map { ($0.request, $0.sequences) }, model.network, rowLimit: rowLimit)
    var done = 0
    let total = continuations.pass.plan.rowCount + encoded.textRowCount + encoded.generatedCount
    func advance(_ count: Int) throws {
      done += count
      try onProgress(min(1, Double(done) / Double(max(total, 1))))
    }
    try score(continuations, encoded.continuations, advance, onResponse)
    try score(encoded.texts, advance, onResponse)
    try generate(encoded.prompts, advance, onResponse)
  }

  func count(cut cutCount: Int) {
    counts.cutContexts += cutCount > 0 ? 1 : 0
    counts.cutTokens += cutCount
  }
}
