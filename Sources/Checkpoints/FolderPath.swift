/// A folder's path without slashes at its end, so that messages and file names can append to it.
public func withoutTrailingSlash(_ path: String) -> String {
  var path = path
  while path.count > 1, path.hasSuffix("/") { path.removeLast() }
  return path
}
