import Evaluation
import TestSupport
import Testing

/// A folder of published files, and the tasks opened on it.
struct ChoiceCase {
  let folder: TemporaryFolder

  init(_ files: KeyValuePairs<String, String>) throws {
    folder = try TemporaryFolder()
    for (name, text) in files { try folder.write(text, to: name) }
  }

  /// - Parameters:
  ///   - data: of the folder's files, for `--data`; nil: the folder.
  ///   - shots: of the folder's files, for `--shots`.
  func open(_ task: String, data: String? = nil, fewShot: Int? = nil, shots: String? = nil, limit: Int? = nil) throws -> EvaluationTask {
    try TaskLibrary.open(
      task,
      TaskOptions(data: data.map(folder.file) ?? folder.path, fewShot: fewShot, shots: shots.map(folder.file), limit: limit))
  }

  /// What the task says to these files, with the folder's name left out.
  func refusal(_ task: String, data: String? = nil, fewShot: Int? = nil, shots: String? = nil) -> String? {
    do {
      _ = try open(task, data: data, fewShot: fewShot, shots: shots)
      return nil
    } catch {
      return "\(error)".replacing(folder.path, with: "DATA")
    }
  }
}

extension Sample {
  var continuations: [Continuation] { if case .continuations(let continuations) = request { continuations } else { [] } }
  /// The context that all continuations share.
  var context: String? { Set(continuations.map(\.context)).count == 1 ? continuations[0].context : nil }
  var choices: [String] { continuations.map(\.text) }
  var text: String? { if case .text(let text) = request { text } else { nil } }
}
