import Dispatch
import Foundation
import Synchronization

/// Rows as masked sequences, encoded in the background ahead of training. A row that is asked for before its turn is encoded at once, so
/// nobody ever waits for the thread; what a row becomes does not depend on who encodes it.
///
/// Ownership: `TrainingSet` owns this and cancels it when it goes; the thread keeps it alive for the one row it is at.
final class EncodedRows: Sendable {
  private struct State {
    var rows: [MaskedSequence?]
    var facts = DataFacts()
    var isCancelled = false
  }

  let encoder: RowEncoder
  private let state: Mutex<State>
  private let background = DispatchGroup()

  /// - Parameter count: rows over all files.
  init(_ encoder: RowEncoder, count: Int) {
    self.encoder = encoder
    state = Mutex(State(rows: [MaskedSequence?](repeating: nil, count: count)))
  }

  /// Facts about the rows encoded so far.
  var facts: DataFacts { state.withLock { $0.facts } }

  /// - Throws: `DataError` naming the row.
  func sequence(_ index: Int) throws -> MaskedSequence {
    if let sequence = state.withLock({ $0.rows[index] }) { return sequence }
    return keep(try encoder.encode(index), index)
  }

  @discardableResult
  private func keep(_ encoded: RowEncoder.Encoded, _ index: Int) -> MaskedSequence {
    state.withLock { state in
      // Two threads may have encoded the same row; it counts once.
      if let sequence = state.rows[index] { return sequence }
      state.rows[index] = encoded.sequence
      state.facts.add(encoded)
      return encoded.sequence
    }
  }

  // MARK: - Ahead of training

  /// Starts to encode rows in the order given. An error is left for whoever asks for the row.
  func encodeInBackground(_ order: [Int]) {
    background.enter()
    let thread = Thread { [self] in
      for index in order {
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
  func encodeAll(_ order: [Int], _ body: (Int, RowEncoder.Encoded) throws -> Bool) throws {
    let chunk = 4096
    for start in stride(from: 0, to: order.count, by: chunk) {
      let part = Array(order[start..<min(start + chunk, order.count)])
      let results = Mutex([Result<RowEncoder.Encoded, any Error>?](repeating: nil, count: part.count))
      let stride = 64
      DispatchQueue.concurrentPerform(iterations: (part.count + stride - 1) / stride) { block in
        let places = block * stride..<min((block + 1) * stride, part.count)
        let encoded = places.map { place in Result { try encoder.encode(part[place]) } }
        results.withLock { results in
          for (place, result) in zip(places, encoded) { results[place] = result }
        }
      }
      for (index, result) in zip(part, results.withLock { $0 }) {
        guard let encoded = try result?.get() else { continue }
        if try body(index, encoded) {
          keep(encoded, index)
        } else {
          state.withLock { $0.facts.droppedRows += 1 }
        }
      }
    }
  }
}

extension DataFacts {
  fileprivate mutating func add(_ encoded: RowEncoder.Encoded) {
    rowsEncoded += 1
    if encoded.cutCount > 0 { truncatedRows += 1 }
    tokensCut += encoded.cutCount
    if encoded.sequence.supervised.isEmpty { rowsWithNothingToLearn += 1 }
    tokens += encoded.sequence.ids.count
    supervisedTokens += encoded.sequence.supervisedCount
    longestRow = max(longestRow, encoded.sequence.ids.count)
  }
}
