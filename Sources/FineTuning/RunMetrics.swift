import Foundation
import JSON

/// The events of a run, as `metrics.jsonl` has them.
public struct RunMetrics: Sendable {
  public static let fileName = "metrics.jsonl"

  public let path: String
  public let events: [JSONValue]

  /// Reads the file of a run folder; a last line that was cut off is left out.
  ///
  /// - Throws: `TrainingError.noMetrics` for a file that cannot be read, or a line that is no event.
  public init(folder: String) throws {
    path = "\(folder)/\(RunMetrics.fileName)"
    guard let text = FileManager.default.contents(atPath: path) else {
      throw TrainingError.noMetrics(path, "cannot be read, or is not there: no run was started here.")
    }
    var events: [JSONValue] = []
    // What follows the last line end is nothing, or half a line.
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
    for (index, line) in lines.enumerated() where !line.isEmpty {
      guard let event = try? JSONValue(parsing: [UInt8](line)), event["event"]?.string != nil else {
        throw TrainingError.noMetrics(path, "line \(index + 1) is no event of a run.")
      }
      events.append(event)
    }
    self.events = events
  }

  /// The event of a kind at a step.
  func event(_ kind: String, step: Int) -> JSONValue? {
    events.first { $0["event"]?.string == kind && $0["step"]?.integer == step }
  }
}
