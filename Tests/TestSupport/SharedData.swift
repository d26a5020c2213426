import Foundation

/// Real data that lies outside the repository: beside the package directory in `shared`, or where `PUNA_SHARED` says. Tests that use it
/// are skipped, visibly, where it is absent.
public enum SharedData {
  public static let directory: String? = {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let beside = package.deletingLastPathComponent().appendingPathComponent("shared").path
    return [ProcessInfo.processInfo.environment["PUNA_SHARED"], beside].compactMap { $0 }.first {
      FileManager.default.fileExists(atPath: $0 + "/data")
    }
  }()

  public static var isAvailable: Bool { directory != nil }

  /// A path inside the folder; one that does not exist without it.
  public static func path(_ name: String) -> String { (directory ?? "/nonexistent") + "/" + name }

  /// What a skipped test says.
  public static let message = "needs the shared data folder (PUNA_SHARED)"
}

/// A folder for one test, removed with its contents when the test is over.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() throws {
    path = NSTemporaryDirectory() + "puna-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  public func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = path + "/" + name
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  public func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }
}
