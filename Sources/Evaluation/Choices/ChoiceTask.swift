/// A task of questions with choices, whose published files hold one question per row.
struct ChoiceTask: Sendable {
  let name: String
  /// lm-evaluation-harness's, whose prompts and scores these are.
  let version: Int
  let summary: String
  /// Whether `acc_norm` is one of its figures.
  let isNormalized: Bool
  /// Which files are scored, best first; files that nothing says a split of come last.
  let scored: [DataSplit]
  /// Whether worked examples may not equal the scored row. The harness looks only where a task names no split for them.
  let drawsWithoutScoredRow: Bool
  /// What a row has, and an example, for a person whose files hold something else.
  let expected: String
  let accepts: @Sendable (DataTable, _ isNamed: Bool) -> Bool
  /// Every row's question; nil for a row without an answer.
  let questions: @Sendable (DataTable) throws -> [ChoiceQuestion?]

  init(
    _ name: String, version: Int = 1, _ summary: String, isNormalized: Bool = true, scored: [DataSplit],
    drawsWithoutScoredRow: Bool = false, expected: String, accepts: @escaping @Sendable (DataTable, _ isNamed: Bool) -> Bool,
    questions: @escaping @Sendable (DataTable) throws -> [ChoiceQuestion?]
  ) {
    self.name = name
    self.version = version
    self.summary = summary
    self.isNormalized = isNormalized
    self.scored = scored
    self.drawsWithoutScoredRow = drawsWithoutScoredRow
    self.expected = expected
    self.accepts = accepts
    self.questions = questions
  }

  var builtIn: BuiltInTask {
    BuiltInTask(name: name, summary: summary) { asked, subject, options in
      if let subject { throw EvaluationError.task(name: asked, reason: "\(name) has no subjects, so that there is no '\(subject)'.") }
      return try open(options)
    }
  }

  func open(_ options: TaskOptions) throws -> EvaluationTask {
    let folder = try PublishedFiles.folder(name, options, expected)
    let tables = folder.tables.filter { accepts($0, folder.isFile) }
    let (table, scoredQuestions, notes) = try scoredTable(tables, folder)
    let questions = try ChoiceTask.answered(scoredQuestions, of: table)
    let fewShot = options.fewShot ?? 0
    var sampler = try sampler(tables, beside: table, questions, fewShot, options)
    let samples = try questions.prefix(options.limit ?? questions.count).enumerated().map { id, question in
      let shots =
        drawsWithoutScoredRow
        ? try sampler.shots(fewShot, without: question) : try sampler.shots(fewShot)
      return question.sample(id: id, subject: nil, introduction: shots.map(\.solved).joined())
    }
    return EvaluationTask(
      name: name, version: version, fewShot: fewShot, samples: samples, scorer: ChoiceScorer(isNormalized: isNormalized), notes: notes)
  }

  // MARK: - Which file

  /// The file that is scored: the best split whose rows have answers.
  private func scoredTable(_ tables: [DataTable], _ folder: DataFolder) throws -> (DataTable, [ChoiceQuestion?], notes: [String]) {
    guard !tables.isEmpty else { throw PublishedFiles.nothing(for: name, in: folder, expected) }
    var notes: [String] = []
    for split in folder.isFile ? [nil] : scored.map(Optional.some) + [nil] {
      let candidates = folder.isFile ? tables : tables.filter { $0.split == split }
      guard let table = candidates.first else { continue }
      guard candidates.count == 1 else { throw PublishedFiles.ambiguous(candidates, for: name) }
      let questions = try questions(table)
      if questions.isEmpty || questions.contains(where: { $0 != nil }) { return (table, questions, notes) }
      notes.append("\(table.path) holds no answers and is not scored.")
    }
    let reason = notes.isEmpty ? "\(folder.path) holds only rows for training." : notes.joined(separator: " ")
    throw EvaluationError.task(
      name: name, reason: reason + " Scores need rows with answers that are not for training; --data can name a file.")
  }

  /// - Throws: `EvaluationError.file` for a row without an answer, or no rows.
  static func answered(_ questions: [ChoiceQuestion?], of table: DataTable) throws -> [ChoiceQuestion] {
    guard !questions.isEmpty else { throw EvaluationError.file(path: table.path, place: nil, reason: "holds no rows.") }
    return try questions.enumerated().map { index, question in
      guard let question else {
        throw EvaluationError.file(path: table.path, place: "row \(index + 1)", reason: "has no answer, but other rows have.")
      }
      return question
    }
  }

  // MARK: - Worked examples

  private func sampler(
    _ tables: [DataTable], beside table: DataTable, _ scored: [ChoiceQuestion], _ fewShot: Int, _ options: TaskOptions
  ) throws -> FewShotSampler<ChoiceQuestion> {
    guard fewShot > 0 else { return FewShotSampler(.first, pool: [], path: table.path, seed: 0) }
    if let path = options.shots {
      let shots = try PublishedFiles.shots(path, for: name, expected) { accepts($0, true) }
      let pool = try ChoiceTask.answered(questions(shots), of: shots)
      try PublishedFiles.refuse(pool, from: shots.path, among: scored)
      return FewShotSampler(.random, pool: pool, path: shots.path, seed: options.seed)
    }
    for split in [DataSplit.train, .validation, .dev] where split != table.split {
      let candidates = tables.filter { $0.split == split && $0.path != table.path }
      guard let source = candidates.first else { continue }
      guard candidates.count == 1 else { throw PublishedFiles.ambiguous(candidates, for: "the worked examples of \(name)") }
      return FewShotSampler(.random, pool: try ChoiceTask.answered(questions(source), of: source), path: source.path, seed: options.seed)
    }
    throw PublishedFiles.noShots(for: name)
  }
}
