import Testing
import Tokenizers

/// The patterns written out by hand against Swift's regular expressions, on random texts.
struct WordPatternTests {
  @Test(arguments: [
    (false, #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#),
    (
      true,
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    ),
  ])
  func wordsAreThoseOfTheExpression(isLlama3: Bool, expression: String) throws {
    let regex = try Regex(expression).matchingSemantics(.unicodeScalar)
    let pattern = try #require(WordPattern(text: expression))
    let parts = [
      "a", "é", "語", "B", "1", "½", "٣", " ", " ", "\u{a0}", "\u{3000}", "\t", "\n", "\r", "\r\n", "'", "s", "S", "t", "re", "VE", "m",
      "ll", "D", ".", "!", "\u{301}", "\u{1F999}", "\u{200B}", "ſ", "\0",
    ]
    var random = SystemRandomNumberGenerator()
    for _ in 0..<3_000 {
      let text = (0..<Int.random(in: 1...12, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
      // Swift's expressions do not take the long s for an s.
      if isLlama3, text.unicodeScalars.contains("ſ") { continue }
      let expected = text.matches(of: regex).map { String(text[$0.range]) }
      let found = Array(text.utf8).withUnsafeBufferPointer { bytes in
        var words: [String] = []
        var start = 0
        while start < bytes.count {
          let end = pattern.end(in: ClassifiedText(bytes), from: start)
          words.append(String(decoding: bytes[start..<end], as: UTF8.self))
          start = end
        }
        return words
      }
      try #require(found.map { Array($0.unicodeScalars) } == expected.map { Array($0.unicodeScalars) }, "\(text.debugDescription)")
    }
  }
}
