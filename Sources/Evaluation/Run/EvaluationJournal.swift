import Foundation
import JSON

/// Keeps a model's responses to a task's samples as they come, so that an interrupted evaluation continues where it stopped.
///
/// JSON lines: the key first, then a response each. A last line that is cut is what a killed process leaves, and is forgotten.
public final class EvaluationJournal {
  public let path: String
  /// By the sample's place among the task's samples: what was kept earlier.
  public private(set) var responses: [Int: SampleResponse] = [:]
  private let descriptor: Int32

  /// Opens the journal at `path` or begins it; one of another key is begun anew.
  ///
  /// - Parameter key: stands for everything that decides the responses.
  /// - Throws: `EvaluationError.file` when it cannot be kept there, or another process keeps it now.
  public init(path: String, key: String) throws {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw EvaluationJournal.failure(path, errno) }
    do {
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        throw EvaluationError.file(
          path: path, place: nil, reason: "another evaluation of the same model and task is running. Wait for it, or stop it.")
      }
      let kept = try read(key: key)
      guard ftruncate(descriptor, off_t(kept)) == 0, lseek(descriptor, off_t(kept), SEEK_SET) >= 0 else {
        throw EvaluationJournal.failure(path, errno)
      }
      if kept == 0 { try write(.object(["key": .string(key)])) }
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  public func append(_ response: SampleResponse, at index: Int) throws {
    try write(.object(["index": .integer(index), "response": response.json]))
  }

  /// When everything that was to come of the responses has been written.
  public func remove() { unlink(path) }

  /// Reads what is there, and says how many of its bytes count.
  private func read(key: String) throws -> Int {
    guard let file = FileHandle(forReadingAtPath: path), let data = try? file.readToEnd() else { return 0 }
    var kept = 0
    var isFirst = true
    for line in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
      guard let value = try? JSONValue(parsing: Array(line)) else { break }
      if isFirst {
        guard value["key"]?.string == key else { return 0 }
        isFirst = false
      } else {
        guard let index = value["index"]?.integer, let response = value["response"].flatMap({ try? SampleResponse(json: $0) }) else {
          break
        }
        responses[index] = response
      }
      kept += line.count + 1
    }
    return kept
  }

  private func write(_ value: JSONValue) throws {
    var bytes = Array((value.line + "\n").utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw EvaluationJournal.failure(path, errno) }
      bytes = bytes.dropFirst(count)
    }
  }

  private static func failure(_ path: String, _ code: Int32) -> EvaluationError {
    .file(path: path, place: nil, reason: "answers cannot be kept here: \(String(cString: strerror(code))).")
  }
}
