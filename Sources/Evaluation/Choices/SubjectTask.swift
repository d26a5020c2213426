import Configuration

/// A task with a file for each subject and four choices, of which the letter is asked: MMLU and its Chinese relatives.
struct SubjectTask: Sendable {
  struct Subject: Sendable {
    /// As it is called in the introduction.
    let title: String
    /// The first is what its score counts in; CMMLU has subjects in two.
    let categories: [String]
  }

  let name: String
  let version: Int
  let summary: String
  let isNormalized: Bool
  /// Which files are scored, best first.
  let scored: [DataSplit]
  let subjects: [String: Subject]
  let expected: String
  /// What stands before all questions of a subject.
  let introduction: @Sendable (_ title: String) -> String
  /// What asks for the answer, such as `Answer:`.
  let answerPrompt: String
  let accepts: @Sendable (DataRow, DataForm) -> Bool
  let columns: @Sendable (DataRow) throws -> Columns

  /// What a row says, wherever it says it.
  struct Columns {
    let question: String
    let choices: [String]
    /// Nil in rows that are not meant to be scored.
    let answer: Int?
  }

  var builtIn: BuiltInTask {
    BuiltInTask(name: name, summary: summary) { asked, subject, options in try open(asked, subject, options) }
  }

  func open(_ asked: String, _ subject: String?, _ options: TaskOptions) throws -> EvaluationTask {
    if let subject, subjects[subject] == nil {
      throw EvaluationError.task(
        name: asked,
        reason: "\(name) has no subject '\(subject)'.\(Suggestion.sentence(for: subject, among: subjects.keys.sorted())) "
          + "Subjects: \(subjects.keys.sorted().joined(separator: ", ")).")
    }
    let folder = try PublishedFiles.folder(name, options, expected)
    let tables = try accepted(folder)
    guard !tables.isEmpty else { throw PublishedFiles.nothing(for: name, in: folder, expected) }
    let found = Set(tables.flatMap(\.subjects)).sorted()
    if let subject, !found.contains(subject) {
      throw EvaluationError.task(
        name: asked, reason: "\(folder.path) holds no files of this subject. There are: \(found.joined(separator: ", ")).")
    }
    let shots = try options.shots.map { try accepted(DataFolder($0), isForShots: true) }
    var samples: [Sample] = []
    var notes: [String] = []
    var scoredSubjects: [String] = []
    for subject in subject.map({ [$0] }) ?? found {
      guard let (path, questions) = try scoredQuestions(subject, tables, folder, &notes) else { continue }
      scoredSubjects.append(subject)
      samples += try self.samples(subject, questions, path, tables, shots, options)
    }
    guard !samples.isEmpty else {
      throw EvaluationError.task(
        name: asked, reason: "\(folder.path) holds no rows with answers to score. \(notes.joined(separator: " "))")
    }
    if subject == nil, scoredSubjects.count < subjects.count {
      notes.append("\(scoredSubjects.count) of \(subjects.count) subjects are in \(folder.path).")
    }
    return EvaluationTask(
      name: asked, version: version, fewShot: options.fewShot ?? 0, samples: samples, scorer: ChoiceScorer(isNormalized: isNormalized),
      categories: categories(scoredSubjects, at: 0), furtherCategories: categories(scoredSubjects, at: 1), notes: notes)
  }

  private func categories(_ names: [String], at index: Int) -> [String: String] {
    var categories: [String: String] = [:]
    for name in names {
      guard let all = subjects[name]?.categories, all.indices.contains(index) else { continue }
      categories[name] = all[index]
    }
    return categories
  }

  // MARK: - Files

  /// A file with the subjects that it is about: one by its name, or those that its rows name.
  private struct Source {
    let table: DataTable
    let subjects: [String]
    /// Where rows name their subjects, so that the file is read once.
    var rows: [String: [DataRow]]?
  }

  private func accepted(_ folder: DataFolder, isForShots: Bool = false) throws -> [Source] {
    try folder.tables.compactMap { table in
      guard let first = table.first, accepts(first, table.form) else { return nil }
      if let named = first["subject"]?.string, subjects[named] != nil {
        let rows = try Dictionary(grouping: table.rows()) { row in
          let named = try row.text("subject")
          guard subjects[named] != nil else {
            throw row.bad("\(name) has no subject '\(named)'.\(Suggestion.sentence(for: named, among: subjects.keys.sorted()))")
          }
          return named
        }
        return Source(table: table, subjects: rows.keys.sorted(), rows: rows)
      }
      if subjects[table.subject] != nil { return Source(table: table, subjects: [table.subject]) }
      // Worked examples in one file serve every subject.
      return isForShots ? Source(table: table, subjects: []) : nil
    }
  }

  private func questions(_ subject: String, _ source: Source) throws -> [ChoiceQuestion?] {
    try (source.rows?[subject] ?? source.table.rows()).map { row in
      let columns = try columns(row)
      guard let answer = columns.answer else { return nil }
      let listed = zip(SubjectTask.letters, columns.choices).map { "\($0). \($1)\n" }.joined()
      let prompt = columns.question.pythonStripped + "\n" + listed + answerPrompt
      return try ChoiceQuestion(row, prompt: prompt, choices: SubjectTask.letters, answer: answer)
    }
  }

  private func scoredQuestions(
    _ subject: String, _ tables: [Source], _ folder: DataFolder, _ notes: inout [String]
  ) throws -> (path: String, [ChoiceQuestion])? {
    let tables = tables.filter { $0.subjects.contains(subject) }
    for split in folder.isFile ? [nil] : scored.map(Optional.some) + [nil] {
      let candidates = folder.isFile ? tables : tables.filter { $0.table.split == split }
      guard let source = candidates.first else { continue }
      guard candidates.count == 1 else { throw PublishedFiles.ambiguous(candidates.map(\.table), for: "\(name)/\(subject)") }
      let questions = try questions(subject, source)
      if questions.isEmpty || questions.contains(where: { $0 != nil }) {
        return (source.table.path, try ChoiceTask.answered(questions, of: source.table))
      }
      notes.append("\(source.table.path) holds no answers and is not scored.")
    }
    return nil
  }

  // MARK: - Samples

  private func samples(
    _ subject: String, _ questions: [ChoiceQuestion], _ path: String, _ tables: [Source], _ shots: [Source]?, _ options: TaskOptions
  ) throws -> [Sample] {
    let fewShot = options.fewShot ?? 0
    var examples: [ChoiceQuestion] = []
    if fewShot > 0 {
      let source = try shotSource(subject, scoredPath: path, tables, shots, options)
      let pool = try ChoiceTask.answered(self.questions(subject, source), of: source.table)
      if options.shots != nil { try PublishedFiles.refuse(pool, from: source.table.path, among: questions) }
      var sampler = FewShotSampler(.first, pool: pool, path: source.table.path, seed: 0)
      examples = try sampler.shots(fewShot)
    }
    let introduction = introduction(subjects[subject]?.title ?? subject) + examples.map(\.solved).joined()
    return questions.prefix(options.limit ?? questions.count).enumerated().map { id, question in
      question.sample(id: id, subject: subject, introduction: introduction)
    }
  }

  private func shotSource(
    _ subject: String, scoredPath: String, _ tables: [Source], _ shots: [Source]?, _ options: TaskOptions
  ) throws -> Source {
    if let shots {
      let own = shots.filter { $0.subjects.contains(subject) }
      let candidates = own.isEmpty ? shots.filter(\.subjects.isEmpty) : own
      guard let source = candidates.first, candidates.count == 1 else {
        throw EvaluationError.task(
          name: "\(name)/\(subject)",
          reason:
            "\(options.shots ?? "") holds \(candidates.count) files of worked examples for this subject. Expected one; a row has \(expected)."
        )
      }
      return source
    }
    let candidates = tables.filter { $0.table.split == .dev && $0.table.path != scoredPath && $0.subjects.contains(subject) }
    guard let source = candidates.first else { throw PublishedFiles.noShots(for: "\(name)/\(subject)") }
    guard candidates.count == 1 else {
      throw PublishedFiles.ambiguous(candidates.map(\.table), for: "the worked examples of \(name)/\(subject)")
    }
    return source
  }

  // MARK: - Rows

  static let letters = ["A", "B", "C", "D"]

  /// `A` or, in re-exports, 0.
  static func answer(_ row: DataRow, _ key: String) throws -> Int {
    let value = try row.required(key)
    if let letter = value.string, let index = letters.firstIndex(of: letter.pythonStripped) { return index }
    if let index = value.integer, letters.indices.contains(index) { return index }
    throw row.bad("the answer is \(DataRow.shown(value)). Expected A, B, C or D, or 0 to 3.")
  }
}
