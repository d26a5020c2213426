import JSON
import Tensors

/// Which shard holds which tensor: `model.safetensors.index.json`, and `pytorch_model.bin.index.json`, which has the same form
/// `{"metadata": {"total_size": bytes}, "weight_map": {"tensor": "file"}}`.
public struct ShardIndex: Sendable, Equatable {
  public let path: String
  /// File name of each tensor; every one is a plain name.
  public let files: [String: String]

  /// Names of the shards, sorted.
  public var shardNames: [String] { Set(files.values).sorted() }

  /// Reads an index.
  ///
  /// - Throws: `CheckpointError` for unreadable JSON, another form, or a file name that could leave the folder. `total_size` is not
  ///   looked at: merges of other tools leave stale values there.
  public init(_ bytes: MappedBytes, path: String) throws {
    func failure(_ reason: CheckpointError.Reason) -> CheckpointError { CheckpointError(path: path, reason: reason) }
    guard let map = try JSONValue(parsing: bytes, path: path).object?["weight_map"]?.object else {
      throw failure(.malformed("has no object 'weight_map' from tensors to files."))
    }
    var files: [String: String] = [:]
    for (tensor, value) in map.sorted(by: { $0.key < $1.key }) {
      guard let file = value.string else { throw failure(.malformed("'weight_map' names no file for '\(tensor)'.")) }
      guard ShardIndex.isPlainName(file) else { throw failure(.nameLeavesFolder(file: file, tensor: tensor)) }
      files[tensor] = file
    }
    guard !files.isEmpty else { throw failure(.malformed("'weight_map' is empty.")) }
    self.path = path
    self.files = files
  }

  /// The tensors of one shard, sorted.
  public func tensors(in file: String) -> [String] { files.filter { $0.value == file }.keys.sorted() }

  private static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") || $0 == 0 }
  }
}
