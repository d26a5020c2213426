/// Whether an answer is one of the references, as lm-evaluation-harness's `exact_match` (`api/metrics.py`) decides it: texts are taken out of
/// both, then case and punctuation are passed over, and what remains must be equal.
package struct ExactMatch: Sendable {
  /// A regular expression of a task, of which what matches does not count.
  package enum Ignored: Sendable {
    /// `,` or `\$`.
    case scalar(Unicode.Scalar)
    /// `(?s).*TEXT`: everything up to the last one.
    case through(String)
    /// `\.$`.
    case finalPeriod
    /// `\b(?:The |the |An |A |a |an )`.
    case articles
  }

  package let ignored: [Ignored]
  package let ignoresCase: Bool
  package let ignoresPunctuation: Bool

  package init(ignoring ignored: [Ignored] = [], ignoresCase: Bool, ignoresPunctuation: Bool) {
    self.ignored = ignored
    self.ignoresCase = ignoresCase
    self.ignoresPunctuation = ignoresPunctuation
  }

  package func matches(_ answer: String, anyOf references: [String]) -> Bool {
    // The harness compares arrays of NumPy: texts of one width, filled up with zeros that nobody sees again.
    let answer = normal([Array(answer.unicodeScalars)])
    return normal(references.map { Array($0.unicodeScalars) }).contains { answer.first == $0 }
  }

  private func normal(_ texts: [[Unicode.Scalar]]) -> [[Unicode.Scalar]] {
    var texts = texts
    var width = texts.lazy.map(\.count).max() ?? 0
    for part in ignored {
      let removed = texts.map(part.removed)
      width = removed.lazy.map(\.count).max() ?? 0
      texts = removed.map(withoutFinalZeros)
    }
    texts = texts.map(withoutFinalZeros)
    // Lower case of U+0130 is longer; what is beyond the array's width is lost.
    if ignoresCase { texts = texts.map { withoutFinalZeros(Array($0.pythonLowercased.prefix(width))) } }
    if ignoresPunctuation { texts = texts.map { withoutFinalZeros($0.filter { !$0.isASCIIPunctuation }) } }
    return texts
  }

  private func withoutFinalZeros(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard text.last == "\0" else { return text }
    return Array(text[...(text.lastIndex { $0 != "\0" } ?? -1)])
  }
}

extension ExactMatch.Ignored {
  func removed(from text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    switch self {
    case .scalar(let scalar): return text.filter { $0 != scalar }
    case .through(let mark):
      let mark = Array(mark.unicodeScalars)
      guard text.count >= mark.count else { return text }
      let last = (0...(text.count - mark.count)).last { text[$0...].starts(with: mark) }
      return last.map { Array(text[($0 + mark.count)...]) } ?? text
    case .finalPeriod:
      // Python's `$` also stands before a line's end that is the last.
      var text = text
      if text.last == "." {
        text.removeLast()
      } else if text.count > 1, text.last == "\n", text[text.count - 2] == "." {
        text.remove(at: text.count - 2)
      }
      return text
    case .articles: return withoutArticles(text)
    }
  }

  private static let articleWords = ["The ", "the ", "An ", "A ", "a ", "an "].map { Array($0.unicodeScalars) }

  private func withoutArticles(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var kept: [Unicode.Scalar] = []
    var place = 0
    while place < text.count {
      let begins = place == 0 || !text[place - 1].isPythonWord
      if begins, let article = Self.articleWords.first(where: { text[place...].starts(with: $0) }) {
        place += article.count
      } else {
        kept.append(text[place])
        place += 1
      }
    }
    return kept
  }
}
