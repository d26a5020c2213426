import JSON
import Tensors

extension JSONValue {
  /// Parses the whole of `bytes`.
  ///
  /// - Throws: `CheckpointError` that names `path`, line and byte; duplicate keys and deep nesting are refused.
  public init(parsing bytes: MappedBytes, path: String) throws {
    do {
      self = try bytes.withUnsafeBytes { try JSONValue(parsing: $0.bindMemory(to: UInt8.self), maximumDepth: CheckpointError.maximumDepth) }
    } catch let error as JSONError {
      throw CheckpointError(path: path, reason: .json(error))
    }
  }

  /// Reads and parses a file.
  ///
  /// - Throws: `CheckpointError` as `MappedFile.open` and `init(parsing:path:)`.
  public init(file path: String) throws {
    try self.init(parsing: MappedFile.open(path), path: path)
  }
}

extension CheckpointError {
  /// Of JSON; no format read here needs more than a handful.
  static let maximumDepth = 64
}
