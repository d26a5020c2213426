import Checkpoints
import Foundation

/// Tells whether files and folders hold what they held, whatever their names and times.
///
/// A file of up to 16 MiB counts with every byte, a larger one with its length and 256 evenly spaced places of 64 KiB each: weights change
/// everywhere when anything is trained. A folder counts with the files that make it a model, adapter or tokenizer if it is a model or an
/// adapter, with every file below it otherwise.
package final class ContentFingerprints {
  private static let wholeByteCount = 16 << 20
  private static let sampleCount = 256
  private static let sampleByteCount = 64 << 10

  /// What a file was when its digest was made: enough to know it again within one run of the program.
  private struct Version: Hashable {
    let device, inode, size, seconds, nanoseconds: Int
  }

  private var known: [Version: String] = [:]

  package init() {}

  /// - Parameter excluded: places below a folder that do not count.
  /// - Returns: 32 hexadecimal digits; nil if nothing is there, or a folder with nothing in it.
  /// - Throws: `CheckpointError` for what cannot be read.
  package func fingerprint(of path: String, excluding excluded: [FilePlace] = []) throws -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    guard status.st_mode & S_IFMT == S_IFDIR else { return try ofFile(path, status) }
    let names = try names(in: path, excluding: excluded)
    if names.isEmpty { return nil }
    var hash = SHA256()
    for name in names {
      var status = stat()
      let file = "\(path)/\(name)"
      guard stat(file, &status) == 0 else { throw CheckpointError(path: file, reason: .missing) }
      hash.update("\(name)\0\(try ofFile(file, status))\0")
    }
    return String(hash.hexDigest().prefix(32))
  }

  // MARK: - Files

  private func ofFile(_ path: String, _ status: stat) throws -> String {
    let version = Version(
      device: Int(status.st_dev), inode: Int(status.st_ino), size: Int(status.st_size), seconds: status.st_mtim.tv_sec,
      nanoseconds: status.st_mtim.tv_nsec)
    if let digest = known[version] { return digest }
    let size = Int(status.st_size)
    var hash = SHA256()
    hash.update("\(size)\0")
    if size > 0 {
      let file = try MappedFile.open(path)
      file.withUnsafeBytes { bytes in
        if bytes.count <= ContentFingerprints.wholeByteCount {
          hash.update(bytes)
        } else {
          let last = bytes.count - ContentFingerprints.sampleByteCount
          for index in 0..<ContentFingerprints.sampleCount {
            let start = last / (ContentFingerprints.sampleCount - 1) * index
            hash.update(UnsafeRawBufferPointer(rebasing: bytes[start..<start + ContentFingerprints.sampleByteCount]))
          }
          hash.update(UnsafeRawBufferPointer(rebasing: bytes[last...]))
        }
      }
    }
    let digest = String(hash.hexDigest().prefix(32))
    known[version] = digest
    return digest
  }

  // MARK: - Folders

  /// Names of the files that count, relative to the folder, sorted.
  private func names(in folder: String, excluding excluded: [FilePlace]) throws -> [String] {
    let entries = try entries(of: folder)
    guard !["config.json", "params.json", "adapter_config.json"].contains(where: entries.contains) else {
      // Meta's downloads keep their own layout in `original`.
      let inside = entries.contains("original") ? (try? self.entries(of: "\(folder)/original")) ?? [] : []
      return (entries + inside.map { "original/\($0)" }).filter { ContentFingerprints.isPart($0) && isFile("\(folder)/\($0)") }.sorted()
    }
    var names: [String] = []
    var visited: Set<FilePlace> = []
    func walk(_ below: String) throws {
      let path = below.isEmpty ? folder : "\(folder)/\(below)"
      // Links may lead back to where they came from.
      guard visited.insert(FilePlace(path)).inserted else { return }
      for entry in try self.entries(of: path) where !entry.hasPrefix(".") {
        let name = below.isEmpty ? entry : "\(below)/\(entry)"
        guard !excluded.contains(FilePlace("\(folder)/\(name)")) else { continue }
        if isFile("\(folder)/\(name)") { names.append(name) } else { try walk(name) }
      }
    }
    try walk("")
    return names.sorted()
  }

  /// Whether a file of a model or adapter decides what it answers.
  private static func isPart(_ name: String) -> Bool {
    let name = name.split(separator: "/").last.map(String.init) ?? name
    if name.hasPrefix(".") { return false }
    if [".safetensors", ".bin", ".pth", ".model", ".index.json"].contains(where: name.hasSuffix) { return true }
    return name.hasPrefix("tokenizer") && name.hasSuffix(".json")
      || ["config.json", "params.json", "adapter_config.json", "special_tokens_map.json", "added_tokens.json"].contains(name)
  }

  private func entries(of folder: String) throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw CheckpointError(path: folder, reason: .notReadable)
    }
  }

  private func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return !FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) || !isFolder.boolValue
  }
}
