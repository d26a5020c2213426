/// The regular expressions by which byte-level tokenizers cut text into words, written out by hand.
enum WordPattern: Sendable, Equatable {
  /// GPT-2's: contractions, and runs of letters, numbers or other characters, each with a space before it.
  case gpt2
  /// Llama 3's: contractions in either case, letters with one other character before them, digits in groups.
  case llama3(maximumDigitCount: Int)

  private static let gpt2Text = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  static let llama3Text =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// The same words: possessive quantifiers, which give up nothing that the rest could use.
  private static let cl100kText =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#
  private static let oneDigitText =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// By the exact text of the expression; nil when it is none of these.
  init?(text: String) {
    switch text {
    case WordPattern.gpt2Text: self = .gpt2
    case WordPattern.llama3Text, WordPattern.cl100kText: self = .llama3(maximumDigitCount: 3)
    case WordPattern.oneDigitText: self = .llama3(maximumDigitCount: 1)
    default: return nil
    }
  }

  /// Where the word that begins at `start` ends. The patterns leave nothing between words.
  ///
  /// - Precondition: `start` lies within the text.
  @inline(__always) func end(in text: ClassifiedText, from start: Int) -> Int {
    switch self {
    case .gpt2: WordPattern.gpt2End(text, start)
    case .llama3(let maximumDigitCount): WordPattern.llama3End(text, start, maximumDigitCount)
    }
  }

  private static let space = UInt8(ascii: " ")
  private static let apostrophe = UInt8(ascii: "'")

  private static func isNewline(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

  private static func gpt2End(_ text: ClassifiedText, _ start: Int) -> Int {
    if text.bytes[start] == apostrophe, let end = contractionEnd(text.bytes, start, ignoresCase: false) { return end }
    var (kind, end) = text.character(at: start)
    if text.bytes[start] == space, end < text.count {
      let (next, nextEnd) = text.character(at: end)
      if next != .space { (kind, end) = (next, nextEnd) }
    }
    return kind == .space ? spacesEnd(text, start, end, endsAtNewline: false) : text.run(of: kind, from: end)
  }

  private static func llama3End(_ text: ClassifiedText, _ start: Int, _ maximumDigitCount: Int) -> Int {
    let byte = text.bytes[start]
    if byte == apostrophe, let end = contractionEnd(text.bytes, start, ignoresCase: true) { return end }
    let (kind, end) = text.character(at: start)
    switch kind {
    case .letter: return text.run(of: .letter, from: end)
    case .number:
      var (digitsEnd, digitCount) = (end, 1)
      while digitCount < maximumDigitCount, digitsEnd < text.count {
        let (kind, end) = text.character(at: digitsEnd)
        guard kind == .number else { break }
        (digitsEnd, digitCount) = (end, digitCount + 1)
      }
      return digitsEnd
    case .other, .space:
      if !isNewline(byte), end < text.count {
        let (next, nextEnd) = text.character(at: end)
        if next == .letter { return text.run(of: .letter, from: nextEnd) }
        if byte == space, next == .other { return newlinesEnd(text, text.run(of: .other, from: nextEnd)) }
      }
      return kind == .other ? newlinesEnd(text, text.run(of: .other, from: end)) : spacesEnd(text, start, end, endsAtNewline: true)
    }
  }

  private static func newlinesEnd(_ text: ClassifiedText, _ start: Int) -> Int {
    var index = start
    while index < text.count, isNewline(text.bytes[index]) { index += 1 }
    return index
  }

  /// White space: up to its last newline if that counts, else all but the last character, which belongs to what follows.
  private static func spacesEnd(_ text: ClassifiedText, _ start: Int, _ secondStart: Int, endsAtNewline: Bool) -> Int {
    var end = secondStart
    var lastStart = start
    var newlineEnd = isNewline(text.bytes[start]) ? end : start
    while end < text.count {
      let (kind, next) = text.character(at: end)
      guard kind == .space else { break }
      if isNewline(text.bytes[end]) { newlineEnd = next }
      (lastStart, end) = (end, next)
    }
    if endsAtNewline, newlineEnd > start { return newlineEnd }
    return end == text.count || lastStart == start ? end : lastStart
  }

  /// `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d`.
  private static func contractionEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, ignoresCase: Bool) -> Int? {
    func letter(_ index: Int) -> UInt8 {
      guard index < bytes.count else { return 0 }
      let byte = bytes[index]
      return ignoresCase && (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
    switch (letter(start + 1), letter(start + 2)) {
    case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _): return start + 2
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")), (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return start + 3
    // The long s, U+017F, is an s in another case.
    case (0xC5, 0xBF) where ignoresCase: return start + 3
    default: return nil
    }
  }
}
