/// Everything that is trained, or of the same kind but frozen: flat float32 values with a name, a shape and optimizer factors each.
///
/// Trained sets also hold gradients and AdamW's two moments. Clipping, the update, a checkpoint and a later all-reduce are one call each
/// on the whole set.
public final class ParameterSet {
  public struct Declaration: Sendable, Equatable {
    /// The name in PEFT's files.
    public let name: String
    public let rows: Int
    public let columns: Int
    /// Multiplies the optimizer's weight decay.
    public let decayFactor: Double
    /// Multiplies the learning rate.
    public let learningRateFactor: Double

    public init(name: String, rows: Int, columns: Int, decayFactor: Double = 1, learningRateFactor: Double = 1) {
      self.name = name
      self.rows = rows
      self.columns = columns
      self.decayFactor = decayFactor
      self.learningRateFactor = learningRateFactor
    }
  }

  public let declarations: [Declaration]
  /// Where each parameter begins in the flat tensors.
  public let offsets: [Int]
  public let count: Int
  public let isTrained: Bool
  /// `[1, count]` float32 each; the last three are absent from a frozen set.
  public let values: Tensor
  public let gradients: Tensor?
  public let firstMoments: Tensor?
  public let secondMoments: Tensor?

  /// All parameters zero: whoever makes the set writes their values, one after another, so that large ones exist once.
  public init(_ declarations: [Declaration], isTrained: Bool, on backend: any ComputeBackend) {
    var offsets: [Int] = []
    var count = 0
    for declaration in declarations {
      offsets.append(count)
      count += declaration.rows * declaration.columns
    }
    self.declarations = declarations
    self.offsets = offsets
    self.count = count
    self.isTrained = isTrained
    values = backend.makeZeros(rows: 1, columns: count)
    gradients = isTrained ? backend.makeZeros(rows: 1, columns: count) : nil
    firstMoments = isTrained ? backend.makeZeros(rows: 1, columns: count) : nil
    secondMoments = isTrained ? backend.makeZeros(rows: 1, columns: count) : nil
  }

  public subscript(index: Int) -> Parameter { Parameter(set: self, index: index) }
}

/// One matrix of a `ParameterSet`.
public struct Parameter {
  public let set: ParameterSet
  public let index: Int

  public var name: String { self.set.declarations[index].name }
  public var rows: Int { self.set.declarations[index].rows }
  public var columns: Int { self.set.declarations[index].columns }
  public var offset: Int { self.set.offsets[index] }
  /// Its elements in the set's flat tensors.
  public var elements: Range<Int> { offset..<offset + rows * columns }
}

/// Rows of the embedding or of the head that a parameter holds in place of the base, from row `first` on: what is trained of a vocabulary.
public struct TrainedRows {
  /// [count, hidden]
  public let parameter: Parameter
  public let first: Int

  public init(_ parameter: Parameter, first: Int) {
    self.parameter = parameter
    self.first = first
  }

  public var range: Range<Int> { first..<first + parameter.rows }
}
