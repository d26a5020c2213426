import CSandbox
import Foundation

/// What a program finds in its root folder.
///
/// Of the machine: the system's programs and libraries, the interpreter's own, three devices, and the list of shared libraries. All of it read-only.
package struct RootPlan: Sendable, Equatable {
  package enum Entry: Sendable, Equatable {
    case folder(String)
    case link(String, target: String)
    case tree(String)
    case file(String)
    case device(String)
  }

  /// Where a program may write, and begins.
  package static let workFolder = "/sandbox"

  /// Parents before what lies in them.
  package private(set) var entries: [Entry] = []

  package init(interpreter: PythonInterpreter) {
    var links: [Entry] = []
    var trees: [String] = []
    for path in ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"] {
      if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) {
        links.append(.link(path, target: target))
      } else if isFolder(path) {
        trees.append(path)
      }
    }
    trees += interpreter.folders
    entries = links
    for tree in Set(trees).sorted() where tree != "/" && !trees.contains(where: { isBelow($0, tree) }) { add(.tree(tree)) }
    if !trees.contains(where: { isBelow($0, interpreter.executable) }) { add(.file(interpreter.executable)) }
    if FileManager.default.fileExists(atPath: "/etc/ld.so.cache") { add(.file("/etc/ld.so.cache")) }
    for device in ["/dev/null", "/dev/zero", "/dev/urandom"] { add(.device(device)) }
    add(.folder(Self.workFolder))
    if !entries.contains(where: { $0.path == "/tmp" }) { entries.append(.link("/tmp", target: Self.workFolder)) }
  }

  /// An entry and the folders on the way to it.
  private mutating func add(_ entry: Entry) {
    let parts = entry.path.split(separator: "/")
    for count in 1..<max(parts.count, 1) {
      let parent = "/" + parts.prefix(count).joined(separator: "/")
      if !entries.contains(where: { $0.path == parent }) { entries.append(.folder(parent)) }
    }
    entries.append(entry)
  }
}

extension RootPlan.Entry {
  package var path: String {
    switch self {
    case .folder(let path), .link(let path, _), .tree(let path), .file(let path), .device(let path): path
    }
  }

  var kind: puna_sandbox_kind {
    switch self {
    case .folder: PUNA_SANDBOX_FOLDER
    case .link: PUNA_SANDBOX_LINK
    case .tree: PUNA_SANDBOX_TREE
    case .file: PUNA_SANDBOX_FILE
    case .device: PUNA_SANDBOX_DEVICE
    }
  }

  var target: String? { if case .link(_, let target) = self { target } else { nil } }
}

/// Whether the second path lies in the folder of the first.
private func isBelow(_ folder: String, _ path: String) -> Bool { path.hasPrefix(folder + "/") }
