/// Tokens of which the last ones are scored.
///
/// Its rows are all tokens but the last, which only is predicted.
package struct ScoredSequence: Sendable {
  /// Never empty.
  package let context: ArraySlice<Int32>
  /// Never empty.
  package let continuation: ArraySlice<Int32>

  package init(context: ArraySlice<Int32>, continuation: ArraySlice<Int32>) {
    precondition(!context.isEmpty && !continuation.isEmpty, "a continuation continues something")
    self.context = context
    self.continuation = continuation
  }

  package var rowCount: Int { context.count + continuation.count - 1 }
  /// The first row at which a token is scored.
  package var firstTargetRow: Int { context.count - 1 }

  package subscript(index: Int) -> Int32 {
    index < context.count ? context[context.startIndex + index] : continuation[continuation.startIndex + index - context.count]
  }

  /// Tokens from a row of the context on.
  package func tokens(from row: Int) -> [Int32] { Array(context.dropFirst(row)) + continuation }

  /// Rows that two sequences both begin with.
  package func sharedCount(with other: ScoredSequence) -> Int {
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
  package func precedes(_ other: ScoredSequence) -> Bool {
    let shared = sharedCount(with: other)
    guard shared < rowCount, shared < other.rowCount else { return rowCount < other.rowCount }
    return self[shared] < other[shared]
  }
}
