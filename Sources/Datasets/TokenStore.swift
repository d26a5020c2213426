import Foundation

/// A long list of token ids: in memory, or in a temporary file when it grows beyond a limit. The file has no name, and goes with its owner.
final class TokenStore: Sendable {
  let count: Int
  private let path: String
  /// Empty when there is a file.
  private let memory: [Int32]
  private let descriptor: Int32?

  fileprivate init(_ path: String, count: Int, memory: [Int32], descriptor: Int32?) {
    self.path = path
    self.count = count
    self.memory = memory
    self.descriptor = descriptor
  }

  deinit { if let descriptor { close(descriptor) } }

  /// - Precondition: the range lies within `count`.
  /// - Throws: `DataError` when the temporary file cannot be read.
  func ids(_ range: Range<Int>) throws -> [Int32] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "no such tokens")
    guard let descriptor else { return Array(memory[range]) }
    var ids = [Int32](repeating: 0, count: range.count)
    try ids.withUnsafeMutableBytes { bytes in
      var done = 0
      while done < bytes.count {
        let read = pread(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, 4 * range.lowerBound + done)
        if read < 0, errno == EINTR { continue }
        guard read > 0 else { throw TokenStore.error(path, read < 0 ? errno : EIO) }
        done += read
      }
    }
    return ids
  }

  /// Where temporary files go that may be large; /tmp is memory on many systems.
  fileprivate static var folder: String { ProcessInfo.processInfo.environment["TMPDIR"] ?? "/var/tmp" }

  fileprivate static func error(_ path: String, _ code: Int32) -> DataError {
    .unreadable(
      path: path,
      reason: "its tokens do not fit into a temporary file in \(folder) (\(String(cString: strerror(code)))); TMPDIR names another folder")
  }
}

/// Fills a `TokenStore`.
struct TokenWriter: ~Copyable {
  private(set) var count = 0
  private let path: String
  private let limit: Int
  private var memory: [Int32] = []
  private var descriptor: Int32?

  /// - Parameters:
  ///   - path: of the text, for messages.
  ///   - limit: tokens that stay in memory.
  init(path: String, limit: Int) {
    self.path = path
    self.limit = limit
  }

  deinit { if let descriptor { close(descriptor) } }

  /// - Throws: `DataError` when a temporary file cannot be made or written.
  mutating func append(_ ids: [Int32]) throws {
    count += ids.count
    memory += ids
    if memory.count > limit { try flush() }
  }

  consuming func store() throws -> TokenStore {
    if descriptor != nil { try flush() }
    let store = TokenStore(path, count: count, memory: memory, descriptor: descriptor)
    // It belongs to the store now.
    descriptor = nil
    return store
  }

  private mutating func flush() throws {
    let file = try descriptor ?? open()
    descriptor = file
    try memory.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let written = write(file, bytes.baseAddress.map { $0 + done }, bytes.count - done)
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { throw TokenStore.error(path, written < 0 ? errno : EIO) }
        done += written
      }
    }
    memory.removeAll(keepingCapacity: true)
  }

  private func open() throws -> Int32 {
    var name = Array("\(TokenStore.folder)/puna-tokens-XXXXXX".utf8CString)
    let file = mkstemp(&name)
    guard file >= 0 else { throw TokenStore.error(path, errno) }
    unlink(name)
    return file
  }
}
