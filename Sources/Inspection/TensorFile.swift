import Checkpoints
import Tensors

/// A file that holds tensors, whatever its format.
public struct TensorFile: Sendable {
  public struct Tensor: Sendable {
    public let name: String
    public let dtype: DType
    public let shape: [Int]
    /// The elements; `bytes.range` is where they lie in the file.
    public let bytes: MappedBytes

    public var elementCount: Int { bytes.count / dtype.byteCount }
  }

  /// Its name in the folder.
  public let name: String
  /// `safetensors`.
  public let format: String
  /// Of the whole file.
  public let bytes: MappedBytes
  public let metadata: [String: String]
  /// In the order in which they lie in the file.
  public let tensors: [Tensor]

  /// Bytes of all tensors.
  public var tensorByteCount: Int { tensors.reduce(0) { $0 + $1.bytes.count } }

  /// Reads what `bytes`, a whole file, says about itself; no tensor is touched.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged or of a format that is not read.
  init(_ bytes: MappedBytes, name: String, path: String) throws {
    self.name = name
    self.bytes = bytes
    switch FileForm(bytes) {
    case .torchZip, .torchPickle:
      throw CheckpointError(path: path, reason: .malformed("is a PyTorch file; this version reads tensors of safetensors files only."))
    case .gguf: throw CheckpointError(path: path, reason: .malformed("is a GGUF file, which this version does not read."))
    default:
      let file = try SafetensorsFile(bytes, path: path)
      format = "safetensors"
      metadata = file.metadata
      tensors = file.tensors.map { Tensor(name: $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $0.bytes) }
    }
  }
}
