import Configuration

/// A task that is part of the program.
struct BuiltInTask: Sendable {
  let name: String
  /// One line for lists.
  let summary: String
  /// - Parameter subject: of `NAME/SUBJECT`, for tasks that have subjects.
  let open: @Sendable (_ name: String, _ subject: String?, _ options: TaskOptions) throws -> EvaluationTask
}

/// The tasks there are.
public enum TaskLibrary {
  static let tasks = choiceTasks + textTasks

  public static var names: [String] { tasks.map(\.name) }

  /// What each task asks and scores, in a line.
  public static var summaries: [(name: String, summary: String)] { tasks.map { ($0.name, $0.summary) } }

  /// - Parameter name: a task, one subject of it (`mmlu/astronomy`), or the path of a task file.
  /// - Throws: `EvaluationError`, and what reading its files throws.
  public static func open(_ name: String, _ options: TaskOptions) throws -> EvaluationTask {
    let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if let task = tasks.first(where: { $0.name == parts[0] }) {
      return try task.open(name, parts.count > 1 ? parts[1] : nil, options)
    }
    guard name.hasSuffix(".yaml") || name.hasSuffix(".yml") else {
      throw EvaluationError.unknownTask(name: name, suggestion: Suggestion.nearest(to: parts[0], among: names), known: names)
    }
    return try openTaskFile(name, options)
  }
}
