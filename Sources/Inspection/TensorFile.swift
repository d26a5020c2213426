import Checkpoints
import Tensors

/// A file that holds tensors, whatever its format.
public struct TensorFile: Sendable {
  public struct Tensor: Sendable {
    public let name: String
    public let dtype: DType
    public let shape: [Int]
    /// From the first element to the last; `bytes.range` is where they lie in the file.
    public let bytes: MappedBytes
    /// Bytes from one row to the next where the tensor is a view of a wider one; nil for elements without gaps.
    public var rowByteStride: Int?

    public var elementCount: Int {
      // Beside a 0, the other dimensions may be anything.
      shape.contains(0) ? 0 : shape.reduce(1, *)
    }
    /// Bytes of the elements.
    public var byteCount: Int { elementCount * dtype.byteCount }
  }

  /// Its name in the folder.
  public let name: String
  /// `safetensors` or `PyTorch`.
  public let format: String
  /// Of the whole file.
  public let bytes: MappedBytes
  public let metadata: [String: String]
  /// In the order in which they lie in the file.
  public let tensors: [Tensor]
  /// Names of what lies beside the tensors and is none.
  public let otherValues: [String]

  /// Bytes of all tensors; what several share, as tied weights may, counts once.
  public var tensorByteCount: Int {
    var ranges: Set<Range<Int>> = []
    return tensors.reduce(0) { ranges.insert($1.bytes.range).inserted ? $0 + $1.byteCount : $0 }
  }

  /// Reads what `bytes`, a whole file, says about itself; no tensor is touched.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged or of a format that is not read.
  init(_ bytes: MappedBytes, name: String, path: String) throws {
    self.name = name
    self.bytes = bytes
    switch FileForm(bytes) {
    case .torchZip, .torchPickle:
      let file = try TorchFile(bytes, path: path)
      format = "PyTorch"
      metadata = [:]
      tensors = file.tensors.map { tensor in
        let rowByteCount = (tensor.shape.last ?? 1) * tensor.dtype.byteCount
        return Tensor(
          name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, bytes: tensor.bytes,
          rowByteStride: tensor.bytes.range.isEmpty || tensor.rowByteStride == rowByteCount ? nil : tensor.rowByteStride)
      }
      otherValues = file.otherValues
    case .gguf: throw CheckpointError(path: path, reason: .malformed("is a GGUF file, which this version does not read."))
    default:
      let file = try SafetensorsFile(bytes, path: path)
      format = "safetensors"
      metadata = file.metadata
      tensors = file.tensors.map { Tensor(name: $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes) }
      otherValues = []
    }
  }
}
