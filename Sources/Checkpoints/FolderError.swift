/// What can be wrong with a folder of one kind.
public protocol FolderProblem: Sendable, Equatable {
  /// A file of the folder could not be read.
  static func file(_ error: CheckpointError) -> Self

  /// One sentence or two that begin with the path of the file concerned.
  /// - Parameter path: the folder.
  func text(in path: String) -> String
}

extension FolderProblem {
  /// An error of reading a file.
  package init(_ error: any Error, file: String) {
    self = .file(error as? CheckpointError ?? CheckpointError(path: file, reason: .malformed("\(error)")))
  }
}

/// Why a folder cannot be used: all problems that could be found at once.
public struct FolderError<Kind: FolderProblem>: Error, Sendable, Equatable, CustomStringConvertible {
  public typealias Problem = Kind

  /// The folder as the caller named it.
  public let path: String
  /// Never empty.
  public let problems: [Kind]

  public init(path: String, problems: [Kind]) {
    self.path = path
    self.problems = problems
  }

  public var description: String {
    if problems.count == 1, let problem = problems.first { return problem.text(in: path) }
    // A wrong width makes every tensor a problem; the first few say it.
    let shown = problems.prefix(problems.count > 12 ? 8 : 12)
    let rest = problems.count - shown.count
    return "\(path): \(problems.count) problems:" + shown.map { "\n  " + $0.text(in: path) }.joined()
      + (rest > 0 ? "\n  and \(rest) more." : "")
  }
}
