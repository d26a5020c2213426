import Adapters
import CPUBackend
import Checkpoints
import FineTuning
import Foundation
import Runs

/// What a run keeps to be looked at: curves while it goes, a report at its end. Nothing that goes wrong here stops it.
final class RunWatch {
  /// Multiplications for the norms of an adapter that a person does not wait for.
  private static let mostOperations = 4e9

  /// Of the processor, in operations a second; nil where it cannot be measured.
  let peak: Double?
  /// Where the report is, once there is one.
  private(set) var report: String?
  private let run: TrainingRun
  private let plan: MemoryPlan
  private let follower: MetricsFollower
  private let work: TrainingWork
  private var operations = 0.0
  private var seconds = 0.0

  /// Measures the processor for a moment, which nothing else may do meanwhile.
  init(_ run: TrainingRun, _ plan: MemoryPlan) {
    self.run = run
    self.plan = plan
    work = TrainingWork(run)
    peak = try? MachineReport.peak(
      run.precision, threads: run.recipe.compute.threads, instructionSet: run.instructionSet, seconds: 0.05)
    follower = MetricsFollower(run: run.recipe.output, stepCount: run.stepCount) { note($0) }
  }

  func follow(_ event: TrainingEvent) {
    if case .step(let report) = event {
      operations += work.operations(computed: report.tokensComputed, supervised: report.supervisedTokens)
      seconds += report.seconds
    }
    follower.follow()
  }

  /// The run ended before its last step.
  func stop() { follower.finish() }

  /// The run is finished.
  func finish() {
    follower.finish()
    let path = "\(run.recipe.output)/\(RunReport.fileName)"
    do {
      let recipe = try GrowingFile.bytes("\(run.recipe.output)/recipe.yaml")
      let page = RunReport(
        RunFacts(folder: run.recipe.output), norms: try norms(), session: session, recipe: String(decoding: recipe, as: UTF8.self))
      try AtomicFile.write(page.html, to: path)
      report = path
    } catch {
      note("there is no report: \(error)")
    }
  }

  private func norms() throws -> [PEFTAdapter.ModuleNorm] {
    let adapter = try PEFTAdapter.read(run.recipe.output, shape: run.configuration)
    guard adapter.normOperations <= RunWatch.mostOperations else {
      note("the report leaves out what the adapter changed where: at this rank it would take long.")
      return []
    }
    return adapter.norms(beside: run.base.weights)
  }

  private var session: RunReport.Session {
    var session = RunReport.Session()
    session.peakMemory = SystemMemory.peakResident
    session.plannedMemory = plan.total
    session.peakRate = peak.flatMap { $0 > 0 ? $0 : nil }
    session.shareOfPeak = session.peakRate.flatMap { seconds > 0 ? operations / seconds / $0 : nil }
    session.processor = MachineReport.processorName
    session.threads = run.recipe.compute.threads ?? MachineReport.availableCores
    session.rowsInFlight = plan.rows
    session.watchSeconds = follower.seconds
    session.recomputes = plan.recomputes
    return session
  }
}
