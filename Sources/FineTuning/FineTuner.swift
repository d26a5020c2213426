import Adapters
import Checkpoints
import Datasets
import Foundation
import Llama
import Tensors

/// Trains one adapter: steps, validation, checkpoints and metrics of a run, on one thread that owns the model.
public struct FineTuner: Sendable {
  public typealias Save = @Sendable (_ adapter: LoRAAdapter, _ backend: any ComputeBackend, _ folder: String) throws -> Void

  /// Everything a run needs, decided before it begins.
  public struct Job: Sendable {
    public var options: TrainingOptions
    /// Rows in flight, and whether blocks are recomputed.
    public var plan: MemoryPlan
    public var examples: TrainingSet
    /// Held-out rows; empty for none.
    public var validation: [MaskedSequence]
    public var folder: RunFolder
    /// Makes the model and the adapter in it that is trained; called on the training thread.
    public var makeModel: @Sendable () throws -> (model: LlamaModel, adapter: LoRAAdapter)
    /// Writes the adapter's folder; called on the training thread.
    public var save: Save
    /// Answers a few instructions, before the first step and after the last.
    public var answerSamples: (@Sendable (_ model: LlamaModel, _ step: Int) throws -> SampleReport)?
    /// Whether they are answered at every validation too.
    public var answersEveryValidation = false
    /// What was noticed before the run; kept in the metrics when it begins.
    public var warnings: [TrainingWarning] = []
    /// What was noticed when the run was taken up again.
    public var resumptionWarnings: [TrainingWarning] = []
    /// Where the run goes on; `nil` at its beginning.
    public var checkpoint: Checkpoint?
    /// Asked after each step; true saves a checkpoint and ends the run with `TrainingInterrupted`.
    public var isInterrupted: @Sendable () -> Bool = { false }

    public init(
      options: TrainingOptions, plan: MemoryPlan, examples: TrainingSet, validation: [MaskedSequence], folder: RunFolder,
      makeModel: @escaping @Sendable () throws -> (model: LlamaModel, adapter: LoRAAdapter),
      save: @escaping Save,
      answerSamples: (@Sendable (_ model: LlamaModel, _ step: Int) throws -> SampleReport)? = nil
    ) {
      self.options = options
      self.plan = plan
      self.examples = examples
      self.validation = validation
      self.folder = folder
      self.makeModel = makeModel
      self.save = save
      self.answerSamples = answerSamples
    }
  }

  private let job: Job

  public init(_ job: Job) { self.job = job }

  /// Runs the job on a thread of its own and tells how it goes. The stream ends with the run, or with the error that stopped it.
  public func start() -> AsyncThrowingStream<TrainingEvent, any Error> {
    AsyncThrowingStream { continuation in
      FineTuner.onTrainingThread {
        do {
          try run { continuation.yield($0) }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
    }
  }

  /// Models belong to the thread that makes them, and work of hours does not belong on the tasks' threads.
  static func onTrainingThread(_ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.name = "training"
    // Defaults differ from system to system.
    thread.stackSize = 8 << 20
    thread.start()
  }

  /// Runs the job on this thread.
  /// - Throws: `TrainingError`, `TrainingInterrupted`, or what reading rows and writing files throw.
  public func run(_ tell: @escaping (TrainingEvent) -> Void) throws {
    var loop = try TrainingLoop(job, tell)
    try loop.run()
  }
}
