import Adapters
import Checkpoints
import FineTuning
import JSON
import Recipes

/// What a run folder tells about the training that wrote it.
public struct RunFacts: Sendable {
  /// A loss and the step after which it was measured; step 0 is before training.
  public struct Loss: Sendable, Equatable {
    public let step: Int
    public let value: Double
  }

  /// `run.json`.
  public internal(set) var record: RunRecord?
  /// `recipe.yaml`.
  public internal(set) var recipe: Recipe?
  /// The adapter of the last step is there.
  public internal(set) var isFinished = false
  /// Names below `checkpoints`.
  public internal(set) var checkpoints: [String] = []
  public internal(set) var hasBest = false

  // metrics.jsonl
  public private(set) var stepsDone = 0
  /// The epoch at the last step.
  public private(set) var epoch: Double?
  public private(set) var firstLoss: Loss?
  public private(set) var lastLoss: Loss?
  public private(set) var lowestLoss: Loss?
  public private(set) var validations: [Loss] = []
  /// Seconds in steps and in validation.
  public private(set) var stepSeconds = 0.0
  public private(set) var validationSeconds = 0.0
  public private(set) var tokens = 0
  public private(set) var supervisedTokens = 0
  /// Lines that could not be read, from 1.
  public private(set) var unreadableLines: [Int] = []
  public private(set) var lineCount = 0

  /// Steps of the whole run; nil where recipe or row count are missing.
  public var stepsPlanned: Int? {
    guard let recipe, let rows = record?.data?.trainingRows, rows > 0, recipe.training.batchSize > 0 else { return nil }
    let stepsPerEpoch = (rows - 1) / recipe.training.batchSize + 1
    // Both come from files: their product need not fit.
    if case .epochs(let epochs) = recipe.training.duration, stepsPerEpoch.multipliedReportingOverflow(by: epochs).overflow { return nil }
    return recipe.training.stepCount(stepsPerEpoch: stepsPerEpoch)
  }

  public var bestValidation: Loss? { validations.filter { $0.step > 0 }.min { $0.value < $1.value } }

  /// Takes the lines of `metrics.jsonl`, which a run that was killed may have left with an end cut off.
  mutating func readMetrics(_ bytes: UnsafeRawBufferPointer) {
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      lineCount += 1
      guard !line.isEmpty else { continue }
      guard let event = try? JSONValue(parsing: UnsafeRawBufferPointer(rebasing: line).bindMemory(to: UInt8.self)),
        let step = event["step"]?.integer, let name = event["event"]?.string
      else {
        unreadableLines.append(lineCount)
        continue
      }
      let loss = event["loss"]?.double.map { Loss(step: step, value: $0) }
      switch name {
      case "step":
        stepsDone = max(stepsDone, step)
        epoch = event["epoch"]?.double ?? epoch
        stepSeconds += event["seconds"]?.double ?? 0
        tokens &+= event["tokens"]?.integer ?? 0
        supervisedTokens &+= event["supervised_tokens"]?.integer ?? 0
        if let loss {
          if firstLoss == nil { firstLoss = loss }
          lastLoss = loss
          if loss.value < lowestLoss?.value ?? .infinity { lowestLoss = loss }
        }
      case "validation":
        if let loss { validations.append(loss) }
        validationSeconds += event["seconds"]?.double ?? 0
      default: break
      }
    }
  }
}
