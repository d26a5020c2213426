import FineTuning
import Llama
import Tensors

/// How fast a run computes, found by gradients of one of its micro-batches through the network cut down to its first blocks: all blocks
/// cost the same.
struct MeasuredStep {
  /// Rows a second through forward, backward and head.
  let rowsPerSecond: Double

  init(_ run: TrainingRun, _ plan: MemoryPlan, on batch: PackedBatch) throws {
    let layers = run.base.configuration.layerCount
    let most = min(layers, 2)
    var seconds = 0.0
    for count in 1...most {
      let (model, _) = try run.makeModel(layers: count)
      let weights = [Float](repeating: 1 / Float(max(1, batch.targets.count)), count: batch.targets.count)
      var fastest = Double.infinity
      // The first touches memory and reads files.
      for turn in 0..<4 {
        let clock = ContinuousClock.now
        let scores = model.accumulateGradients(batch, weights: weights, recomputes: plan.recomputes)
        _ = model.backend.read(scores.logProbabilities)
        let time = ContinuousClock.now - clock
        if turn > 0 { fastest = min(fastest, time / .seconds(1)) }
      }
      // What the second block adds, every further one adds.
      seconds += count == 1 ? fastest : max(0, fastest - seconds) * Double(layers - 1)
    }
    rowsPerSecond = Double(batch.rowCount) / max(seconds, 1e-9)
  }
}
