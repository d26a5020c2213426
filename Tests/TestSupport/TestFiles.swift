import Foundation
import Tensors

/// A folder of its own for a test, gone with its owner.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() throws {
    path = NSTemporaryDirectory() + "puna-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file, making folders on the way, and returns its path.
  @discardableResult public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let url = URL(fileURLWithPath: file(name))
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return file(name)
  }

  @discardableResult public func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

  /// Names in the folder, hidden ones included, sorted.
  public var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// Bytes in memory as a mapped file would present them.
public final class BytesInMemory: ByteOwner {
  private let bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public var byteCount: Int { bytes.count }

  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try bytes.withUnsafeBytes(body)
  }
}

extension MappedBytes {
  public init(_ bytes: [UInt8]) { self.init(owner: BytesInMemory(bytes)) }

  public init(_ text: String) { self.init(Array(text.utf8)) }

  public var array: [UInt8] { withUnsafeBytes { Array($0) } }
}

/// A safetensors file put together by hand, so that readers are not tested with their own writer alone.
public enum SafetensorsBytes {
  /// The length field, `header`, and `data`.
  public static func file(header: [UInt8], data: [UInt8] = [], length: UInt64? = nil) -> [UInt8] {
    let length = length ?? UInt64(header.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header + data
  }

  public static func file(header: String, data: [UInt8] = []) -> [UInt8] { file(header: Array(header.utf8), data: data) }

  /// A whole file of tensors, each with its dtype's name and its bytes.
  public static func file(_ tensors: [(name: String, dtype: String, shape: [Int], bytes: [UInt8])]) -> [UInt8] {
    var members: [String] = []
    var data: [UInt8] = []
    for tensor in tensors {
      let end = data.count + tensor.bytes.count
      members.append(
        "\"\(tensor.name)\": {\"dtype\": \"\(tensor.dtype)\", \"shape\": \(tensor.shape), \"data_offsets\": [\(data.count), \(end)]}")
      data += tensor.bytes
    }
    return file(header: "{" + members.joined(separator: ", ") + "}", data: data)
  }
}

/// Reference results and real models beside the package: `../shared`, or what `PUNA_SHARED` names. Tests that need them are
/// skipped where there are none.
public enum SharedFiles {
  public static let path: String? = {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let path =
      ProcessInfo.processInfo.environment["PUNA_SHARED"] ?? package.deletingLastPathComponent().appendingPathComponent("shared").path
    return FileManager.default.fileExists(atPath: path + "/goldens") ? path : nil
  }()

  public static var exist: Bool { path != nil }

  /// The path of `name` in the shared folder.
  public static func file(_ name: String) -> String { "\(path ?? "shared")/\(name)" }

  /// Names of the golden cases.
  public static let goldenCases = ["llama2-mha", "llama3-gqa", "llama32-tied-f16"]
}
