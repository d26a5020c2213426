/// The `training` section of a recipe, with saving and evaluation, checked and with its defaults filled in.
public struct TrainingOptions: Sendable, Equatable {
  public enum Duration: Sendable, Equatable {
    case epochs(Int)
    /// Optimizer steps.
    case steps(Int)
  }

  public enum Schedule: String, Sendable, CaseIterable { case cosine, linear, constant }

  public enum WarmUp: Sendable, Equatable {
    case steps(Int)
    /// Of all steps, rounded up.
    case fraction(Double)
  }

  /// Decay rates of AdamW's two moments.
  public struct Betas: Sendable, Equatable {
    public var first = 0.9
    public var second = 0.95
    public init(first: Double = 0.9, second: Double = 0.95) {
      self.first = first
      self.second = second
    }
  }

  /// Ends the run when validation gets no better.
  public struct EarlyStopping: Sendable, Equatable {
    /// Validations in a row that may pass without an improvement.
    public var patience: Int
    /// How far below the best loss so far a loss must lie to count, in nats.
    public var minimumImprovement: Double

    public init(patience: Int, minimumImprovement: Double = 0) {
      self.patience = patience
      self.minimumImprovement = minimumImprovement
    }
  }

  public enum Recompute: String, Sendable, CaseIterable { case auto, always, never }

  public var duration: Duration
  /// Examples per optimizer step.
  public var batchSize = 16
  /// Rows in flight; `nil` chooses what memory allows, at most `MemoryPlan.mostRows`. Never changes the result beyond rounding.
  public var microBatchTokens: Int?
  public var learningRate = 3.0e-4
  public var schedule = Schedule.cosine
  public var warmUp = WarmUp.fraction(0.03)
  public var finalLearningRateRatio = 0.1
  public var betas = Betas()
  public var epsilon = 1.0e-8
  public var weightDecay = 0.1
  /// Largest global norm of the gradient; `nil` switches clipping off.
  public var clipGradientNorm: Double? = 1.0
  public var seed: UInt64 = 42
  public var recompute = Recompute.auto
  /// Steps between validations.
  public var evaluateEvery = 200
  /// Steps between checkpoints.
  public var saveEvery = 200
  public var keepCheckpoints = 3
  /// `nil` makes all steps.
  public var earlyStopping: EarlyStopping?

  public init(duration: Duration) { self.duration = duration }

  /// Optimizer steps of the whole run.
  public func stepCount(stepsPerEpoch: Int) -> Int {
    switch duration {
    case .epochs(let epochs): epochs * stepsPerEpoch
    case .steps(let steps): steps
    }
  }
}

/// The `compute` section of a recipe.
public struct ComputeOptions: Sendable, Equatable {
  public enum PrecisionChoice: String, Sendable, CaseIterable { case auto, bfloat16, float32 }

  public enum Memory: Sendable, Equatable {
    case auto
    case bytes(Int)
    /// Of what is available, above 0 up to 1.
    case share(Double)
  }

  public var precision = PrecisionChoice.auto
  /// `nil`: all cores that this process may use.
  public var threads: Int?
  public var memory = Memory.auto

  public init() {}
}

/// The `samples` section of a recipe: which instructions are answered while a run goes on.
public enum SampleOptions: Sendable, Equatable {
  public struct Question: Sendable, Equatable {
    public var instruction: String
    /// Empty for none.
    public var input: String

    public init(instruction: String, input: String = "") {
      self.instruction = instruction
      self.input = input
    }
  }

  /// Held-out rows with short answers, before the first step and after the last, as many as cost no more than a moment.
  case auto
  case none
  /// So many held-out rows, at every validation.
  case heldOut(Int)
  /// At every validation.
  case questions([Question])
}
