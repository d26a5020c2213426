import Bases
import Foundation
import Tensors

/// What a merge did to one tensor, in Double.
public struct TensorChange: Sendable, Equatable {
  public let name: String
  /// ‖Δ‖, of what was added; Frobenius.
  public let changeNorm: Double
  /// ‖W‖ of what it was added to.
  public let weightNorm: Double
  /// Largest |Δ|.
  public let largestChange: Double
  /// ‖stored − exact‖: what rounding to the output's type lost.
  public let roundingNorm: Double
  public let largestRounding: Double
  /// Elements that are no longer what they were.
  public let changedCount: Int
  public let elementCount: Int
  /// Whether adapters were added, rather than the type converted alone.
  public let isMerged: Bool
}

/// Looks at a merged model as a stranger would: opened from the disk, every tensor there and, element by element, what it must be.
struct MergeProof {
  let plan: MergePlan
  /// As they were opened.
  let merged: [String: StoredWeight]
  let progress: (Int) -> Void
  let isInterrupted: () -> Bool

  /// - Returns: the tensors whose elements changed, in the plan's order.
  /// - Throws: `MergeError` with the first element that is wrong.
  func run() throws -> [TensorChange] {
    let expected = Set(plan.tensors.map(\.name))
    let found = Set(merged.keys)
    if found != expected {
      throw MergeError([.proofTensors(missing: expected.subtracting(found).sorted(), unexpected: found.subtracting(expected).sorted())])
    }
    var changes: [TensorChange] = []
    var proved = 0
    for tensor in plan.tensors {
      guard let stored = merged[tensor.name] else { continue }
      if stored.shape != tensor.shape || stored.dtype != tensor.dtype {
        let (found, expected) = ("\(stored.dtype.rawValue) \(stored.shape)", "\(tensor.dtype.rawValue) \(tensor.shape)")
        throw MergeError([.proofForm(tensor: tensor.name, found: found, expected: expected)])
      }
      let blocks = try prove(tensor, stored)
      proved += tensor.byteCount
      progress(proved)
      if !tensor.isCopy { changes.append(TensorChange(tensor, blocks)) }
    }
    return changes
  }

  /// Rows of a block: enough work to be worth handing out.
  private func rowsPerBlock(_ tensor: MergedTensor) -> Int { max(1, (1 << 18) / tensor.columns) }

  private func prove(_ tensor: MergedTensor, _ stored: StoredWeight) throws -> [BlockChange] {
    let step = rowsPerBlock(tensor)
    let blockCount = (tensor.rows + step - 1) / step
    var results = [Result<BlockChange, any Error>?](repeating: nil, count: blockCount)
    let isInterrupted = isInterrupted
    results.withUnsafeMutableBufferPointer { results in
      // Each block writes its own place; sums are added in the order of blocks, whoever computed them.
      nonisolated(unsafe) let places = results
      nonisolated(unsafe) let isStopped = isInterrupted
      DispatchQueue.concurrentPerform(iterations: blockCount) { block in
        let rows = block * step..<min((block + 1) * step, tensor.rows)
        places[block] = Result {
          if isStopped() { throw MergeInterrupted() }
          return tensor.isCopy ? try tensor.proveCopy(rows, stored) : try tensor.proveRows(rows, stored)
        }
      }
    }
    return try results.compactMap { try $0?.get() }
  }
}

/// Sums over some rows.
struct BlockChange: Sendable {
  var change = 0.0
  var weight = 0.0
  var rounding = 0.0
  var largestChange = 0.0
  var largestRounding = 0.0
  var changedCount = 0
}

extension TensorChange {
  fileprivate init(_ tensor: MergedTensor, _ blocks: [BlockChange]) {
    func norm(_ part: KeyPath<BlockChange, Double>) -> Double { blocks.reduce(0) { $0 + $1[keyPath: part] }.squareRoot() }
    func largest(_ part: KeyPath<BlockChange, Double>) -> Double { blocks.reduce(0) { max($0, $1[keyPath: part]) } }
    self.init(
      name: tensor.name, changeNorm: norm(\.change), weightNorm: norm(\.weight), largestChange: largest(\.largestChange),
      roundingNorm: norm(\.rounding), largestRounding: largest(\.largestRounding),
      changedCount: blocks.reduce(0) { $0 + $1.changedCount }, elementCount: tensor.rows * tensor.columns, isMerged: tensor.isChanged)
  }
}

extension MergedTensor {
  /// Bytes that must be the source's.
  fileprivate func proveCopy(_ rows: Range<Int>, _ stored: StoredWeight) throws -> BlockChange {
    try source.withRows(rows) { expected in
      try stored.withRows(rows) { found in
        guard let expectedAddress = expected.baseAddress, let foundAddress = found.baseAddress else { return }
        guard expected.count == found.count, memcmp(expectedAddress, foundAddress, found.count) == 0 else {
          let byte = zip(expected, found).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
          throw MergeError([.proofCopy(tensor: name, byte: rows.lowerBound * columns * dtype.byteCount + byte)])
        }
      }
    }
    return BlockChange()
  }

  /// Elements that must be the plain formula's.
  fileprivate func proveRows(_ rows: Range<Int>, _ stored: StoredWeight) throws -> BlockChange {
    var sums = BlockChange()
    var row = MergedRow(self)
    var found = [Double](repeating: 0, count: columns)
    let factors = try magnitude.map { try rowFactors(rows, magnitude: $0) }
    for index in rows {
      row.compute(index, factor: factors?[index - rows.lowerBound] ?? 1)
      stored.widen(index, into: &found)
      for column in 0..<columns {
        let (weight, exact, value) = (row.weights[column], row.exact[column], found[column])
        let expected = Rounding.round(exact, to: dtype)
        // Zeros are equal whatever their sign; nothing else that differs is.
        guard value == expected else {
          throw MergeError([.proofElement(tensor: name, element: index * columns + column, found: value, expected: expected)])
        }
        let (delta, lost) = (row.delta[column], value - exact)
        sums.change += delta * delta
        sums.weight += weight * weight
        sums.rounding += lost * lost
        sums.largestChange = max(sums.largestChange, abs(delta))
        sums.largestRounding = max(sums.largestRounding, abs(lost))
        sums.changedCount += value == weight ? 0 : 1
      }
    }
    return sums
  }
}
