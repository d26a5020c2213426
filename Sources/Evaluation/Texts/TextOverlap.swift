/// How much of a reference an answer says.
///
/// Words are those of the published measures, with one difference: each Chinese, Japanese or Korean character is a word of its own. SQuAD's words
/// are what stands between spaces, which Chinese does not have, and ROUGE's are of a-z and 0-9, which leaves nothing of it.
package enum TextOverlap {
  /// What SQuAD's evaluation (Rajpurkar et al., arXiv 1606.05250) passes over before it compares.
  package struct Normalization: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let `case` = Normalization(rawValue: 1)
    package static let punctuation = Normalization(rawValue: 2)
    package static let articles = Normalization(rawValue: 4)
    package static let squad: Normalization = [.case, .punctuation, .articles]
  }

  /// Harmonic mean of precision and recall over words, whatever their order; 1 where both have none.
  package static func f1(_ answer: String, _ reference: String, _ normalization: Normalization = .squad) -> Double {
    let answer = words(answer, normalization), reference = words(reference, normalization)
    if answer.isEmpty || reference.isEmpty { return answer.isEmpty && reference.isEmpty ? 1 : 0 }
    var left: [[Unicode.Scalar]: Int] = [:]
    for word in reference { left[word, default: 0] += 1 }
    let common = answer.count { word in
      guard let count = left[word], count > 0 else { return false }
      left[word] = count - 1
      return true
    }
    return harmonicMean(common, answer.count, reference.count)
  }

  /// ROUGE-L (Lin, 2004): the same over the longest common subsequence, as the package `rouge_score` counts words (no stemming).
  package static func rougeL(_ answer: String, _ reference: String) -> Double {
    let answer = rougeWords(answer), reference = rougeWords(reference)
    return harmonicMean(longestCommonSubsequence(answer, reference), answer.count, reference.count)
  }

  /// What is compared: lower case, without ASCII punctuation, without articles, single spaces.
  package static func normal(_ text: String, _ normalization: Normalization) -> String {
    var joined = ""
    for (index, word) in split(text, normalization).enumerated() {
      if index > 0 { joined += " " }
      joined.unicodeScalars.append(contentsOf: word)
    }
    return joined
  }

  /// Whether a text has characters that are words here and not in the published measures.
  package static func hasCharactersAsWords(_ text: String) -> Bool { text.unicodeScalars.contains(where: isCharacterAsWord) }

  // MARK: - Words

  private static func words(_ text: String, _ normalization: Normalization) -> [[Unicode.Scalar]] {
    split(text, normalization).flatMap(apart)
  }

  private static func split(_ text: String, _ normalization: Normalization) -> [[Unicode.Scalar]] {
    var scalars = Array(text.unicodeScalars)
    if normalization.contains(.case) { scalars = scalars.pythonLowercased }
    if normalization.contains(.punctuation) { scalars.removeAll(where: \.isASCIIPunctuation) }
    if normalization.contains(.articles) { scalars = withoutArticles(scalars) }
    return scalars.pythonWords
  }

  /// `re.sub(r"\b(a|an|the)\b", " ", text)`
  private static func withoutArticles(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var kept: [Unicode.Scalar] = []
    var start = 0
    while start < text.count {
      guard text[start].isPythonWord else {
        kept.append(text[start])
        start += 1
        continue
      }
      let end = text[start...].firstIndex { !$0.isPythonWord } ?? text.count
      let word = text[start..<end]
      if word == ["a"] || word == ["a", "n"] || word == ["t", "h", "e"] { kept.append(" ") } else { kept += word }
      start = end
    }
    return kept
  }

  private static func rougeWords(_ text: String) -> [[Unicode.Scalar]] {
    Array(text.unicodeScalars).pythonLowercased
      .split { !(("a"..."z").contains($0) || ("0"..."9").contains($0) || isCharacterAsWord($0)) }
      .flatMap { apart(Array($0)) }
  }

  private static func apart(_ word: [Unicode.Scalar]) -> [[Unicode.Scalar]] {
    guard word.contains(where: isCharacterAsWord) else { return [word] }
    var words: [[Unicode.Scalar]] = []
    var continues = false
    for scalar in word {
      if isCharacterAsWord(scalar) {
        words.append([scalar])
        continues = false
      } else if continues {
        words[words.count - 1].append(scalar)
      } else {
        words.append([scalar])
        continues = true
      }
    }
    return words
  }

  /// Ideographs, kana and Hangul.
  private static func isCharacterAsWord(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x3005...0x3007, 0x3041...0x3096, 0x309D...0x309F, 0x30A1...0x30FA, 0x30FC...0x30FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
      0xAC00...0xD7A3, 0xF900...0xFAFF, 0x20000...0x3FFFD:
      true
    default: false
    }
  }

  // MARK: - Sums

  private static func harmonicMean(_ common: Int, _ answerCount: Int, _ referenceCount: Int) -> Double {
    guard common > 0 else { return 0 }
    let precision = Double(common) / Double(answerCount), recall = Double(common) / Double(referenceCount)
    return 2 * precision * recall / (precision + recall)
  }

  private static func longestCommonSubsequence(_ first: [[Unicode.Scalar]], _ second: [[Unicode.Scalar]]) -> Int {
    var numbers: [[Unicode.Scalar]: Int] = [:]
    func number(_ word: [Unicode.Scalar]) -> Int {
      if let known = numbers[word] { return known }
      numbers[word] = numbers.count
      return numbers.count - 1
    }
    let first = first.map(number), second = second.map(number)
    var lengths = [Int](repeating: 0, count: second.count + 1)
    for word in first {
      var diagonal = 0
      for index in second.indices {
        let above = lengths[index + 1]
        lengths[index + 1] = word == second[index] ? diagonal + 1 : max(above, lengths[index])
        diagonal = above
      }
    }
    return lengths[second.count]
  }
}
