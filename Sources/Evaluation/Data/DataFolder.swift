import Foundation

/// The published files below a folder, or one file.
package struct DataFolder: Sendable {
  package let path: String
  /// Whether `path` is a file that was named, and so is meant whatever its name says.
  package let isFile: Bool
  /// Ordered by path.
  package let tables: [DataTable]

  private static let maximumDepth = 6
  private static let maximumFiles = 5000

  /// Looks at the beginning of every file. Hidden ones are passed over, links are followed.
  ///
  /// - Throws: `EvaluationError.file` where there is nothing, or too much; what opening a file throws.
  package init(_ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw EvaluationError.file(path: path, place: nil, reason: "no such file or folder.")
    }
    self.path = path
    isFile = !isFolder.boolValue
    let parts = path.split(separator: "/").map(String.init)
    guard isFolder.boolValue else {
      tables = [try DataFolder.table(path, parts.last ?? path, folders: parts.dropLast().suffix(2))]
      return
    }
    var search = Search()
    try search.visit(path, parts.suffix(1), depth: 0)
    tables = search.tables
  }

  private static func table(_ path: String, _ name: String, folders: some BidirectionalCollection<String>) throws -> DataTable {
    let stem = name.firstIndex(of: ".").map { String(name[..<$0]) } ?? name
    // Dots may part words, as in `NQ-open.dev.jsonl`.
    let split = DataSplit.ofFile(name) ?? folders.reversed().lazy.compactMap(DataSplit.ofFolder).first
    let subject = DataSplit.subject(ofFile: stem)
    let location = (folders + [name]).joined(separator: "/")
    return try DataTable(path: path, location: location, split: split, subject: subject.isEmpty ? folders.last ?? "" : subject)
  }

  private struct Search {
    var tables: [DataTable] = []
    private var visited: Set<String> = []

    mutating func visit(_ folder: String, _ folders: [String].SubSequence, depth: Int) throws {
      // A link may lead back up.
      guard let real = realpath(folder, nil) else {
        throw EvaluationError.file(path: folder, place: nil, reason: "the folder cannot be read.")
      }
      defer { free(real) }
      guard visited.insert(String(cString: real)).inserted else { return }
      let names: [String]
      do {
        names = try FileManager.default.contentsOfDirectory(atPath: folder)
      } catch {
        throw EvaluationError.file(path: folder, place: nil, reason: "the folder cannot be read.")
      }
      for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) where !name.hasPrefix(".") {
        let path = folder == "/" ? "/" + name : withoutSlash(folder) + "/" + name
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
          throw EvaluationError.file(path: path, place: nil, reason: "a link that leads nowhere.")
        }
        if isFolder.boolValue {
          guard depth < DataFolder.maximumDepth else {
            throw EvaluationError.file(
              path: path, place: nil, reason: "folders are nested more than \(DataFolder.maximumDepth) deep. Name the task's own folder.")
          }
          try visit(path, folders + [name], depth: depth + 1)
        } else {
          guard tables.count < DataFolder.maximumFiles else {
            throw EvaluationError.file(
              path: folder, place: nil, reason: "more than \(DataFolder.maximumFiles) files. Name the task's own folder.")
          }
          tables.append(try DataFolder.table(path, name, folders: folders))
        }
      }
    }

    private func withoutSlash(_ path: String) -> String {
      var path = path
      while path.count > 1, path.hasSuffix("/") { path.removeLast() }
      return path
    }
  }

  /// What there is, for messages about what is not.
  package var seen: String {
    if tables.isEmpty { return "no files" }
    let shown = tables.prefix(6).map { table in
      let name = isFile ? table.path : String(table.path.dropFirst(path.count).drop { $0 == "/" })
      let fields = table.first.map { row in
        table.form == .csvWithoutHeader ? " of \(row.members.count) columns" : " with \(DataRow.listed(row.names))"
      }
      return "\(name) (\(table.form.description)\(fields ?? ""))"
    }
    return shown.joined(separator: "; ") + (tables.count > 6 ? "; and \(tables.count - 6) more files" : "")
  }
}
