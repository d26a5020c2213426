/// One question of a task: what is asked of the model, and what is right.
public struct Sample: Sendable {
  /// Its place among the rows of its subject's file, from 0, whatever `--limit` leaves.
  public let id: Int
  /// What a task with several subjects counts apart, such as `astronomy`.
  public let subject: String?
  public let request: SampleRequest
  public let target: SampleTarget

  public init(id: Int, subject: String? = nil, request: SampleRequest, target: SampleTarget) {
    self.id = id
    self.subject = subject
    self.request = request
    self.target = target
  }
}

/// A text whose likelihood after a context is asked for.
public struct Continuation: Sendable, Equatable {
  /// May be empty: the model's beginning of a sequence stands before it then.
  public let context: String
  /// With the space that separates it from the context, if any.
  public let text: String

  public init(context: String, text: String) {
    self.context = context
    self.text = text
  }
}

/// What the model is to continue.
public enum PromptText: Sendable, Equatable {
  /// Begun as the tokenizer begins a sequence.
  case raw(String)
  /// Written in the model's template.
  case instruction(String, input: String?)
}

/// The three requests that carry all tasks.
public enum SampleRequest: Sendable, Equatable {
  /// The log-likelihood of each continuation, and whether it is the greedy one.
  case continuations([Continuation])
  /// The log-likelihood of a whole text, of any length.
  case text(String)
  /// Text until one of the stops, or the end of sequence.
  case generation(GenerationRequest)
}

public struct GenerationRequest: Sendable, Equatable {
  public let prompt: PromptText
  /// Texts that end an answer and are not part of it.
  public let stops: [String]
  public var maximumTokens: Int
  /// Answers to the same prompt; more than one need a temperature.
  public let answerCount: Int
  /// 0 takes the most likely token.
  public let temperature: Float
  /// Whether a space before the first word is part of an answer, as a program needs it; else it only joins the answer to the prompt.
  public let keepsLeadingSpace: Bool

  public init(
    prompt: PromptText, stops: [String], maximumTokens: Int, answerCount: Int = 1, temperature: Float = 0, keepsLeadingSpace: Bool = false
  ) {
    precondition(answerCount == 1 || answerCount > 1 && temperature > 0, "several greedy answers are one")
    self.prompt = prompt
    self.stops = stops
    self.maximumTokens = maximumTokens
    self.answerCount = answerCount
    self.temperature = temperature
    self.keepsLeadingSpace = keepsLeadingSpace
  }
}

/// What is right.
public enum SampleTarget: Sendable, Equatable {
  case none
  /// The right one of the continuations.
  case choice(Int)
  /// Whether each continuation is right.
  case choices([Bool])
  /// Answers that are accepted, or the reference.
  case texts([String])
  /// A program that ends well if an answer is right: the answer goes between these.
  case program(before: String, after: String)
}

/// What the model says to a request.
public enum SampleResponse: Sendable, Equatable {
  /// One for each continuation.
  case continuations([ContinuationScore])
  case text(TextScore)
  /// One for each answer that was asked for; `cutCount` tokens of the prompt were cut on the left, for want of positions.
  case answers([String], cutCount: Int = 0)
}

public struct ContinuationScore: Sendable, Equatable {
  /// Sum over the continuation's tokens, natural logarithm.
  public let logLikelihood: Double
  /// Whether every token is the most likely one at its place.
  public let isGreedy: Bool
  public let tokenCount: Int
  /// Tokens of the context that the model has no positions for; they were cut on the left.
  public let cutCount: Int

  public init(logLikelihood: Double, isGreedy: Bool, tokenCount: Int, cutCount: Int = 0) {
    self.logLikelihood = logLikelihood
    self.isGreedy = isGreedy
    self.tokenCount = tokenCount
    self.cutCount = cutCount
  }
}

public struct TextScore: Sendable, Equatable {
  /// Natural logarithm.
  public let logLikelihood: Double
  /// Tokens that were predicted.
  public let tokenCount: Int

  public init(logLikelihood: Double, tokenCount: Int) {
    self.logLikelihood = logLikelihood
    self.tokenCount = tokenCount
  }
}
