import Foundation
import Synchronization

/// Rows of data too large to be kept, encoded a bounded number of tokens ahead of training and let go when they are taken.
///
/// Rows are counted by their places: the rows of the first epoch in their order, then those of the second, and so on.
final class RowWindow: Sendable {
  private struct State {
    var ahead: [Int: [MaskedSequence]] = [:]
    var tokensAhead = 0
    /// The first place that is not taken yet. Training takes places in order, except where a run is resumed.
    var position = 0
    var isWaiting = false
    var isCancelled = false
  }

  private let rows: EncodedRows
  private let tokenLimit: Int
  private let state = Mutex(State())
  private let room = DispatchSemaphore(value: 0)

  /// Begins to encode.
  ///
  /// - Parameters:
  ///   - epochLength: rows of an epoch.
  ///   - order: of an epoch.
  init(_ rows: EncodedRows, tokenLimit: Int, epochLength: Int, order: @escaping @Sendable (_ epoch: Int) -> [Int32]) {
    self.rows = rows
    self.tokenLimit = tokenLimit
    let thread = Thread { [weak self] in
      var epoch: (number: Int, rows: [Int32]) = (-1, [])
      var place = 0
      // Holds the window only while it encodes a row, and while it waits, which `cancel` ends.
      while let window = self, let next = window.nextPlace(from: place) {
        if next / epochLength != epoch.number { epoch = (next / epochLength, order(next / epochLength)) }
        window.encode(Int(epoch.rows[next % epochLength]), at: next)
        place = next + 1
      }
    }
    thread.name = "puna-encode"
    thread.start()
  }

  /// Returns when there is room, with the next place that is worth encoding; nil when cancelled.
  private func nextPlace(from place: Int) -> Int? {
    while true {
      let answer: Int?? = state.withLock { state in
        if state.isCancelled { return .some(nil) }
        if state.tokensAhead < tokenLimit { return max(place, state.position) }
        state.isWaiting = true
        return .none
      }
      if let answer { return answer }
      room.wait()
    }
  }

  private func encode(_ row: Int, at place: Int) {
    // An error is left for whoever takes the row.
    guard let sequences = try? rows.sequences(row) else { return }
    state.withLock { state in
      // Training may have gone past it, or back, in the meantime.
      guard place >= state.position, state.ahead[place] == nil else { return }
      state.ahead[place] = sequences
      state.tokensAhead += RowWindow.tokenCount(sequences)
    }
  }

  private static func tokenCount(_ sequences: [MaskedSequence]) -> Int { sequences.reduce(0) { $0 + $1.ids.count } }

  /// The sequences of `order`, the rows that stand at `first` and after it.
  ///
  /// - Throws: `DataError` naming the row.
  func take(_ first: Int, _ order: ArraySlice<Int32>) throws -> [MaskedSequence] {
    let taken = state.withLock { state in
      if first != state.position {
        state.ahead = [:]
        state.tokensAhead = 0
      }
      let taken = (first..<first + order.count).map { state.ahead.removeValue(forKey: $0) }
      state.tokensAhead -= taken.reduce(0) { $0 + RowWindow.tokenCount($1 ?? []) }
      state.position = first + order.count
      wake(&state)
      return taken
    }
    return try zip(order, taken).flatMap { row, sequences in try sequences ?? rows.sequences(Int(row)) }
  }

  private func wake(_ state: inout State) {
    guard state.isWaiting else { return }
    state.isWaiting = false
    room.signal()
  }

  func cancel() {
    state.withLock { state in
      state.isCancelled = true
      wake(&state)
    }
  }
}
