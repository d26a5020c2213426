import FineTuning
import Llama
import Tensors

/// How fast a run computes, found by gradients of one of its micro-batches through the network, or through its first
/// two blocks where that takes long: all blocks cost the same.
struct MeasuredStep {
  /// Rows a second through forward, backward and head.
  let rowsPerSecond: Double

  init(_ run: TrainingRun, _ plan: MemoryPlan, on batch: PackedBatch) throws {
    let layers = run.configuration.layerCount
    let one = try MeasuredStep.seconds(run, plan, batch, layers: 1)
    let seconds: Double
    if layers == 1 {
      seconds = one
    } else if one * Double(layers) < 1 {
      seconds = try MeasuredStep.seconds(run, plan, batch, layers: layers)
    } else {
      // What the second block adds, every further one adds.
      let two = try MeasuredStep.seconds(run, plan, batch, layers: 2)
      seconds = one + max(0, two - one) * Double(layers - 1)
    }
    rowsPerSecond = Double(batch.rowCount) / max(seconds, 1e-9)
  }

  private static func seconds(_ run: TrainingRun, _ plan: MemoryPlan, _ batch: PackedBatch, layers: Int) throws -> Double {
    let (model, _) = try run.makeModel(layers: layers)
    let weights = [Float](repeating: 1 / Float(max(1, batch.targets.count)), count: batch.targets.count)
    var fastest = Double.infinity
    var total = 0.0
    var turn = 0
    // The first touches memory and reads files; short ones are disturbed easily.
    while turn < 4 || total < 0.5 {
      let clock = ContinuousClock.now
      let scores = model.accumulateGradients(batch, weights: weights, recomputes: plan.recomputes)
      _ = model.backend.read(scores.logProbabilities)
      let time = ContinuousClock.now - clock
      if turn > 0 { fastest = min(fastest, time / .seconds(1)) }
      total += time / .seconds(1)
      turn += 1
    }
    return fastest
  }
}
