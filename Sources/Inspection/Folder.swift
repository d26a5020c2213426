import Checkpoints
import Foundation
import Tensors

/// A file that is part of the program.
public struct EmbeddedFile: Sendable {
  public let name: String
  public let bytes: MappedBytes

  public init(name: String, bytes: MappedBytes) {
    self.name = name
    self.bytes = bytes
  }
}

/// The files of a folder, on the disk or in the program.
struct Folder: Sendable {
  struct Entry: Sendable {
    enum Form: Sendable, Equatable {
      case file
      case folder
      /// A link to what is not there.
      case danglingLink
      /// A device, socket or pipe.
      case other
    }

    let name: String
    let form: Form
    let byteCount: Int
    /// Where a link points, as it is written.
    var linkTarget: String?
  }

  let path: String
  /// By name.
  let entries: [Entry]
  private let embedded: [String: MappedBytes]

  /// Lists a folder on the disk.
  ///
  /// - Throws: `CheckpointError` when it cannot be read.
  init(_ path: String) throws {
    self.path = path
    embedded = [:]
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw CheckpointError(path: path, reason: .notReadable)
    }
    entries = names.sorted().map { Folder.entry("\(path)/\($0)", name: $0) }
  }

  init(_ name: String, embedded files: [EmbeddedFile]) {
    path = name
    entries = files.map { Entry(name: $0.name, form: .file, byteCount: $0.bytes.count) }.sorted { $0.name < $1.name }
    embedded = Dictionary(files.map { ($0.name, $0.bytes) }) { first, _ in first }
  }

  private static func entry(_ path: String, name: String) -> Entry {
    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
    var status = stat()
    guard stat(path, &status) == 0 else {
      return Entry(name: name, form: target == nil ? .other : .danglingLink, byteCount: 0, linkTarget: target)
    }
    let form: Entry.Form =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .folder
      default: .other
      }
    return Entry(name: name, form: form, byteCount: form == .file ? Int(status.st_size) : 0, linkTarget: target)
  }

  /// What has a name, which may lead into a folder in this one.
  subscript(name: String) -> Entry? {
    if let entry = entries.first(where: { $0.name == name }) { return entry }
    guard name.contains("/"), FileManager.default.fileExists(atPath: path(of: name)) else { return nil }
    return Folder.entry(path(of: name), name: name)
  }

  /// Whether there is something of this name that is no folder; a dangling link counts.
  func contains(_ name: String) -> Bool { self[name].map { $0.form != .folder } ?? false }

  func path(of name: String) -> String { "\(path)/\(name)" }

  /// - Throws: `CheckpointError` as `MappedFile.open`.
  func open(_ name: String) throws -> MappedBytes {
    if let bytes = embedded[name] { return bytes }
    return try MappedFile.open(path(of: name))
  }

  /// What the file is by its bytes; nil for one that cannot be opened.
  func form(of name: String) -> FileForm? { (try? open(name)).map { FileForm($0) } }

  /// A message about a file of the folder, without the folder's path in front.
  func shortened(_ message: String) -> String {
    for prefix in ["\(path)/", "\(path): "] where message.hasPrefix(prefix) { return String(message.dropFirst(prefix.count)) }
    return message
  }
}
