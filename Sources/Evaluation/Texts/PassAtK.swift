/// The share of problems that at least one of k programs solves, estimated without bias from n >= k programs of which c pass:
/// `1 - C(n - c, k) / C(n, k)` (Chen et al., arXiv 2107.03374).
package enum PassAtK {
  package static func estimate(programs n: Int, passing c: Int, k: Int) -> Double {
    precondition(0 <= c && c <= n && 1 <= k && k <= n, "k programs of n, of which c pass")
    if n - c < k { return 1 }
    var missing = 1.0
    for count in (n - c)..<n { missing *= 1 - Double(k) / Double(count + 1) }
    return 1 - missing
  }

  /// What is told of n programs: 1, 10 and 100 where there are so many, and n.
  package static func counts(programs n: Int) -> [Int] {
    [1, 10, 100].filter { $0 < n } + [n]
  }
}
