import Evaluation
import Foundation
import TestSupport
import Testing

/// Which continuation is the likeliest, counted.
private struct LikeliestScorer: SampleScorer {
  let metrics = [Metric("acc")]

  func score(_ sample: Sample, _ response: SampleResponse) -> SampleScore {
    guard case .continuations(let scores) = response, case .choice(let right) = sample.target else { return SampleScore(values: [:]) }
    let likeliest = scores.indices.max { scores[$0].logLikelihood < scores[$1].logLikelihood }
    return SampleScore(values: ["acc": MetricValue(likeliest == right ? 1 : 0)])
  }
}

@Suite("An evaluation that is interrupted")
struct EvaluatorTests {
  private struct Stop: Error {}

  private let folder = Result { try TemporaryFolder() }

  private static func task(_ count: Int, few: Int = 0) -> EvaluationTask {
    EvaluationTask(
      name: "letters", version: 1, fewShot: few,
      samples: (0..<count).map { index in
        // Too long to be computed together with the next one.
        let context = String(repeating: index % 2 == 0 ? "XQZ" : "QZX", count: 20 + index)
        return Sample(
          id: index, request: .continuations([Continuation(context: context, text: "X"), Continuation(context: context, text: "Q")]),
          target: .choice(0))
      }, scorer: LikeliestScorer())
  }

  private static func responses(_ records: [SampleRecord]) -> [SampleResponse] { records.map(\.response) }

  @Test("goes on where it stopped, and says the same as one that never did")
  func goesOn() throws {
    let path = try folder.get().file("journal")
    let one = try RequestCase()
    let task = EvaluatorTests.task(12)
    let whole = try Evaluator(one.model, seed: 1).run(task, journal: nil) { _, _ in }
    var seen = 0
    #expect(throws: Stop.self) {
      let journal = try EvaluationJournal(path: path, key: "k")
      // Generations, unlike likelihoods of so few, come one by one: stop as soon as anything is judged.
      _ = try Evaluator(one.model, seed: 1).run(task, journal: journal) { count, _ in
        seen = count
        if count > 0 { throw Stop() }
      }
    }
    let journal = try EvaluationJournal(path: path, key: "k")
    #expect(seen > 0 && journal.responses.count >= seen)
    let evaluator = Evaluator(one.model, seed: 1)
    let records = try evaluator.run(task, journal: journal) { _, _ in }
    #expect(EvaluatorTests.responses(records) == EvaluatorTests.responses(whole))
    #expect(records.map(\.score) == whole.map(\.score) && records.map(\.sample.id) == Array(0..<12))
    #expect(evaluator.counts.requests == 12 - seen)
    // All are known now: nothing is computed any more.
    let again = Evaluator(one.model, seed: 1)
    _ = try again.run(task, journal: try EvaluationJournal(path: try copy(of: path), key: "k")) { _, _ in }
    #expect(again.counts.requests == 0)
    journal.remove()
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  private func copy(of path: String) throws -> String {
    try FileManager.default.copyItem(atPath: path, toPath: path + ".copy")
    return path + ".copy"
  }

  @Test("a journal keeps what is whole, forgets a line that is cut, and begins anew for another key")
  func journal() throws {
    let path = try folder.get().file("journal")
    let response = SampleResponse.continuations([ContinuationScore(logLikelihood: -0.1 - 0.2, isGreedy: true, tokenCount: 2)])
    do {
      let journal = try EvaluationJournal(path: path, key: "k")
      try journal.append(response, at: 4)
      try journal.append(.answers(["a\nb"], cutCount: 3), at: 0)
      // Only one process at a time.
      #expect(throws: EvaluationError.self) { try EvaluationJournal(path: path, key: "k") }
    }
    let whole = try String(contentsOfFile: path, encoding: .utf8)
    for end in 1...20 {
      try String(whole.dropLast(end)).write(toFile: path, atomically: false, encoding: .utf8)
      let journal = try EvaluationJournal(path: path, key: "k")
      #expect(journal.responses == [4: response], "\(end)")
      try journal.append(.text(TextScore(logLikelihood: -1, tokenCount: 1)), at: 7)
    }
    #expect(try EvaluationJournal(path: path, key: "k").responses.keys.sorted() == [4, 7])
    #expect(try EvaluationJournal(path: path, key: "l").responses.isEmpty)
    #expect(try EvaluationJournal(path: path, key: "k").responses.isEmpty)
  }

  @Test("a question that cannot be answered is named")
  func named() throws {
    let one = try RequestCase(positions: 32)
    let long = String((0..<80).map { Character(["X", "Q", "Z"][$0 * $0 % 3]) })
    let task = EvaluationTask(
      name: "letters", version: 1, fewShot: 0,
      samples: [Sample(id: 5, subject: "s", request: .continuations([Continuation(context: "X", text: long)]), target: .choice(0))],
      scorer: LikeliestScorer())
    let error = #expect(throws: EvaluationError.self) { try Evaluator(one.model, seed: 1).run(task, journal: nil) { _, _ in } }
    #expect(error?.description.hasPrefix("letters, question 5 of s to tiny: a continuation has ") == true, "\(String(describing: error))")
  }

  @Test("the texts of a task tell it from another")
  func texts() {
    func texts(_ task: EvaluationTask) -> [String] {
      var texts: [String] = []
      task.forEachText { texts.append($0) }
      return texts
    }
    let first = texts(EvaluatorTests.task(3))
    #expect(first == texts(EvaluatorTests.task(3)))
    #expect(first != texts(EvaluatorTests.task(4)) && first != texts(EvaluatorTests.task(3, few: 1)))
    #expect(first.count { $0.hasPrefix("\u{1}") } == 6)
    let generated = EvaluationTask(
      name: "g", version: 1, fewShot: 0,
      samples: [Sample(id: 0, request: .generation(GenerationRequest(prompt: .raw("a"), stops: ["b"], maximumTokens: 9)), target: .none)],
      scorer: LikeliestScorer())
    #expect(texts(generated) != texts(generated.answering(with: 8)))
    #expect(generated.answering(with: 8).samples[0].target == .none && !generated.usesTemplate)
  }
}
