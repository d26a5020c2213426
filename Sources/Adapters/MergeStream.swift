import Bases
import Checkpoints
import Foundation
import Synchronization
import Tensors

/// Makes the merged tensors piece by piece on the calling thread while another thread writes them, in order.
struct MergeStream {
  let layout: any MergeLayout
  let folder: String
  /// Told after every piece how many bytes of all are made.
  let progress: (Int) -> Void
  let isInterrupted: () -> Bool

  /// Bytes of a piece, about: large enough for the disk, small enough for the caches.
  static let pieceByteCount = 4 << 20

  /// - Throws: `MergeError`, `MergeInterrupted`, or `CheckpointError` when writing fails.
  func run(on merger: any RowMerger) throws {
    let queue = PieceQueue()
    let layout = layout
    let folder = folder
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      queue.drain { try layout.makeWriter(in: folder) }
      done.signal()
    }
    thread.name = "merge writer"
    thread.stackSize = 1 << 20
    thread.start()
    do {
      var made = 0
      for tensor in layout.order {
        let rowByteCount = tensor.columns * tensor.dtype.byteCount
        let multiple = layout.rowMultiple(of: tensor)
        // Whole groups of rows, as kernels take them.
        let unit = multiple % 4 == 0 ? multiple : multiple * 4
        let step = max(unit, MergeStream.pieceByteCount / rowByteCount / unit * unit)
        for first in stride(from: 0, to: tensor.rows, by: step) {
          if isInterrupted() { throw MergeInterrupted() }
          let rows = first..<min(first + step, tensor.rows)
          if tensor.isCopy {
            try queue.put(.stored(tensor.source, rows.lowerBound * rowByteCount..<rows.upperBound * rowByteCount))
          } else {
            var buffer = queue.takeBuffer()
            try tensor.merge(rows, on: merger, into: &buffer)
            try queue.put(.made(buffer))
          }
          made += rows.count * rowByteCount
          progress(made)
        }
      }
      try queue.put(.end)
      done.wait()
      try queue.finish()
    } catch {
      queue.abandon()
      done.wait()
      throw error
    }
  }
}

extension MergedTensor {
  /// The rows in the tensor's dtype; `buffer` becomes as long as they are.
  func merge(_ rows: Range<Int>, on merger: any RowMerger, into buffer: inout [UInt8]) throws {
    let byteCount = rows.count * columns * dtype.byteCount
    if buffer.count != byteCount { buffer = [UInt8](repeating: 0, count: byteCount) }
    let factors = try magnitude.map { try rowFactors(rows, magnitude: $0) }
    let mergeTerms = terms.map { term in
      MergeTerm(
        rank: term.delta.rank, factor: term.factor, a: term.delta.a,
        b: term.delta.b[rows.lowerBound * term.delta.rank..<rows.upperBound * term.delta.rank].map(Double.init))
    }
    let isFinite = source.withRows(rows) { weights in
      buffer.withUnsafeMutableBytes { output in
        merger.mergeRows(
          weights, source.dtype, rows: rows.count, columns: columns, terms: mergeTerms, rowFactors: factors, into: output, dtype)
      }
    }
    if !isFinite { throw MergeError([explainNotFinite(rows)]) }
  }

  /// What made an element infinite or NaN.
  private func explainNotFinite(_ rows: Range<Int>) -> MergeProblem {
    var row = MergedRow(self)
    for index in rows {
      let factors = try? magnitude.map { try rowFactors(index..<index + 1, magnitude: $0) }
      row.compute(index, factor: factors?.first ?? 1)
      for column in 0..<columns where !Rounding.round(row.exact[column], to: dtype).isFinite {
        let element = index * columns + column
        return row.weights[column].isFinite
          ? .overflow(tensor: name, element: element, value: row.exact[column], dtype: dtype)
          : .notFiniteInBase(tensor: name, element: element, found: row.weights[column])
      }
    }
    preconditionFailure("a kernel and the plain loop disagree on what is finite")
  }
}

extension StoredWeight {
  /// Rows in one piece, copied together where they lie in several.
  func withRows<Result>(_ rows: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let rowByteCount = (shape.last ?? 1) * dtype.byteCount
    let range = rows.lowerBound * rowByteCount..<rows.upperBound * rowByteCount
    var copy: [UInt8] = []
    var result: Result?
    try withBytes(at: range) { piece in
      if piece.count == range.count {
        result = try body(piece)
      } else {
        if copy.isEmpty { copy.reserveCapacity(range.count) }
        copy.append(contentsOf: piece)
      }
    }
    return try result ?? copy.withUnsafeBytes(body)
  }
}

/// Pieces on their way to the writing thread: a few at a time, whose buffers come back.
private final class PieceQueue: Sendable {
  enum Piece: Sendable {
    case made([UInt8])
    /// Bytes of a weight as it is stored.
    case stored(StoredWeight, Range<Int>)
    case end
  }

  private struct State {
    var pieces: [Piece] = []
    var spare: [[UInt8]] = []
    var error: (any Error)?
    var isAbandoned = false
  }

  private let state = Mutex(State())
  private let room = DispatchSemaphore(value: 0)
  private let filled = DispatchSemaphore(value: 0)

  init() {
    // A semaphore that ends below the value it began with is taken for a mistake.
    for _ in 0..<4 { room.signal() }
  }

  func takeBuffer() -> [UInt8] { state.withLock { $0.spare.popLast() } ?? [] }

  /// Waits for room.
  /// - Throws: what stopped the writing thread.
  func put(_ piece: sending Piece) throws {
    room.wait()
    try state.withLock { state in
      if let error = state.error { throw error }
      state.pieces.append(piece)
    }
    filled.signal()
  }

  func finish() throws {
    if let error = state.withLock({ $0.error }) { throw error }
  }

  /// Lets the writing thread end without the rest.
  func abandon() {
    state.withLock { $0.isAbandoned = true }
    filled.signal()
  }

  /// Writes pieces until the end, on the calling thread.
  func drain(into makeWriter: () throws -> any MergeWriter) {
    do {
      let writer = try makeWriter()
      var gathered: [UInt8] = []
      while true {
        filled.wait()
        let piece = state.withLock { state in state.isAbandoned || state.pieces.isEmpty ? nil : state.pieces.removeFirst() }
        switch piece {
        case .made(let buffer):
          try buffer.withUnsafeBytes { try writer.append($0) }
          state.withLock { $0.spare.append(buffer) }
        case .stored(let weight, let range):
          // Rows of Meta's files lie in many places: one write for each would take longer than the copy.
          try weight.withBytes(at: range) { piece in
            if piece.count == range.count { try writer.append(piece) } else { gathered.append(contentsOf: piece) }
          }
          if !gathered.isEmpty { try gathered.withUnsafeBytes { try writer.append($0) } }
          gathered.removeAll(keepingCapacity: true)
        case .end: return try writer.finish()
        case nil: return
        }
        room.signal()
      }
    } catch {
      state.withLock { $0.error = error }
      // Whoever waits for room must come to see the error.
      room.signal()
    }
  }
}
