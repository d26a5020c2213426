extension TaskLibrary {
  /// A task of a person's own, from YAML.
  ///
  /// - Throws: `ConfigurationError` for the file, `EvaluationError` for its data, and what reading them throws.
  static func openTaskFile(_ path: String, _ options: TaskOptions) throws -> EvaluationTask {
    try TaskFile(path: path).task(options)
  }
}

extension TaskFile {
  func task(_ options: TaskOptions) throws -> EvaluationTask {
    try options.refuseSeveralAnswers(name)
    guard let path = options.data ?? data else {
      throw EvaluationError.task(name: name, reason: "has no data. Write 'data: FILE' in the task file, or pass --data FILE.")
    }
    let rows = try rows(of: path)
    let shotCount = try shotCount(options)
    let introduction = description + (try examples(shotCount, options, scored: rows, in: path)).joined()
    let samples = options.limited(rows).enumerated().map { index, row in
      let (request, target) = asked(row, after: introduction, options)
      return Sample(id: index, request: request, target: target)
    }
    return EvaluationTask(name: name, version: version, fewShot: shotCount, samples: samples, scorer: scorer(rows), notes: notes(rows))
  }

  private func asked(_ row: TaskFileRow, after introduction: String, _ options: TaskOptions) -> (SampleRequest, SampleTarget) {
    switch kind {
    case .text: return (.text(row.prompt), .none)
    case .choices:
      let continuations = row.choices.map { Continuation(context: introduction + row.prompt, text: delimiter + $0) }
      return (.continuations(continuations), .choice(row.index))
    case .generation(let generation, _):
      let prompt: PromptText =
        generation.isInstruction
        ? .instruction(row.prompt, input: row.input.flatMap { $0.isEmpty ? nil : $0 }) : .raw(introduction + row.prompt)
      return (
        options.generation(prompt, stops: generation.stops, maximumTokens: generation.maximumTokens), .texts(row.answers)
      )
    }
  }

  private func scorer(_ rows: [TaskFileRow]) -> any SampleScorer {
    switch kind {
    case .text(_, let metrics):
      return ChosenMetrics(metrics.map(\.rawValue), of: PerplexityScorer(rows.map { PerplexityScorer.Size(of: $0.prompt) }))
    case .choices(_, _, let metrics):
      return ChosenMetrics(metrics.map(\.rawValue), of: ChoiceScorer(isNormalized: true, delimiter: delimiter))
    case .generation(let generation, _): return generation.scorer
    }
  }

  private func notes(_ rows: [TaskFileRow]) -> [String] {
    guard case .generation(let generation, _) = kind, generation.scorer.measures != [.exactMatch],
      rows.contains(where: { $0.answers.contains(where: TextOverlap.hasCharactersAsWords) })
    else { return [] }
    return [TextOverlap.note]
  }

  // MARK: - Files

  private func rows(of path: String) throws -> [TaskFileRow] {
    let folder = try DataFolder(path)
    guard let table = folder.tables.first, folder.tables.count == 1 else {
      throw EvaluationError.file(path: path, place: nil, reason: "holds \(folder.seen). Name the one file of \(name).")
    }
    let rows = try table.rows()
    guard let first = rows.first else { throw EvaluationError.file(path: path, place: nil, reason: "holds no rows.") }
    try check(against: first)
    return try rows.map(row)
  }

  private func shotCount(_ options: TaskOptions) throws -> Int {
    let count = options.fewShot ?? fewShot
    switch kind {
    case .text: try options.refuseShots(name, because: "whole texts are scored.")
    case .generation(let generation, _) where generation.isInstruction:
      try options.refuseShots(name, because: "each instruction stands alone in the model's template.")
    case .choices, .generation: break
    }
    return count
  }

  /// The first rows of the file of worked examples.
  private func examples(_ count: Int, _ options: TaskOptions, scored: [TaskFileRow], in path: String) throws -> [String] {
    if count == 0 { return [] }
    guard let file = options.shots ?? shots else {
      throw EvaluationError.task(
        name: name,
        reason: "asks with worked examples, and has no file of them. Write 'shots: FILE' in the task file, or pass --shots FILE.")
    }
    let shots = try rows(of: file)
    let scored = Set(scored)
    if let index = shots.prefix(count).firstIndex(where: scored.contains) {
      throw EvaluationError.file(
        path: file, place: "row \(index + 1)", reason: "the same row is scored, in \(path). Worked examples must be other rows.")
    }
    var sampler = FewShotSampler(.first, pool: shots, path: file, seed: options.seed)
    return try sampler.shots(count).map { $0.prompt + delimiter + $0.answer + shotDelimiter }
  }
}

/// Of a scorer's figures, those that are asked for, in that order.
struct ChosenMetrics: SampleScorer {
  let metrics: [Metric]
  private let scorer: any SampleScorer

  init(_ names: [String], of scorer: any SampleScorer) {
    self.scorer = scorer
    metrics = names.compactMap { name in scorer.metrics.first { $0.name == name } }
  }

  func score(_ sample: Sample, _ response: SampleResponse) throws -> SampleScore {
    let score = try scorer.score(sample, response)
    let names = Set(metrics.map(\.name))
    return SampleScore(values: score.values.filter { names.contains($0.key) }, prediction: score.prediction, isCorrect: score.isCorrect)
  }
}
