import Bases
import Foundation
import Llama
import Tensors

/// The `vocabulary` section of a recipe: a tokenizer with more entries than the base has rows.
public struct VocabularyOptions: Sendable, Equatable {
  /// What the new rows of embedding and head begin as.
  public enum Initialization: String, Sendable, CaseIterable {
    /// The mean of all rows that are there, as Stanford's trainer has it.
    case mean
    /// The mean of the rows of the tokens that spelled the piece before; where none did, of all rows.
    case subwordMean = "subword_mean"
    /// Normally distributed about 0, as wide as the rows that are there.
    case random
  }

  /// A tokenizer file or a folder with one; its first entries are those of the base's tokenizer.
  public var tokenizer: String
  public var initialization = Initialization.mean

  public init(tokenizer: String) { self.tokenizer = tokenizer }
}

/// Rows that embedding and head gain for a larger vocabulary.
public struct VocabularyGrowth: Sendable {
  /// Rows that are there, and all rows afterwards.
  public let first: Int
  public let rowCount: Int
  public let initialization: VocabularyOptions.Initialization
  /// For each new row the ids that spelled its piece before; empty where none do, and for others than `subwordMean`.
  private let spellings: [[Int32]]
  private let seed: UInt64

  /// - Precondition: `rowCount` is above `first`; with `subwordMean` there is a spelling for each new row.
  public init(
    first: Int, rowCount: Int, initialization: VocabularyOptions.Initialization, spellings: [[Int32]] = [], seed: UInt64
  ) {
    precondition(rowCount > first && (initialization != .subwordMean || spellings.count == rowCount - first), "a row for each new entry")
    self.first = first
    self.rowCount = rowCount
    self.initialization = initialization
    self.spellings = spellings
    self.seed = seed
  }

  public var added: Range<Int> { first..<rowCount }

  /// The new rows of a matrix that has `first` rows: [added, columns], row-major. Means are taken in Double.
  func rows(of weight: StoredWeight, _ matrix: TrainedVocabulary.Matrix) -> [Float] {
    let columns = weight.shape[1]
    switch initialization {
    case .mean:
      let mean = VocabularyGrowth.mean(of: 0..<first, weight).map { Float($0) }
      return added.flatMap { _ in mean }
    case .subwordMean:
      let mean = VocabularyGrowth.mean(of: 0..<first, weight)
      return spellings.flatMap { ids in
        (ids.isEmpty ? mean : VocabularyGrowth.mean(of: ids.map(Int.init), weight)).map { Float($0) }
      }
    case .random:
      let deviation = VocabularyGrowth.rootMeanSquare(weight, rows: first)
      var random = Philox(seed: seed, stream: RandomStream.newRows + (matrix == .head ? 1 : 0))
      var values: [Float] = []
      values.reserveCapacity(added.count * columns + 1)
      while values.count < added.count * columns {
        // Box and Muller: two normal numbers of two uniform ones, the first of which is not 0.
        let radius = (-2 * log(1 - Double(random.nextUniform()))).squareRoot() * deviation
        let angle = 2 * Double.pi * Double(random.nextUniform())
        values += [Float(radius * cos(angle)), Float(radius * sin(angle))]
      }
      return Array(values.prefix(added.count * columns))
    }
  }

  private static func mean(of rows: some Collection<Int>, _ weight: StoredWeight) -> [Double] {
    var sum = [Double](repeating: 0, count: weight.shape[1])
    var row = sum
    for index in rows {
      weight.widen(index, into: &row)
      for column in sum.indices { sum[column] += row[column] }
    }
    return sum.map { $0 / Double(rows.count) }
  }

  private static func rootMeanSquare(_ weight: StoredWeight, rows: Int) -> Double {
    var row = [Double](repeating: 0, count: weight.shape[1])
    var sum = 0.0
    for index in 0..<rows {
      weight.widen(index, into: &row)
      sum += row.reduce(0) { $0 + $1 * $1 }
    }
    return (sum / Double(rows * weight.shape[1])).squareRoot()
  }
}
