/// A run that was asked to stop, and can go on.
public struct TrainingInterrupted: Error, Sendable, Equatable {
  public let step: Int
  public let stepCount: Int
  /// What was saved; `nil` before the first step, when there is nothing to lose.
  public let checkpoint: String?
}

/// What stops a run.
public enum TrainingError: Error, CustomStringConvertible, Equatable {
  /// `activations` where they were looked at.
  case notFinite(step: Int, loss: Double, gradientNorm: Double, rows: [String], activations: ActivationReport? = nil)
  case validationNotFinite(step: Int, loss: Double, activations: ActivationReport)
  case outputExists(String)
  case outputHoldsOther(String, String)
  case outputInUse(String)
  case metricsLost(String, expected: Int, found: Int, checkpoint: String)
  case cannotWrite(String, String)
  /// A checkpoint or an adapter; `reason` begins with the file, `newest` is the checkpoint before it.
  case cannotSave(step: Int, reason: String, newest: String?)
  case noMetrics(String, String)
  case nothingToLearn(rows: Int, paths: [String])
  case doesNotFit(needed: Int, limit: Int, rows: Int)

  public var description: String {
    switch self {
    case .notFinite(let step, let loss, let norm, let rows, let activations):
      """
      step \(step): the loss is \(loss) and the gradient's norm \(norm). Training stopped; nothing of this step was kept. \
      Rows: \(rows.joined(separator: ", ")). \(activations.map { "\($0.text) " } ?? "")\
      Lower training.learning_rate, or look at these rows with 'puna preview'.
      """
    case .validationNotFinite(let step, let loss, let activations):
      """
      step \(step): the validation loss is \(loss). \(activations.text) \
      Look at the validation rows with 'puna preview', and at the base's weights for NaN.
      """
    case .outputExists(let path):
      "\(path) exists already. Pass --resume to go on with it, --overwrite to replace it, or choose another output."
    case .outputHoldsOther(let path, let entry):
      "\(path) holds '\(entry)', which no run wrote. Choose another output, or move that away first."
    case .outputInUse(let path): "\(path): another process is training into this folder. Wait for it, or choose another output."
    case .metricsLost(let path, let expected, let found, let checkpoint):
      "\(path) has \(found) bytes; \(checkpoint) was saved after \(expected). Was it changed? Without it the run cannot be resumed."
    case .cannotWrite(let path, let reason):
      "\(path): cannot be written: \(reason). Training stopped; what was saved before is whole."
    case .cannotSave(let step, let reason, let newest):
      """
      \(reason) Training stopped \(step == 0 ? "before the first step" : "after step \(step), which was not saved"). \
      \(newest.map { "\($0) is whole: make room or mend what is wrong, and go on from there with --resume." }
        ?? "No checkpoint was saved before; make room or mend what is wrong, and start again.")
      """
    case .noMetrics(let path, let reason): "\(path): \(reason)"
    case .nothingToLearn(let rows, let paths):
      """
      None of the \(rows) rows of an epoch has a token to learn (\(paths.joined(separator: ", "))): their responses are empty, masked, or cut \
      away by data.max_length. Look at them with 'puna preview'.
      """
    case .doesNotFit(let needed, let limit, let rows):
      """
      Training needs about \(megabytes(needed)) MB with \(rows) rows in flight; compute.memory allows \(megabytes(limit)) MB. \
      Lower training.micro_batch_tokens or data.max_length, or set training.recompute to always.
      """
    }
  }

  private func megabytes(_ bytes: Int) -> Int { bytes / 1_000_000 }
}

extension TrainingError {
  /// The line of `metrics.jsonl` about a step that could not be made.
  var json: String? {
    guard case .notFinite(let step, let loss, let norm, let rows, let activations) = self else { return nil }
    let names = rows.map(\.json).joined(separator: ",")
    let report = activations.map { "\($0.json)," } ?? ""
    return """
      {"event":"not_finite","step":\(step),"loss":\(loss.json),"gradient_norm":\(norm.json),"rows":[\(names)],\
      \(report)"text":\(description.json)}
      """
  }
}
