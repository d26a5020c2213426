import Foundation

/// A long list of token ids: in memory, in a temporary file without a name when it grows beyond a limit, or in an entry of a cache.
final class TokenStore: Sendable {
  fileprivate enum Place: Sendable {
    case memory([Int32])
    case file(OpenFile, offset: Int)
  }

  let count: Int
  private let path: String
  private let place: Place
  /// Of a cache's entry.
  private let name: String?

  fileprivate init(_ path: String, count: Int, _ place: Place) {
    self.path = path
    self.count = count
    self.place = place
    name = nil
  }

  /// Tokens that lie in an entry of a cache.
  ///
  /// - Parameters:
  ///   - path: of the text, for messages; `name` that of the entry.
  ///   - offset: of the first token, in bytes.
  init(path: String, count: Int, in file: OpenFile, named name: String, offset: Int) {
    self.path = path
    self.count = count
    self.name = name
    place = .file(file, offset: offset)
  }

  var isInMemory: Bool { if case .memory = place { true } else { false } }

  /// - Precondition: the range lies within `count`.
  /// - Throws: `DataError` when the file cannot be read.
  func ids(_ range: Range<Int>) throws -> [Int32] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "no such tokens")
    switch place {
    case .memory(let ids): return Array(ids[range])
    case .file(let file, let offset):
      do {
        return try file.numbers(range.count, at: offset + 4 * range.lowerBound)
      } catch let error as SystemError {
        guard let name else { throw TokenStore.error(path, error) }
        throw DataError.unreadable(path: path, reason: "its tokens in \(name) cannot be read any more (\(error)); start again")
      }
    }
  }

  /// Where temporary files go that may be large; /tmp is memory on many systems.
  fileprivate static var folder: String { ProcessInfo.processInfo.environment["TMPDIR"] ?? "/var/tmp" }

  fileprivate static func error(_ path: String, _ error: SystemError) -> DataError {
    .unreadable(path: path, reason: "its tokens do not fit into a temporary file in \(folder) (\(error)); TMPDIR names another folder")
  }
}

/// Fills a `TokenStore`.
struct TokenWriter: ~Copyable {
  private(set) var count = 0
  private let path: String
  private let limit: Int
  private var memory: [Int32] = []
  private var file: OpenFile?
  private var byteCount = 0

  /// - Parameters:
  ///   - path: of the text, for messages.
  ///   - limit: tokens that stay in memory.
  init(path: String, limit: Int) {
    self.path = path
    self.limit = limit
  }

  /// - Throws: `DataError` when a temporary file cannot be made or written.
  mutating func append(_ ids: [Int32]) throws {
    count += ids.count
    memory += ids
    if memory.count > limit { try flush() }
  }

  consuming func store() throws -> TokenStore {
    guard file != nil else { return TokenStore(path, count: count, .memory(memory)) }
    try flush()
    return TokenStore(path, count: count, file.map { .file($0, offset: 0) } ?? .memory(memory))
  }

  private mutating func flush() throws {
    let file = try file ?? open()
    self.file = file
    do {
      try memory.withUnsafeBytes { try file.write($0, at: byteCount) }
    } catch let error as SystemError {
      throw TokenStore.error(path, error)
    }
    byteCount += 4 * memory.count
    memory.removeAll(keepingCapacity: true)
  }

  private func open() throws -> OpenFile {
    var name = Array("\(TokenStore.folder)/puna-tokens-XXXXXX".utf8CString)
    let file = mkstemp(&name)
    guard file >= 0 else { throw TokenStore.error(path, SystemError(code: errno)) }
    unlink(name)
    return OpenFile(file)
  }
}
