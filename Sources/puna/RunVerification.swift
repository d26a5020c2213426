import CPUBackend
import FineTuning
import Foundation
import Recipes

/// `puna train RECIPE --verify`: does this machine, with what it finds today, make the steps that the run made?
struct RunVerification {
  private let run: TrainingRun
  private let earlier: EarlierRun
  private let comparison: RunComparison

  /// - Throws: `Failure` when the recipe's output holds no run.
  init(_ recipe: Recipe, allowsOtherBase: Bool) throws {
    guard FileManager.default.fileExists(atPath: "\(recipe.output)/run.json") else {
      throw Failure("\(recipe.output) holds no run that could be verified: it has no run.json. Train it first, without --verify.")
    }
    earlier = try EarlierRun(folder: recipe.output, checkpoint: RunFolder.newestCheckpoint(of: recipe.output).checkpoint)
    run = try TrainingRun(recipe, allowsOtherBase: allowsOtherBase, following: earlier)
    comparison = try run.comparison(with: earlier)
  }

  /// Makes the first steps again; prints what came out.
  ///
  /// - Returns: whether all of them are equal.
  func verify(steps: Int) async throws -> Bool {
    let validation = try run.examples.validationExamples()
    let run = run
    let verifier = Verifier(
      options: run.recipe.training, plan: try run.planMemory(), examples: run.examples, validation: validation,
      makeModel: { try run.makeModel() })
    let metrics = try RunMetrics(folder: earlier.folder)
    let result = try await verifier.verify(metrics, steps: steps)
    if result.isEqual {
      print("\(metrics.path): \(made(result)) equal, bit for bit: loss, gradient norm, learning rate and tokens.")
      for text in comparison.differences.map(\.text) + comparison.notes { note("all the same, \(text)") }
      return true
    }
    let step = result.differingStep ?? 0
    print("\(metrics.path): \(step == 0 ? "the validation before the first step" : "step \(step)") differs.")
    for difference in result.differences {
      let recorded = difference.recorded.map { "\($0)" } ?? "nothing"
      print("  \(difference.field) is \(difference.found) and was \(recorded)\(relative(difference))")
    }
    if step > 0 { print(step == 1 ? "  nothing was equal before it" : "  the steps before it are equal") }
    print(reasons.isEmpty ? "no reason was found: \(nothingChanged)" : "likely because:")
    for reason in reasons { print("  \(reason)") }
    return false
  }

  private func made(_ result: Verifier.Result) -> String {
    let steps = result.stepCount == 1 ? "step 1" : "steps 1 to \(result.stepCount)"
    return result.comparesValidation
      ? "the validation before the first step and \(steps) are" : "\(steps) \(result.stepCount == 1 ? "is" : "are")"
  }

  private func relative(_ difference: Verifier.Result.Difference) -> String {
    guard let recorded = difference.recorded, recorded != 0, recorded.isFinite, difference.found.isFinite else { return "" }
    return String(format: " (%.1e of it)", abs(difference.found - recorded) / abs(recorded))
  }

  private var nothingChanged: String {
    "recipe, base, data, adapters, templates, tokenizer, version and processor are the run's. Was metrics.jsonl changed, or is the machine faulty?"
  }

  private var reasons: [String] {
    var reasons = comparison.differences.map(\.text) + comparison.notes.filter { $0.contains("rounding") }
    if let text = comparison.otherMachine { reasons.append(text) }
    if let processor = earlier.record.processor, processor != MachineReport.processorName {
      reasons.append("the run was made on \(processor); this is \(MachineReport.processorName).")
    }
    if earlier.record.version != Puna.version {
      reasons.append("the run was made by puna \(earlier.record.version); this is \(Puna.version).")
    }
    return reasons
  }
}
