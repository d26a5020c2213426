/// A folder's path without slashes at its end, so that messages and file names can append to it.
public func withoutTrailingSlash(_ path: String) -> String {
  var path = path
  while path.count > 1, path.hasSuffix("/") { path.removeLast() }
  return path
}

/// The folder that a path lies in: "" for a plain name, which lies in the working folder.
///
/// Foundation's `deletingLastPathComponent` traps on a path of one character (Swift 6.3 on Linux).
package func folder(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "" }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}
