import Datasets
import Foundation
import JSON
import Llama

/// Makes a run's first steps once more and compares them with what its metrics say, bit for bit. Nothing is written.
public struct Verifier: Sendable {
  /// What became of the comparison.
  public struct Result: Sendable, Equatable {
    /// A number that is another one than the run's.
    public struct Difference: Sendable, Equatable {
      /// As in `metrics.jsonl`.
      public let field: String
      /// `nil` where the run has none.
      public let recorded: Double?
      public let found: Double
    }

    /// Steps that were made again.
    public internal(set) var stepCount = 0
    /// Whether the validation before the first step was compared too.
    public internal(set) var comparesValidation = false
    /// The step that differs first, 0 for the validation before the first; `nil` when all are equal.
    public internal(set) var differingStep: Int?
    public internal(set) var differences: [Difference] = []

    public var isEqual: Bool { differences.isEmpty }
  }

  private let options: TrainingOptions
  private let plan: MemoryPlan
  private let examples: TrainingSet
  private let validation: [MaskedSequence]
  private let makeModel: @Sendable () throws -> (model: LlamaModel, adapter: LoRAAdapter)

  public init(
    options: TrainingOptions, plan: MemoryPlan, examples: TrainingSet, validation: [MaskedSequence],
    makeModel: @escaping @Sendable () throws -> (model: LlamaModel, adapter: LoRAAdapter)
  ) {
    self.options = options
    self.plan = plan
    self.examples = examples
    self.validation = validation
    self.makeModel = makeModel
  }

  /// Makes up to `steps` steps on a thread of its own.
  ///
  /// - Throws: `TrainingError`, what making the model and reading rows throw.
  public func verify(_ metrics: RunMetrics, steps: Int) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      FineTuner.onTrainingThread { continuation.resume(with: Swift.Result { try compare(metrics, steps: steps) }) }
    }
  }

  private func compare(_ metrics: RunMetrics, steps: Int) throws -> Result {
    let (model, adapter) = try makeModel()
    model.backend.reserve(byteCount: plan.activations + plan.workspace)
    let runner = StepRunner(model, adapter, options, plan, examples)
    var result = Result()
    func compare(_ event: JSONValue?, _ step: Int, _ values: [(String, Double)]) {
      result.differences = values.compactMap { field, found in
        let recorded = event?[field]?.double
        return recorded == found ? nil : Result.Difference(field: field, recorded: recorded, found: found)
      }
      if !result.differences.isEmpty { result.differingStep = step }
    }
    if let event = metrics.event("validation", step: 0), let loss = runner.trainer.validate(runner.pack(validation)) {
      result.comparesValidation = true
      compare(event, 0, [("loss", loss)])
    }
    let last = metrics.events.reduce(0) { max($0, $1["event"]?.string == "step" ? $1["step"]?.integer ?? 0 : 0) }
    guard last > 0 else { throw TrainingError.noMetrics(metrics.path, "no step of the run is recorded: there is nothing to compare.") }
    for step in 0..<min(steps, last, runner.stepCount) where result.isEqual {
      result.stepCount = step + 1
      // A step without a target has no line.
      guard case .made(let report, _) = try runner.run(step) else { continue }
      compare(metrics.event("step", step: step + 1), step + 1, report.reproducible)
    }
    return result
  }
}

extension StepReport {
  /// What is the same whenever the step is made: everything but times.
  var reproducible: [(String, Double)] {
    [
      ("loss", loss), ("gradient_norm", gradientNorm), ("learning_rate", learningRate), ("epoch", epoch), ("tokens", Double(tokens)),
      ("tokens_computed", Double(tokensComputed)), ("supervised_tokens", Double(supervisedTokens)),
    ]
  }
}
