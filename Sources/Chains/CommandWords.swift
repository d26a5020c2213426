/// Command lines as text: split as a shell splits them, and put together so that a shell would split them again.
public enum CommandWords {
  public enum SplitError: Error, Equatable, CustomStringConvertible {
    case openQuote(Character)
    case nothingAfterBackslash

    public var description: String {
      switch self {
      case .openQuote(let quote): "the quote \(quote) is not closed."
      case .nothingAfterBackslash: "it ends with a backslash."
      }
    }
  }

  /// Splits at white space. `'...'` is taken as it is; in `"..."` a backslash keeps `"` and `\`, elsewhere any character. Nothing else is
  /// special: patterns, variables and redirections are a shell's.
  public static func split(_ text: String) throws(SplitError) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var characters = text.makeIterator()
    while let character = characters.next() {
      switch (character, quote) {
      case ("'", "'"), ("\"", "\""): quote = nil
      case ("\\", nil), ("\\", "\""):
        guard let next = characters.next() else { throw .nothingAfterBackslash }
        if quote != nil, next != "\"", next != "\\" { word = (word ?? "") + "\\" }
        word = (word ?? "") + String(next)
      case ("'", nil), ("\"", nil):
        quote = character
        // '' is a word too.
        word = word ?? ""
      case (_, nil) where character.isWhitespace:
        if let complete = word { words.append(complete) }
        word = nil
      default: word = (word ?? "") + String(character)
      }
    }
    if let quote { throw .openQuote(quote) }
    return words + (word.map { [$0] } ?? [])
  }

  /// A line that splits into `words`.
  public static func joined(_ words: [String]) -> String {
    words.map { word in
      let isPlain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=:,+@%".contains($0) }
      return isPlain ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }.joined(separator: " ")
  }
}
