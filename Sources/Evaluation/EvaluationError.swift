/// What can go wrong in an evaluation.
public enum EvaluationError: Error, Equatable, CustomStringConvertible {
  /// `known` are the tasks there are.
  case unknownTask(name: String, suggestion: String?, known: [String])
  /// Something about a task that a person can change.
  case task(name: String, reason: String)
  /// Something about a file; `place` is a line or row within it.
  case file(path: String, place: String?, reason: String)
  /// Something about a question and a model.
  case sample(task: String, subject: String?, id: Int, model: String, reason: String)

  public var description: String {
    switch self {
    case .unknownTask(let name, let suggestion, let known):
      "There is no task '\(name)'. " + (suggestion.map { "Did you mean '\($0)'? " } ?? "") + "Tasks: \(known.joined(separator: ", ")); "
        + "or the path of a task file (.yaml)."
    case .task(let name, let reason): "\(name): \(reason)"
    case .file(let path, let place, let reason): "\(path): \(place.map { "\($0): " } ?? "")\(reason)"
    case .sample(let task, let subject, let id, let model, let reason):
      "\(task), question \(id)\(subject.map { " of \($0)" } ?? "") to \(model): \(reason)"
    }
  }
}
