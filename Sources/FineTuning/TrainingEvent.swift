/// What a run tells while it goes. Steps count from 1.
public enum TrainingEvent: Sendable {
  case started(TrainingFacts)
  case step(StepReport)
  /// No row of the step had a target: nothing was changed.
  case skipped(step: Int, rows: [String])
  case validation(ValidationReport)
  case samples(SampleReport)
  case warning(TrainingWarning)
  /// Early stopping ended the run.
  case stopped(EarlyStop)
  case saved(path: String, step: Int)
}

/// What is known before step 1.
public struct TrainingFacts: Sendable, Equatable {
  /// Steps that were made before, where a run goes on.
  public let firstStep: Int
  public let stepCount: Int
  public let stepsPerEpoch: Int
  public let trainedParameters: Int
  public let baseParameters: Int
  public let plan: MemoryPlan

  public init(
    firstStep: Int = 0, stepCount: Int, stepsPerEpoch: Int, trainedParameters: Int, baseParameters: Int, plan: MemoryPlan
  ) {
    self.firstStep = firstStep
    self.stepCount = stepCount
    self.stepsPerEpoch = stepsPerEpoch
    self.trainedParameters = trainedParameters
    self.baseParameters = baseParameters
    self.plan = plan
  }
}

public struct StepReport: Sendable, Equatable {
  public let step: Int
  public let stepCount: Int
  public let epoch: Double
  public let examples: Int
  public let loss: Double
  public let learningRate: Double
  public let gradientNorm: Double
  /// Tokens of the sequences, and rows computed after sharing their beginnings.
  public let tokens: Int
  public let tokensComputed: Int
  public let supervisedTokens: Int
  public let seconds: Double

  /// The line of `metrics.jsonl`.
  var json: String {
    """
    {"event":"step","step":\(step),"epoch":\(epoch),"loss":\(loss),"learning_rate":\(learningRate),"gradient_norm":\(gradientNorm),\
    "tokens":\(tokens),"tokens_computed":\(tokensComputed),"supervised_tokens":\(supervisedTokens),"seconds":\(seconds)}
    """
  }
}

public struct ValidationReport: Sendable, Equatable {
  /// 0 before the first step.
  public let step: Int
  public let loss: Double
  /// Tokens of the sequences.
  public let tokens: Int
  public let seconds: Double
  /// Where all of them are text.
  public let text: TextLoss?

  var json: String {
    let text = text.map { ",\($0.json)" } ?? ""
    return "{\"event\":\"validation\",\"step\":\(step),\"loss\":\(loss.json),\"tokens\":\(tokens),\"seconds\":\(seconds)\(text)}"
  }
}
