/// WikiText's files as lm-evaluation-harness reads them.
enum WikiText {
  /// The articles of a file: each begins with a heading of the first level, ` = Title = `.
  static func pages(_ text: String) -> [String] {
    var pages: [String] = []
    var lines: [Substring.UnicodeScalarView] = []
    func endPage() {
      let page = lines.map { String($0) }.joined(separator: "\n")
      if !page.pythonStripped.isEmpty { pages.append(page) }
    }
    for line in text[...].unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false) {
      let heading = String(line).replacingText("= = =", with: "===").replacingText("= =", with: "==").pythonStripped
      if heading.hasPrefix("= "), heading.hasSuffix(" =") {
        endPage()
        lines = []
      }
      lines.append(line)
    }
    endPage()
    return pages
  }

  /// Without the spaces around punctuation and inside brackets and quotes that WikiText's words are parted with.
  static func detokenized(_ page: String) -> String {
    var text = page.replacingText("s '", with: "s'")
    text = withoutSpaceInSlashedApostrophe(text)
    for (old, new) in [(" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", ".")] { text = text.replacingText(old, with: new) }
    for mark in [":", ";", ".", "!", "?", ","] { text = text.replacingText(" \(mark) ", with: "\(mark) ") }
    var scalars = Array(text.unicodeScalars)
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("\"", "\""), ("'", "'")] as [(Unicode.Scalar, Unicode.Scalar)] {
      scalars = withoutSpaceInside(scalars, open, close)
    }
    text = String(String.UnicodeScalarView(scalars))
    let rest = [
      ("= = = =", "===="), ("= = =", "==="), ("= =", "=="), (" \u{B0} ", "\u{B0}"), (" \n", "\n"), ("\n ", "\n"), (" N ", " 1 "),
      (" 's", "'s"),
    ]
    for (old, new) in rest { text = text.replacingText(old, with: new) }
    return text
  }

  /// `/' 5/` becomes the text `/'[0-9]/`: the harness writes a pattern where it means what was found, and scores are compared with its.
  private static func withoutSpaceInSlashedApostrophe(_ text: String) -> String {
    (0...9).reduce(text) { $0.replacingText("/' \($1)/", with: "/'[0-9]/") }
  }

  /// Between each opening mark and the next closing one.
  private static func withoutSpaceInside(_ text: [Unicode.Scalar], _ open: Unicode.Scalar, _ close: Unicode.Scalar) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    var place = 0
    while let start = text[place...].firstIndex(of: open), let end = text[(start + 1)...].firstIndex(of: close) {
      result += text[place...start]
      let inside = text[(start + 1)..<end]
      let first = inside.firstIndex { !$0.isPythonSpace } ?? end
      let last = inside.lastIndex { !$0.isPythonSpace } ?? start
      if first <= last { result += text[first...last] }
      result.append(close)
      place = end + 1
    }
    return result + text[place...]
  }
}
