/// How a number is taken out of a worked solution: lm-evaluation-harness's two filters for GSM8K.
package enum NumberAnswer {
  /// Where a filter finds nothing; it counts as an answer, and as a vote.
  package static let none = "[invalid]"

  /// The first number after `#### `: `#### (\-?[0-9\.\,]+)`.
  package static func strict(_ text: String) -> String {
    let text = Array(text.unicodeScalars)
    let mark = Array("#### ".unicodeScalars)
    for start in text.indices where text[start...].starts(with: mark) {
      let first = start + mark.count
      let digits = first + (first < text.count && text[first] == "-" ? 1 : 0)
      let end = run(text, from: digits, of: isDigitOrMark)
      if end > digits { return string(text[first..<end]) }
    }
    return none
  }

  /// The last thing that looks like a number: `(-?[$0-9.,]{2,})|(-?[0-9]+)`.
  package static func flexible(_ text: String) -> String {
    let text = Array(text.unicodeScalars)
    var last: Range<Int>?
    var start = 0
    while start < text.count {
      let digits = start + (text[start] == "-" ? 1 : 0)
      var end = run(text, from: digits) { isDigitOrMark($0) || $0 == "$" }
      if end < digits + 2 { end = run(text, from: digits, of: isDigit) }
      if end > digits {
        last = start..<end
        start = end
      } else {
        start += 1
      }
    }
    return last.map { string(text[$0]) } ?? none
  }

  /// The answer that was given most often, of several the one that came first.
  package static func majority(_ answers: [String]) -> String? {
    var counts: [[UInt8]: Int] = [:]
    for answer in answers { counts[Array(answer.utf8), default: 0] += 1 }
    let most = counts.values.max()
    return answers.first { counts[Array($0.utf8)] == most }
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  private static func isDigitOrMark(_ scalar: Unicode.Scalar) -> Bool { isDigit(scalar) || scalar == "." || scalar == "," }

  private static func run(_ text: [Unicode.Scalar], from start: Int, of belongs: (Unicode.Scalar) -> Bool) -> Int {
    var end = start
    while end < text.count, belongs(text[end]) { end += 1 }
    return end
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }
}
