import Checkpoints
import Foundation
import JSON

/// `chain.json`: what a chain has done, and what its steps read and wrote.
struct ChainRecord: Equatable {
  enum State: String {
    case done
    /// It began, and did not come to its end.
    case unfinished
    /// It was done and is to be made again, over what it wrote.
    case anew
  }

  struct Step: Equatable {
    var name: String
    /// As it was given, for people.
    var words: [String]
    var state: State
    /// Of all its attempts since it was begun.
    var seconds: Double
    /// What decided the result; see `StepDescription`.
    var settings: [String: String] = [:]
    /// Path -> fingerprint, of when it began.
    var read: [String: String] = [:]
    /// Path -> fingerprint, of when it was last done: the proof that an output is the chain's own.
    var written: [String: String] = [:]
  }

  static let fileName = "chain.json"
  private static let form = 1

  var steps: [Step] = []

  /// The record in a chain's folder; an empty one where there is none.
  ///
  /// - Throws: `CheckpointError` for one that cannot be read.
  static func read(folder: String) throws -> ChainRecord {
    let path = "\(folder)/\(fileName)"
    guard FileManager.default.fileExists(atPath: path) else { return ChainRecord() }
    let document = try JSONValue(file: path)
    func malformed(_ text: String) -> CheckpointError { CheckpointError(path: path, reason: .malformed(text)) }
    guard document["version"]?.integer == form else {
      throw malformed("'version' is \(document["version"]?.line ?? "absent"); expected \(form). Another version of puna wrote it.")
    }
    guard let steps = document["steps"]?.array else { throw malformed("'steps' is no list.") }
    return ChainRecord(
      steps: try steps.enumerated().map { index, value in
        guard let step = Step(value) else { throw malformed("step \(index + 1) is not what a chain writes.") }
        return step
      })
  }

  /// - Throws: `CheckpointError` when it cannot be written; the one that was there is whole then.
  func write(to folder: String) throws {
    let document: JSONValue = .object(["version": .integer(ChainRecord.form), "steps": .array(steps.map(\.json))])
    try AtomicFile.write(document.text, to: "\(folder)/\(ChainRecord.fileName)")
  }

  /// The record of a step: what it writes says more than its name.
  func index(of step: Chain.Step, in chain: Chain) -> Int? {
    func writes(_ step: Chain.Step, of record: Step) -> Bool {
      let places = record.written.keys.map { FilePlace($0) }
      return step.description.writes.contains { places.contains(FilePlace($0)) }
    }
    if let index = steps.firstIndex(where: { writes(step, of: $0) }) { return index }
    return steps.firstIndex { record in record.name == step.name && !chain.steps.contains { writes($0, of: record) } }
  }
}

extension ChainRecord.Step {
  fileprivate init?(_ value: JSONValue) {
    func texts(_ key: String) -> [String: String]? {
      guard let members = value[key]?.object else { return nil }
      let texts = members.compactMapValues(\.string)
      return texts.count == members.count ? texts : nil
    }
    guard let name = value["name"]?.string, let words = value["words"]?.array?.compactMap(\.string),
      let state = value["state"]?.string.flatMap(ChainRecord.State.init), let seconds = value["seconds"]?.double,
      let settings = texts("settings"), let read = texts("read"), let written = texts("written")
    else { return nil }
    self.init(name: name, words: words, state: state, seconds: seconds, settings: settings, read: read, written: written)
  }

  fileprivate var json: JSONValue {
    func object(_ texts: [String: String]) -> JSONValue { .object(texts.mapValues { .string($0) }) }
    return .object([
      "name": .string(name), "words": .array(words.map { .string($0) }), "state": .string(state.rawValue),
      "seconds": .number((seconds * 1000).rounded() / 1000), "settings": object(settings), "read": object(read),
      "written": object(written),
    ])
  }
}
