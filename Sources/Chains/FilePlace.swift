import Checkpoints
import Foundation

/// Where a path leads, whether or not anything is there: the same for every way to write it.
package struct FilePlace: Hashable {
  package let path: String

  package init(_ path: String) {
    // What is not there yet lies in the place of its folder.
    var existing = URL(fileURLWithPath: path).standardizedFileURL.path
    var missing = ""
    while existing.count > 1 {
      if let real = realpath(existing, nil) {
        existing = String(cString: real)
        free(real)
        break
      }
      missing = "/\(existing.split(separator: "/").last ?? "")\(missing)"
      existing = folder(of: existing)
    }
    self.path = withoutTrailingSlash(existing == "/" && !missing.isEmpty ? missing : existing + missing)
  }

  /// Whether `other` is this place or below it.
  package func holds(_ other: FilePlace) -> Bool { other == self || other.path.hasPrefix(path == "/" ? path : path + "/") }
}
