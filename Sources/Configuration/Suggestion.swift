/// "Did you mean": the nearest of the words that would have been right.
public enum Suggestion {
  /// The candidate at the smallest edit distance from `word`, if that is small for its length; the first among equals.
  public static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let lowered = word.lowercased()
    // Half the letters wrong is another word, however short.
    let limit = min(3, max(1, word.count / 2))
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
      let distance = editDistance(lowered, candidate.lowercased())
      if distance <= limit && distance < best?.distance ?? Int.max { best = (candidate, distance) }
    }
    return best?.candidate
  }

  /// ` Did you mean 'rank'?`, or nothing.
  public static func sentence(for word: String, among candidates: some Sequence<String>) -> String {
    nearest(to: word, among: candidates).map { " Did you mean '\($0)'?" } ?? ""
  }

  /// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
  package static func editDistance(_ first: String, _ second: String) -> Int {
    let a = Array(first), b = Array(second)
    if abs(a.count - b.count) > 8 { return abs(a.count - b.count) }
    var beforePrevious: [Int] = []
    var previous = Array(0...b.count)
    for i in 0..<a.count {
      var current = [i + 1]
      for j in 0..<b.count {
        var distance = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { distance = min(distance, beforePrevious[j - 1] + 1) }
        current.append(distance)
      }
      beforePrevious = previous
      previous = current
    }
    return previous[b.count]
  }
}
