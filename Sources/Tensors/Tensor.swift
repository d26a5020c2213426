/// What a backend keeps behind a tensor, an operand or a weight. Only that backend looks inside.
public protocol BackendStorage: AnyObject {}

/// A matrix of activations or parameters, `[rows, columns]`, that belongs to a backend. Not `Sendable`: the model has one owner.
public final class Tensor {
  public let rows: Int
  public let columns: Int
  public let dtype: DType
  public let storage: any BackendStorage

  public init(rows: Int, columns: Int, dtype: DType, storage: any BackendStorage) {
    self.rows = rows
    self.columns = columns
    self.dtype = dtype
    self.storage = storage
  }
}

/// The input of a product, `[rows, columns]`, in the form its backend multiplies fastest: rounded, packed, perhaps scaled.
/// One operand feeds several weights.
public final class Operand {
  public let rows: Int
  public let columns: Int
  public let storage: any BackendStorage

  public init(rows: Int, columns: Int, storage: any BackendStorage) {
    self.rows = rows
    self.columns = columns
    self.storage = storage
  }
}

/// A base weight `[outputs, inputs]`: read in place from its segments, never copied, never changed. Rows of the embedding or the head that
/// are trained are read from their `ParameterSet`, in place too.
public final class FrozenWeight {
  public let outputs: Int
  public let inputs: Int
  public let storage: any BackendStorage

  public init(outputs: Int, inputs: Int, storage: any BackendStorage) {
    self.outputs = outputs
    self.inputs = inputs
    self.storage = storage
  }
}
