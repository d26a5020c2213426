import Foundation

/// Ends a run whose validation loss no longer falls: after `patience` validations in a row none of which lies more than
/// `minimum_improvement` below the best before it.
public struct EarlyStopper: Sendable {
  /// What a checkpoint keeps, so that a run that goes on stops where it would have stopped.
  public struct State: Codable, Sendable, Equatable {
    /// The lowest loss that counted as an improvement.
    var best: TrainingState.Best?
    /// Validations since.
    var waited = 0

    public init() {}
  }

  private let options: TrainingOptions.EarlyStopping
  public private(set) var state: State

  public init(_ options: TrainingOptions.EarlyStopping, state: State? = nil) {
    self.options = options
    self.state = state ?? State()
  }

  /// Takes a validation.
  /// - Returns: why the run ends, if it does.
  public mutating func take(loss: Double, step: Int) -> EarlyStop? {
    if let best = state.best, best.loss - loss <= options.minimumImprovement {
      state.waited += 1
    } else {
      state.best = TrainingState.Best(step: step, loss: loss)
      state.waited = 0
    }
    return stop(at: step)
  }

  /// Why the run ends after `step`, if it does.
  public func stop(at step: Int) -> EarlyStop? {
    guard state.waited >= options.patience, let best = state.best else { return nil }
    return EarlyStop(step: step, best: best, patience: options.patience, minimumImprovement: options.minimumImprovement)
  }
}

/// Why a run ended before its last step.
public struct EarlyStop: Sendable, Equatable {
  /// The last step that was made.
  public let step: Int
  /// The best validation; step 0 is before the first step.
  public let best: TrainingState.Best
  public let patience: Int
  public let minimumImprovement: Double

  /// What a person reads.
  public var text: String {
    let amount = minimumImprovement > 0 ? " by more than \(minimumImprovement)" : ""
    let validations = patience == 1 ? "one validation" : "\(patience) validations in a row"
    let best = "\(best.loss.shown) \(best.step == 0 ? "before the first step" : "after step \(best.step)")"
    return "stopped after step \(step): the validation loss has not fallen\(amount) for \(validations); the last that counted was \(best)."
  }

  var json: String {
    """
    {"event":"stopped","step":\(step),"reason":"early_stopping","best_step":\(best.step),"best_loss":\(best.loss),"text":\(text.json)}
    """
  }
}

extension Double {
  /// A loss for people.
  var shown: String { String(format: "%.4f", self) }
}
