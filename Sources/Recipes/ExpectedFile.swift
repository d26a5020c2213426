import Configuration
import Foundation

/// A file or folder that must be there before a run begins.
public struct ExpectedFile: Sendable {
  public enum Kind: Sendable { case base, folder, file, fileOrFolder }

  public let kind: Kind
  /// The key, as messages name it.
  public let label: String
  public let path: String
  public let location: Location

  public init(kind: Kind, label: String, path: String, location: Location) {
    self.kind = kind
    self.label = label
    self.path = path
    self.location = location
  }

  /// What is wrong with it: missing, or a file where a folder belongs; nil if it is there.
  public var problem: Problem? {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    switch (kind, exists, isFolder.boolValue) {
    case (.base, false, _):
      return problem("but there is no such folder; models are not downloaded.")
    case (.folder, false, _):
      return problem("but there is no such folder.")
    case (.file, false, _), (.fileOrFolder, false, _):
      return problem("but there is no such file.")
    case (.base, true, false), (.folder, true, false):
      return problem("which is a file; expected a folder.")
    case (.file, true, true):
      return problem("which is a folder; expected a file.")
    default:
      return nil
    }
  }

  private func problem(_ text: String) -> Problem { Problem("\(label) is '\(path)', \(text)", at: location) }
}

extension Recipe {
  /// Looks whether every file and folder that the recipe names is there. What is in them is for those who open them to say.
  ///
  /// - Throws: `ConfigurationError` naming each one that is missing, with its line.
  public func checkFiles() throws(ConfigurationError) {
    if !fileProblems.isEmpty { throw ConfigurationError(fileProblems) }
  }

  var fileProblems: [Problem] { expectedFiles.compactMap(\.problem) }
}
