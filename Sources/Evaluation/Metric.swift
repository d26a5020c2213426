/// A figure of a task, made of its samples' values.
public struct Metric: Sendable, Equatable {
  public enum Aggregation: Sendable, Equatable {
    /// Σ value / Σ weight.
    case mean
    /// exp(−Σ value / Σ weight): values are log-likelihoods, weights what they are spread over (tokens, words, bytes).
    case perplexity
    /// −Σ value / Σ weight / ln 2.
    case bits
  }

  /// As lm-evaluation-harness names it: `acc`, `acc_norm`, `exact_match`, `byte_perplexity`.
  public let name: String
  public let aggregation: Aggregation
  public let isHigherBetter: Bool
  /// Whether it lies between 0 and 1, so that a bar can show it.
  public let isShare: Bool

  public init(_ name: String, _ aggregation: Aggregation = .mean, isHigherBetter: Bool = true, isShare: Bool = true) {
    self.name = name
    self.aggregation = aggregation
    self.isHigherBetter = isHigherBetter
    self.isShare = isShare
  }
}

/// A sample's part in a metric.
public struct MetricValue: Sendable, Equatable {
  public let value: Double
  public let weight: Double

  public init(_ value: Double, weight: Double = 1) {
    self.value = value
    self.weight = weight
  }
}

/// How well a sample was answered.
public struct SampleScore: Sendable, Equatable {
  public enum Prediction: Sendable, Equatable {
    case choice(Int)
    /// What was taken out of the answer.
    case text(String)
  }

  /// By the metrics' names; a metric that a sample does not count in is absent.
  public let values: [String: MetricValue]
  public let prediction: Prediction?
  public let isCorrect: Bool?

  public init(values: [String: MetricValue], prediction: Prediction? = nil, isCorrect: Bool? = nil) {
    self.values = values
    self.prediction = prediction
    self.isCorrect = isCorrect
  }
}

/// How a task's responses become figures.
public protocol SampleScorer: Sendable {
  /// The first one is the task's main figure.
  var metrics: [Metric] { get }

  /// - Throws: what keeps it from judging; never for what the model said.
  func score(_ sample: Sample, _ response: SampleResponse) throws -> SampleScore
}
