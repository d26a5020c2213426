import ArgumentParser
import CPUBackend
import Checkpoints
import Evaluation
import Foundation
import Tensors

/// Asks every model every task, keeping responses as they come.
final class EvaluationRun {
  private let models: [(plan: ComparedModel, model: AskedModel)]
  private let tasks: [EvaluationTask]
  private let seed: UInt64
  private let precision: Precision?
  private let threads: Int?
  private let isQuiet: Bool
  private let facts: [EvaluationFact]
  private var progress: EvaluationProgress
  private var journals: [EvaluationJournal] = []

  init(
    models: [(plan: ComparedModel, model: AskedModel)], tasks: [EvaluationTask], seed: UInt64, facts: [EvaluationFact],
    precision: Precision?, threads: Int?, isQuiet: Bool
  ) {
    self.facts = facts
    self.models = models
    self.tasks = tasks
    self.seed = seed
    self.precision = precision
    self.threads = threads
    self.isQuiet = isQuiet
    let size = tasks.reduce(0) { $0 + EvaluationRun.size(of: $1) }
    progress = EvaluationProgress(total: size * models.count, isQuiet: isQuiet)
  }

  /// - Parameter onTask: gets each task of each model when it is done.
  /// - Throws: `ExitCode` when interrupted; the responses so far are kept.
  func run(onTask: (EvaluatedModel, EvaluationTask, [SampleRecord]) throws -> Void) throws -> (
    result: EvaluationResult, answers: [ModelAnswers]
  ) {
    var facts: [EvaluationFact] = [EvaluationFact("puna", .string(Puna.version))]
    let answers = try models.enumerated().map { index, entry in
      let backend = try CPUBackend(precision: precision, threads: threads)
      let asked = entry.model
      guard let encoder = asked.encoder else { preconditionFailure("tasks may ask in a template") }
      let model = EvaluatedModel(
        name: entry.plan.name, network: try asked.network(on: backend), tokenizer: asked.tokenizer, encoder: encoder, ends: asked.ends)
      if index == 0 {
        facts.append(EvaluationFact("precision", .string(backend.precision.rawValue)))
        facts.append(EvaluationFact("instruction_set", .string(backend.instructionSet.rawValue)))
      }
      let evaluator = Evaluator(model, seed: seed)
      let fingerprint = asked.adapted.base.fingerprint()
      // The same model under two names is asked twice.
      let identity = try model.name + "\n" + asked.identity(baseFingerprint: fingerprint, on: backend, seed: seed)
      let records = try tasks.map { task in
        let records = try run(task, evaluator, title: models.count > 1 ? "\(model.name), \(task.name)" : task.name, identity: identity)
        try onTask(model, task, records)
        return records
      }
      return ModelAnswers(
        name: model.name, base: entry.plan.base, adapters: entry.plan.adapters.map(\.text),
        facts: [
          EvaluationFact("base_fingerprint", .string(fingerprint)),
          EvaluationFact("template", .string(encoder.template.name)),
        ], records: records)
    }
    return (EvaluationResult(tasks: tasks, models: answers, facts: facts + self.facts), answers)
  }

  private static func size(of task: EvaluationTask) -> Int { task.samples.reduce(0) { $0 + $1.request.size } }

  /// When everything that was to come of the responses has been written.
  func forgetJournals() { for journal in journals { journal.remove() } }

  private func run(_ task: EvaluationTask, _ evaluator: Evaluator, title: String, identity: String) throws -> [SampleRecord] {
    let journal = try openJournal(of: task, identity: identity)
    let kept = (journal?.responses ?? [:]).keys.filter { task.samples.indices.contains($0) }
    progress.begin(
      title, sampleCount: task.samples.count, size: EvaluationRun.size(of: task),
      kept: (kept.count, kept.reduce(0) { $0 + task.samples[$1].request.size }))
    let before = evaluator.counts
    let began = Date()
    let records = try evaluator.run(task, journal: journal) { count, share in
      progress.update(samples: count, share: share)
      if Interruption.isAsked { throw interrupted(journal) }
    }
    progress.end(summary(of: records.count - kept.count, before, evaluator.counts, seconds: Date().timeIntervalSince(began)))
    return records
  }

  /// `14,042 questions in 1 h 02 min, 3.8 a second; 9,120,000 tokens asked, 2,100,000 computed`
  private func summary(of count: Int, _ before: RequestRunner.Counts, _ after: RequestRunner.Counts, seconds: Double) -> String {
    func added(_ number: KeyPath<RequestRunner.Counts, Int>) -> Int { after[keyPath: number] - before[keyPath: number] }
    let rate = String(format: "%.1f", Double(count) / max(seconds, 1e-3))
    var text = "\(Terminal.grouped(count)) question\(count == 1 ? "" : "s") in \(Terminal.duration(seconds)), \(rate) a second"
    if added(\.tokensAsked) > 0 {
      text += "; \(Terminal.grouped(added(\.tokensAsked))) tokens asked, \(Terminal.grouped(added(\.tokensComputed))) computed"
    }
    if added(\.tokensGenerated) > 0 { text += "; \(Terminal.grouped(added(\.tokensGenerated))) tokens written" }
    if added(\.cutContexts) > 0 {
      text +=
        "; \(Terminal.grouped(added(\.cutContexts))) contexts cut on the left by \(Terminal.grouped(added(\.cutTokens))) tokens in all"
    }
    return text
  }

  private func interrupted(_ journal: EvaluationJournal?) -> ExitCode {
    standardError(
      journal.map { "puna: interrupted. The answers so far are kept in \($0.path); the same command goes on from there." }
        ?? "puna: interrupted.")
    return ExitCode(Interruption.status)
  }

  // MARK: - What is kept

  /// A journal in the user's cache folder; without such a folder nothing is kept, which is said.
  private func openJournal(of task: EvaluationTask, identity: String) throws -> EvaluationJournal? {
    guard let folder = EvaluationRun.cacheFolder else {
      note("answers are not kept for the case of an interruption: neither XDG_CACHE_HOME nor HOME names a folder.")
      return nil
    }
    try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    guard FileManager.default.isWritableFile(atPath: folder) else {
      note("answers are not kept for the case of an interruption: \(folder) cannot be written to.")
      return nil
    }
    var digest = SHA256()
    digest.update(identity)
    task.forEachText { digest.update($0) }
    let key = digest.hexDigest()
    let journal = try EvaluationJournal(path: "\(folder)/\(key.prefix(32)).jsonl", key: key)
    journals.append(journal)
    return journal
  }

  private static var cacheFolder: String? {
    let environment = ProcessInfo.processInfo.environment
    if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") { return cache + "/puna/evaluations" }
    return environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/.cache/puna/evaluations" : nil }
  }
}
