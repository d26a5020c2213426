import Foundation

/// A row of a generated task, with what is asked and what is right.
protocol TextTaskRow: Hashable, Sendable {
  /// What a row has, and an example, for a person whose files hold something else.
  static var expected: String { get }
  /// Whether a file's first row is one of these.
  static func recognizes(_ row: DataRow) -> Bool
  /// - Throws: `EvaluationError.file` for a row that is none.
  init(_ row: DataRow) throws
}

/// The rows of a task that are scored, and those that worked examples are taken from.
struct PublishedTexts<Row: TextTaskRow> {
  let scored: [Row]
  let path: String
  private let folder: DataFolder

  /// - Parameter splits: the split that is scored; where no file is named so, the next one.
  /// - Throws: `EvaluationError`, and what reading the files throws.
  init(_ task: String, _ options: TaskOptions, splits: [DataSplit]) throws {
    folder = try PublishedFiles.folder(task, options, Row.expected)
    let table = try PublishedTexts.scoredTable(task, folder, splits)
    path = table.path
    scored = try PublishedTexts.rows(table)
  }

  /// Draws worked examples for one question after another, from the file of `--shots`, else from the task's own training file.
  ///
  /// - Throws: `EvaluationError` if there are none to take, or if they are scored.
  func sampler(_ task: String, _ count: Int, _ options: TaskOptions) throws -> FewShotSampler<Row> {
    guard count > 0 else { return FewShotSampler(.first, pool: [], path: path, seed: options.seed) }
    if let file = options.shots {
      let rows = try givenShots(task, file)
      let scored = Set(scored)
      if let index = rows.firstIndex(where: scored.contains) {
        throw EvaluationError.file(
          path: file, place: "row \(index + 1)", reason: "the same row is scored, in \(path). Worked examples must be other rows.")
      }
      return FewShotSampler(.random, pool: rows, path: file, seed: options.seed)
    }
    guard let train = folder.tables.first(where: { $0.split == .train && PublishedTexts.holds($0) }) else {
      let needed = count == 1 ? "1 worked example" : "\(count) worked examples"
      throw EvaluationError.task(
        name: task,
        reason: "asks with \(needed), and beside \(path) there is no training file to take them from. "
          + "Name a file of them with --shots, or ask without: --few-shot 0.")
    }
    return FewShotSampler(.random, pool: try PublishedTexts.rows(train), path: train.path, seed: options.seed)
  }

  // MARK: - Files

  private static func holds(_ table: DataTable) -> Bool {
    // GSM8K's repository has its solutions a second time, as questions that lead to them.
    table.first.map(Row.recognizes) ?? false && !table.path.hasSuffix("_socratic.jsonl")
  }

  private static func scoredTable(_ task: String, _ folder: DataFolder, _ splits: [DataSplit]) throws -> DataTable {
    if folder.isFile, let table = folder.tables.first { return table }
    let tables = folder.tables.filter { holds($0) && $0.split != .train }
    let named = splits.lazy.map { split in tables.filter { $0.split == split } }.first { !$0.isEmpty }
    let found = named ?? tables
    guard let table = found.first else { throw PublishedFiles.nothing(for: task, in: folder, Row.expected) }
    guard found.count == 1 else { throw PublishedFiles.ambiguous(found, for: task) }
    return table
  }

  private static func rows(_ table: DataTable) throws -> [Row] {
    let rows = try table.rows().map(Row.init)
    guard !rows.isEmpty else { throw EvaluationError.file(path: table.path, place: nil, reason: "holds no rows.") }
    return rows
  }

  private func givenShots(_ task: String, _ file: String) throws -> [Row] {
    let given = try DataFolder(file)
    guard given.isFile, let table = given.tables.first else {
      throw EvaluationError.file(path: file, place: nil, reason: "a folder; --shots names one file.")
    }
    guard !PublishedTexts.isSameFile(file, path) else {
      throw EvaluationError.file(
        path: file, place: nil, reason: "its rows are scored; worked examples of \(task) must come from another file.")
    }
    return try PublishedTexts.rows(table)
  }

  private static func isSameFile(_ first: String, _ second: String) -> Bool {
    func identity(_ path: String) -> [UInt64]? {
      var facts = stat()
      return stat(path, &facts) == 0 ? [UInt64(facts.st_dev), UInt64(facts.st_ino)] : nil
    }
    return identity(first).map { $0 == identity(second) } ?? false
  }
}

extension TaskOptions {
  /// - Throws: `EvaluationError.task` for what a task of one answer to each question cannot do.
  func refuseSeveralAnswers(_ task: String) throws {
    guard answers == 1 else {
      throw EvaluationError.task(name: task, reason: "asks for one answer to each question, not \(answers).")
    }
  }

  /// - Throws: `EvaluationError.task` for several answers that would all be the same.
  func checkAnswers(_ task: String) throws {
    guard answers == 1 || temperature > 0 else {
      throw EvaluationError.task(
        name: task, reason: "\(answers) answers at temperature 0 are all the same. Set --temperature, such as 0.2.")
    }
  }

  func refuseSubject(_ task: String, _ subject: String?) throws {
    if let subject { throw EvaluationError.task(name: task, reason: "has no subjects, and so no '\(subject)'.") }
  }

  func refuseShots(_ task: String, because reason: String) throws {
    if let fewShot, fewShot > 0 { throw EvaluationError.task(name: task, reason: "takes no worked examples: \(reason)") }
    if shots != nil { throw EvaluationError.task(name: task, reason: "takes no worked examples, and so no --shots: \(reason)") }
  }

  /// A request for the task's answers.
  func generation(
    _ prompt: PromptText, stops: [String], maximumTokens: Int = 256, keepsLeadingSpace: Bool = false
  ) -> SampleRequest {
    .generation(
      GenerationRequest(
        prompt: prompt, stops: stops, maximumTokens: maximumTokens, answerCount: answers, temperature: temperature,
        keepsLeadingSpace: keepsLeadingSpace))
  }

  func limited<Row>(_ rows: [Row]) -> ArraySlice<Row> { rows.prefix(limit ?? rows.count) }
}
