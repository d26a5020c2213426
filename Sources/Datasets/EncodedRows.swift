import Dispatch
import Foundation
import Synchronization

/// Rows as masked sequences, each encoded once and kept, or encoded whenever it is asked for. Facts count every row once.
///
/// A row that is asked for before the background has come to it is encoded at once, so nobody ever waits for the thread; what a row
/// becomes does not depend on who encodes it. `TrainingSet` owns this and cancels it when it goes; the thread keeps it alive for the one
/// row it is at.
final class EncodedRows: Sendable {
  private struct State {
    /// Empty when nothing is kept.
    var rows: [[MaskedSequence]?]
    var isCounted: [Bool]
    var facts = DataFacts()
    var isCancelled = false
  }

  let encoder: RowEncoder
  let keeps: Bool
  private let state: Mutex<State>
  private let background = DispatchGroup()

  /// - Parameters:
  ///   - count: rows over all files.
  ///   - keeps: whether a row stays in memory once it is encoded.
  init(_ encoder: RowEncoder, count: Int, keeps: Bool) {
    self.encoder = encoder
    self.keeps = keeps
    state = Mutex(
      State(
        rows: [[MaskedSequence]?](repeating: nil, count: keeps ? count : 0), isCounted: [Bool](repeating: false, count: count)))
  }

  /// Facts about the rows encoded so far.
  var facts: DataFacts { state.withLock { $0.facts } }

  /// - Throws: `DataError` naming the row.
  func sequences(_ index: Int) throws -> [MaskedSequence] {
    if keeps, let sequences = state.withLock({ $0.rows[index] }) { return sequences }
    return keep(try encoder.encode(index), index)
  }

  @discardableResult
  private func keep(_ encoded: RowEncoder.Encoded, _ index: Int) -> [MaskedSequence] {
    state.withLock { state in
      // Two threads may have encoded the same row; it counts once.
      if !state.isCounted[index] {
        state.isCounted[index] = true
        state.facts.add(encoded)
      }
      if keeps, state.rows[index] == nil { state.rows[index] = encoded.sequences }
      return encoded.sequences
    }
  }

  // MARK: - Ahead of training

  /// Starts to encode rows in the order given. An error is left for whoever asks for the row.
  func encodeInBackground(_ order: [Int32]) {
    background.enter()
    let thread = Thread { [self] in
      for index in order.lazy.map(Int.init) {
        let isWanted = state.withLock { state -> Bool? in state.isCancelled ? nil : state.rows[index] == nil }
        guard let isWanted else { break }
        if isWanted, let encoded = try? encoder.encode(index) { keep(encoded, index) }
      }
      background.leave()
    }
    thread.name = "puna-encode"
    thread.start()
  }

  func cancel() { state.withLock { $0.isCancelled = true } }

  /// Returns when the background thread has encoded everything or was cancelled.
  func waitForBackground() { background.wait() }

  // MARK: - All at once

  /// Encodes rows on all cores; the result of each is given to `body` in order, before it is kept.
  ///
  /// - Parameter body: returns whether to keep the row.
  /// - Throws: the first row's error.
  func encodeAll(_ order: [Int32], _ body: (Int32, RowEncoder.Encoded) throws -> Bool) throws {
    let chunk = 4096
    for start in stride(from: 0, to: order.count, by: chunk) {
      let part = order[start..<min(start + chunk, order.count)]
      let results = inParallel(part.count, by: 64) { place in Result { try self.encoder.encode(Int(part[start + place])) } }
      for (index, result) in zip(part, results) {
        let encoded = try result.get()
        if try body(index, encoded) {
          keep(encoded, Int(index))
        } else {
          state.withLock { $0.facts.droppedRows += 1 }
        }
      }
    }
  }
}

/// The results of `body` for 0 ..< count, made on all cores in blocks of `stride`.
func inParallel<Element: Sendable>(_ count: Int, by stride: Int, _ body: @Sendable (Int) -> Element) -> [Element] {
  let blockCount = (count + stride - 1) / stride
  let blocks = Mutex([[Element]](repeating: [], count: blockCount))
  DispatchQueue.concurrentPerform(iterations: blockCount) { block in
    let elements = (block * stride..<min((block + 1) * stride, count)).map(body)
    blocks.withLock { $0[block] = elements }
  }
  return Array(blocks.withLock { $0 }.joined())
}

extension DataFacts {
  fileprivate mutating func add(_ encoded: RowEncoder.Encoded) {
    let tokenCount = encoded.tokenCount
    rowsEncoded += 1
    if encoded.cutCount > 0 { truncatedRows += 1 }
    tokensCut += encoded.cutCount
    if encoded.sequences.allSatisfy(\.supervised.isEmpty) { rowsWithNothingToLearn += 1 }
    tokens += tokenCount
    supervisedTokens += encoded.sequences.reduce(0) { $0 + $1.supervisedCount }
    longestRow = max(longestRow, tokenCount)
  }
}
