/// Tokens of which the last ones are scored.
///
/// Its rows are all tokens but the last, which only is predicted.
struct ScoredSequence: Sendable {
  /// Never empty.
  let context: ArraySlice<Int32>
  /// Never empty.
  let continuation: ArraySlice<Int32>

  init(context: ArraySlice<Int32>, continuation: ArraySlice<Int32>) {
    precondition(!context.isEmpty && !continuation.isEmpty, "a continuation continues something")
    self.context = context
    self.continuation = continuation
  }

  var rowCount: Int { context.count + continuation.count - 1 }
  /// The first row at which a token is scored.
  var firstTargetRow: Int { context.count - 1 }

  subscript(index: Int) -> Int32 {
    index < context.count ? context[context.startIndex + index] : continuation[continuation.startIndex + index - context.count]
  }

  /// Tokens from `start` on.
  func tokens(from start: Int) -> [Int32] { Array(context.dropFirst(start)) + continuation.dropFirst(start - context.count) }

  /// Rows that two sequences both begin with.
  func sharedCount(with other: ScoredSequence) -> Int {
    let count = min(rowCount, other.rowCount)
    // Nearly all of it, without asking at every token which part it is in.
    let contextCount = min(context.count, other.context.count, count)
    var shared = context.withUnsafeBufferPointer { a in
      other.context.withUnsafeBufferPointer { b in
        var shared = 0
        while shared < contextCount, a[shared] == b[shared] { shared += 1 }
        return shared
      }
    }
    guard shared == contextCount else { return shared }
    while shared < count, self[shared] == other[shared] { shared += 1 }
    return shared
  }

  /// Lexicographic order of the rows, a beginning before what continues it.
  func precedes(_ other: ScoredSequence) -> Bool {
    let shared = sharedCount(with: other)
    guard shared < rowCount, shared < other.rowCount else { return rowCount < other.rowCount }
    return self[shared] < other[shared]
  }
}
