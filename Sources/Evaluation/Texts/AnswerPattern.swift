import Foundation

/// A person's regular expression that takes the result out of an answer, in bounded time.
struct AnswerPattern: Sendable {
  let pattern: String

  /// Progress reports (each 10,000 steps of the matcher) after which a match is given up.
  private static let maximumReports = 100

  /// Nil for a pattern that is not valid. Python's named groups are understood.
  init?(_ pattern: String) {
    guard pattern.utf8.count <= 10_000, AnswerPattern.expression(pattern) != nil else { return nil }
    self.pattern = pattern
  }

  /// The first group that took part in the first match, the whole of it where there are no groups; `[invalid]` where nothing matches.
  ///
  /// - Throws: `EvaluationError.task` where the matcher found no end.
  func first(in text: String) throws -> String {
    guard let expression = AnswerPattern.expression(pattern) else { preconditionFailure("the pattern was tried when it was read") }
    var found: String?
    var reports = 0
    var isGivenUp = false
    expression.enumerateMatches(in: text, options: [.reportProgress], range: NSRange(text.startIndex..., in: text)) { match, flags, stop in
      if let match {
        let groups = match.numberOfRanges > 1 ? 1..<match.numberOfRanges : 0..<1
        let ranges = groups.lazy.map { match.range(at: $0) }
        found = ranges.first { $0.location != NSNotFound && $0.length > 0 }.flatMap { Range($0, in: text) }.map { String(text[$0]) }
        stop.pointee = true
      } else if flags.contains(.internalError) {
        isGivenUp = true
      } else if flags.contains(.progress) {
        reports += 1
        guard reports > AnswerPattern.maximumReports else { return }
        isGivenUp = true
        stop.pointee = true
      }
    }
    guard !isGivenUp else {
      throw EvaluationError.task(
        name: "extract", reason: "'\(pattern)' takes too long on an answer of \(text.utf8.count) bytes. Write it without nested repetition."
      )
    }
    return found ?? NumberAnswer.none
  }

  private static func expression(_ pattern: String) -> NSRegularExpression? {
    try? NSRegularExpression(pattern: pattern.replacingOccurrences(of: "(?P<", with: "(?<"))
  }
}
