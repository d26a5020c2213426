import Foundation
import JSON
import Tokenizers

/// Tokens of text files, kept in a folder from run to run, so that gigabytes are tokenized once.
///
/// An entry is found by what its tokens depend on: the bytes of the text, the tokenizer, and how documents are read, begun and ended.
/// Names of files are no part of it, nor is the length of blocks. An entry is written beside its name and renamed, and read only if all of
/// it is there: processes may share a folder.
public struct TokenCache: Sendable, Equatable {
  public let folder: String
  /// Smaller text is tokenized every time.
  public let minimumByteCount: Int
  /// What entries may take together, in bytes: before one is written, those used longest ago make room.
  package var byteLimit = 64_000_000_000

  public init(folder: String, minimumByteCount: Int = 0) {
    self.folder = folder
    self.minimumByteCount = minimumByteCount
  }

  /// What tokens depend on.
  struct Key {
    /// Raised when files are laid out otherwise, or when an encoder makes other ids of a text.
    static let version = 1

    /// Of the text's bytes.
    let fingerprint: String
    let byteCount: Int
    let tokenizer: String
    /// Whether the file is one document; else rows of JSON.
    let isPlain: Bool
    /// What stands before a document, and behind it.
    let begin: Int32?
    let end: Int32

    /// What the header of an entry says of it.
    var members: [String: JSONValue] {
      [
        "puna_tokens": .integer(Key.version), "text": .string(fingerprint), "text_bytes": .integer(byteCount),
        "tokenizer": .string(tokenizer), "documents": .string(isPlain ? "one" : "rows"),
        "begin": begin.map { .integer(Int($0)) } ?? .null, "end": .integer(Int(end)),
      ]
    }

    var fileName: String {
      var hash = ContentHash()
      hash.update(JSONValue.object(members).line)
      return hash.text + TokenCache.suffix
    }
  }

  enum Search {
    case absent
    case found(EncodedDocuments, path: String)
    /// There is an entry, which cannot be used.
    case broken(path: String, reason: String)
  }

  static let suffix = ".tokens"

  /// Looks for an entry and reads all of it once.
  ///
  /// - Parameters:
  ///   - text: the path of the text, for messages.
  ///   - vocabularySize: ids lie below it; an entry with others is left to whoever tokenizes, and says which row has them.
  func find(_ key: Key, of text: String, vocabularySize: Int) -> Search {
    let path = "\(folder)/\(key.fileName)"
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      return code == ENOENT || code == ENOTDIR ? .absent : .broken(path: path, reason: "it cannot be read: \(SystemError(code: code))")
    }
    let file = OpenFile(descriptor)
    do {
      let documents = try TokenCacheEntry(file, path).documents(key, of: text, vocabularySize: vocabularySize)
      // What is used lives on; in a folder of someone else's it may not.
      futimens(descriptor, nil)
      return .found(documents, path: path)
    } catch TokenCacheEntry.Problem.otherVocabulary {
      return .absent
    } catch {
      return .broken(path: path, reason: "\(error)")
    }
  }

  /// Writes an entry; another of its name is replaced.
  ///
  /// - Returns: its path.
  /// - Throws: `SystemError` and what reading tokens throws; nothing is left behind then.
  func keep(_ documents: EncodedDocuments, _ key: Key) throws -> String {
    let path = "\(folder)/\(key.fileName)"
    try TokenCache.createFolder(folder)
    makeRoom(for: TokenCacheEntry.byteCount(of: documents))
    let temporary = "\(folder)/.\(key.fileName).\(getpid())-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))\(TokenCache.leftover)"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw SystemError(code: errno) }
    do {
      // Not flushed to the disk: what a crash leaves cut is found by its checksum.
      try TokenCacheEntry(OpenFile(descriptor), temporary).write(documents, key)
      guard rename(temporary, path) == 0 else { throw SystemError(code: errno) }
    } catch {
      unlink(temporary)
      throw error
    }
    return path
  }

  private static func createFolder(_ path: String) throws {
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else { throw SystemError(code: ENOTDIR) }
      return
    }
    if let slash = path.lastIndex(of: "/"), slash > path.startIndex { try createFolder(String(path[..<slash])) }
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw SystemError(code: errno) }
  }

  // MARK: - Upkeep

  private static let leftover = "\(suffix).tmp"
  /// What a killed process did not finish; a living one writes all the time.
  private static let leftoverAge = 86_400

  /// Removes the entries used longest ago until another has room. Files with other names are not touched.
  private func makeRoom(for byteCount: Int) {
    var entries: [(path: String, byteCount: Int, used: (Int, Int))] = []
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      var status = stat()
      let path = "\(folder)/\(name)"
      guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      if TokenCache.isEntry(name) {
        entries.append((path, Int(status.st_size), (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)))
      } else if name.hasPrefix("."), name.hasSuffix(TokenCache.leftover), status.st_mtim.tv_sec < time(nil) - TokenCache.leftoverAge {
        unlink(path)
      }
    }
    var total = entries.reduce(byteCount) { $0 + $1.byteCount }
    for entry in entries.sorted(by: { $0.used < $1.used }) where total > byteLimit {
      if unlink(entry.path) == 0 { total -= entry.byteCount }
    }
  }

  /// 32 hexadecimal digits and the suffix.
  private static func isEntry(_ name: String) -> Bool {
    name.hasSuffix(suffix) && name.utf8.count == 32 + suffix.utf8.count
      && name.utf8.prefix(32).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
}
