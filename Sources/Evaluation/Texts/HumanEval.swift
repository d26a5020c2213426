/// HumanEval (Chen et al., arXiv 2107.03374): Python functions to be completed, judged by running them with their tests.
enum HumanEval {
  struct Row: TextTaskRow {
    static let expected = "'prompt', 'test' and 'entry_point' (HumanEval.jsonl)"

    let prompt: String
    let test: String
    let entryPoint: String

    static func recognizes(_ row: DataRow) -> Bool { row.has(["prompt", "test", "entry_point"]) }

    init(_ row: DataRow) throws {
      prompt = try row.text("prompt")
      test = try row.text("test")
      entryPoint = try row.text("entry_point")
    }
  }

  static func task(_ name: String, _ subject: String?, _ options: TaskOptions) throws -> EvaluationTask {
    try options.refuseSubject(name, subject)
    try options.checkAnswers(name)
    try options.refuseShots(name, because: "a program is begun, not asked for.")
    guard let programs = options.programs else {
      throw EvaluationError.task(
        name: name,
        reason:
          "is scored by running the programs that the model writes. Pass --run-code to let them run, shut off from files and network; "
          + "without it there is nothing to score.")
    }
    let files = try PublishedTexts<Row>(name, options, splits: [.test])
    let samples = options.limited(files.scored).enumerated().map { index, row in
      Sample(
        id: index,
        // lm-evaluation-harness loses a space of the first line's indent to LLaMA's tokenizers, and with it every such program.
        request: options.generation(
          .raw(row.prompt), stops: ["\nclass", "\ndef", "\n#", "\nif", "\nprint"], maximumTokens: 1024, keepsLeadingSpace: true),
        target: .program(before: row.prompt, after: "\n\(row.test)\ncheck(\(row.entryPoint))"))
    }
    return EvaluationTask(
      name: name, version: 1, fewShot: 0, samples: samples, scorer: ProgramScorer(programs: programs, answerCount: options.answers))
  }
}

/// Runs every answer between the parts of its program.
struct ProgramScorer: SampleScorer {
  private let programs: any ProgramRunner
  private let counts: [Int]
  let metrics: [Metric]

  init(programs: any ProgramRunner, answerCount: Int) {
    self.programs = programs
    counts = PassAtK.counts(programs: answerCount)
    metrics = counts.map { Metric("pass@\($0)") }
  }

  func score(_ sample: Sample, _ response: SampleResponse) throws -> SampleScore {
    guard case .program(let before, let after) = sample.target else { preconditionFailure("a task of programs has tests") }
    let results = try response.answers.map { try programs.run(before + $0 + after) }
    let passing = results.count(where: \.passes)
    let values = counts.map { count in
      ("pass@\(count)", MetricValue(PassAtK.estimate(programs: results.count, passing: passing, k: count)))
    }
    let outcome =
      results.count == 1 ? results[0].outcome : "\(passing) of \(results.count) pass; the first: \(results[0].outcome)"
    return SampleScore(
      values: Dictionary(uniqueKeysWithValues: values), prediction: .text(outcome), isCorrect: results[0].passes)
  }
}
