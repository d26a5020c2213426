import Foundation

/// The learning rate of every optimizer step: a linear warm-up, then cosine, linear or constant.
///
/// Step s counts from 0, of n steps in all with w of warm-up: `rate · (s + 1) / w` while s < w; then with f = (s − w) / (n − w) and the
/// final ratio ρ, cosine is `rate · (ρ + (1 − ρ) · (1 + cos πf) / 2)` and linear `rate · (ρ + (1 − ρ) · (1 − f))`. Hugging Face's
/// warm-up is one step behind: it begins at rate 0.
public struct LearningRateSchedule: Sendable, Equatable {
  public let rate: Double
  public let shape: TrainingOptions.Schedule
  public let stepCount: Int
  public let warmUpSteps: Int
  public let finalRatio: Double

  public init(_ options: TrainingOptions, stepCount: Int) {
    rate = options.learningRate
    shape = options.schedule
    self.stepCount = stepCount
    switch options.warmUp {
    case .steps(let steps): warmUpSteps = steps
    case .fraction(let fraction): warmUpSteps = Int((fraction * Double(stepCount)).rounded(.up))
    }
    finalRatio = options.finalLearningRateRatio
  }

  /// - Parameter step: from 0.
  public func rate(at step: Int) -> Double {
    if step < warmUpSteps { return rate * Double(step + 1) / Double(warmUpSteps) }
    let progress = Double(step - warmUpSteps) / Double(max(1, stepCount - warmUpSteps))
    switch shape {
    case .constant: return rate
    case .linear: return rate * (finalRatio + (1 - finalRatio) * (1 - progress))
    case .cosine: return rate * (finalRatio + (1 - finalRatio) * (1 + cos(.pi * progress)) / 2)
    }
  }
}
