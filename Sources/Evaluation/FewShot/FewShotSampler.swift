/// Takes worked examples for one question after another, as lm-evaluation-harness (0.4.13, `api/samplers.py`) takes them.
///
/// A task, and each subject of one, has a sampler of its own, which is asked once for each scored question in the order of the file: what is
/// drawn at random depends on how many were drawn before.
package struct FewShotSampler<Row: Equatable> {
  package enum Order: Equatable, Sendable {
    /// The first rows, the same before every question.
    case first
    /// Drawn anew for every question.
    case random
  }

  package let pool: [Row]
  /// In messages: the file that the rows are from.
  package let path: String
  private let order: Order
  private var random: PythonRandom

  package init(_ order: Order, pool: [Row], path: String, seed: UInt64) {
    self.order = order
    self.pool = pool
    self.path = path
    random = PythonRandom(seed: seed)
  }

  /// - Throws: `EvaluationError.file` if there are not so many rows.
  package mutating func shots(_ count: Int) throws -> [Row] {
    if count == 0 { return [] }
    try need(count, of: pool.count)
    switch order {
    case .first: return Array(pool.prefix(count))
    case .random: return random.sample(count, from: pool.count).map { pool[$0] }
    }
  }

  /// Examples of which none equals `row`: the harness draws one more than it needs, in case that `row` is among them.
  ///
  /// - Throws: `EvaluationError.file` if there are not so many rows.
  package mutating func shots(_ count: Int, without row: Row) throws -> [Row] {
    if count == 0 { return [] }
    switch order {
    case .first:
      let others = pool.filter { $0 != row }
      try need(count, of: others.count)
      return Array(others.prefix(count))
    case .random:
      // One more cannot be drawn where a file holds exactly what is needed; then there is nothing to draw.
      if pool.count == count, !pool.contains(row) { return pool }
      try need(count + 1, of: pool.count)
      let drawn = random.sample(count + 1, from: pool.count).map { pool[$0] }.filter { $0 != row }
      if drawn.count >= count { return Array(drawn.prefix(count)) }
      // The row is in the pool more than once.
      let others = pool.filter { $0 != row }
      try need(count, of: others.count)
      return random.sample(count, from: others.count).map { others[$0] }
    }
  }

  private func need(_ count: Int, of available: Int) throws {
    guard count <= available else {
      let rows = available == 1 ? "1 row" : "\(available) rows"
      throw EvaluationError.file(
        path: path, place: nil,
        reason: "holds \(rows) to take worked examples from, but \(count) are needed. Lower --few-shot, or name another file with --shots.")
    }
  }
}
