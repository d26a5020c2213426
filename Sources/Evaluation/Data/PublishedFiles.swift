/// What all tasks do with files: finding them, and saying what is wrong.
enum PublishedFiles {
  /// The folder or file that `--data` names.
  static func folder(_ task: String, _ options: TaskOptions, _ expected: String) throws -> DataFolder {
    guard let path = options.data else {
      throw EvaluationError.task(name: task, reason: "needs the published files: --data FOLDER or FILE. A row has \(expected).")
    }
    return try DataFolder(path)
  }

  static func nothing(for task: String, in folder: DataFolder, _ expected: String) -> EvaluationError {
    .task(
      name: task,
      reason: "\(folder.path) holds no rows of this task. A row has \(expected). Read are JSON, JSON lines, CSV and TSV, also in gzip or "
        + "bzip2. There is: \(folder.seen).")
  }

  static func ambiguous(_ tables: [DataTable], for what: String) -> EvaluationError {
    let paths = tables.prefix(4).map(\.path).joined(separator: ", ")
    return .task(name: what, reason: "several files could be meant: \(paths)\(tables.count > 4 ? ", ..." : ""). Name one with --data.")
  }

  static func noShots(for task: String) -> EvaluationError {
    .task(
      name: task,
      reason: "the files hold no rows for worked examples; those that are scored are never taken. Name others with --shots FILE.")
  }

  /// The one file of worked examples.
  static func shots(_ path: String, for task: String, _ expected: String, where accepts: (DataTable) -> Bool) throws -> DataTable {
    let folder = try DataFolder(path)
    let tables = folder.tables.filter(accepts)
    guard let table = tables.first else { throw nothing(for: task, in: folder, expected) }
    guard tables.count == 1 else {
      throw EvaluationError.task(name: task, reason: "\(path) holds several files of worked examples. Name one with --shots.")
    }
    return table
  }

  /// - Throws: `EvaluationError.file` if a worked example is a scored question too.
  static func refuse(_ shots: [ChoiceQuestion], from path: String, among scored: [ChoiceQuestion]) throws {
    // By the first prompt, since most questions differ there.
    let byPrompt = Dictionary(grouping: scored) { $0.choices.first?.prompt ?? "" }
    for shot in shots {
      guard let same = byPrompt[shot.choices.first?.prompt ?? ""]?.first(where: { $0 == shot }) else { continue }
      throw EvaluationError.file(
        path: path, place: shot.row.place,
        reason: "the same question is scored (\(same.row.path), \(same.row.place)). Worked examples must be other questions.")
    }
  }
}
