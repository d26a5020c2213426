import Foundation

/// A regular expression from a file: it must match a text as a whole, in bounded time.
struct BoundedExpression {
  private let expression: NSRegularExpression

  /// Progress reports (each 10,000 steps of the matcher) after which a match is given up: far beyond what any sane pattern needs
  /// for a module's name, and a few milliseconds of a hostile one.
  private static let maximumReports = 20

  /// Nil for a pattern that is not valid. Python's named groups are understood.
  init?(_ pattern: String) {
    let pattern = pattern.replacingOccurrences(of: "(?P<", with: "(?<")
    guard pattern.utf8.count <= 10_000, let expression = try? NSRegularExpression(pattern: "\\A(?:\(pattern))\\z") else { return nil }
    self.expression = expression
  }

  /// Nil when the matcher gave up.
  func matches(_ text: String) -> Bool? {
    var reports = 0
    var result: Bool? = false
    expression.enumerateMatches(in: text, options: [.reportProgress], range: NSRange(text.startIndex..., in: text)) { match, flags, stop in
      if match != nil {
        result = true
        stop.pointee = true
      } else if flags.contains(.internalError) {
        result = nil
      } else if flags.contains(.progress) {
        reports += 1
        guard reports > BoundedExpression.maximumReports else { return }
        result = nil
        stop.pointee = true
      }
    }
    return result
  }
}
