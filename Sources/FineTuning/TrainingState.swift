/// How far a run is: what a checkpoint holds besides the adapter and AdamW's moments, so that training goes on as if it had never stopped.
///
/// Everything else that decides a step, the order of rows and the masks of dropout, follows from the recipe and the step's number.
public struct TrainingState: Codable, Sendable, Equatable {
  public struct Best: Codable, Sendable, Equatable {
    public let step: Int
    public let loss: Double

    public init(step: Int, loss: Double) {
      self.step = step
      self.loss = loss
    }
  }

  /// Optimizer steps done, those without anything to learn included.
  public var step: Int
  /// Updates made, which AdamW's correction of bias counts.
  public var updates: Int
  /// The lowest validation loss so far.
  public var best: Best?
  /// Length of `metrics.jsonl`; what comes after it belongs to steps that are made again.
  public var metricsByteCount: Int
  /// Rows in flight, and whether blocks are recomputed: what `auto` became.
  public var rows: Int
  public var recomputes: Bool
  /// The validation after this step was interrupted and is made when the run goes on.
  public var isValidationDue: Bool?
  /// Where early stopping stands.
  public var stopping: EarlyStopper.State?
  /// Losses of the last steps, by which the next are judged.
  public var recentLosses: LossSpikes.State?

  public init(step: Int, updates: Int, best: Best?, metricsByteCount: Int, rows: Int, recomputes: Bool) {
    self.step = step
    self.updates = updates
    self.best = best
    self.metricsByteCount = metricsByteCount
    self.rows = rows
    self.recomputes = recomputes
  }

  private enum CodingKeys: String, CodingKey {
    case step, updates, best
    case metricsByteCount = "metrics_bytes"
    case rows = "micro_batch_tokens"
    case recomputes = "recompute"
    case isValidationDue = "validation_due"
    case stopping = "early_stopping"
    case recentLosses = "recent_losses"
  }
}
