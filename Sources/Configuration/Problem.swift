/// Where a key or value of a configuration was written.
public enum Location: Sendable, Hashable, CustomStringConvertible {
  case file(String, line: Int? = nil, column: Int? = nil)
  /// An override as it was typed, `lora.rank=16`.
  case commandLine(String)

  /// `recipes/x.yaml:14`, `recipes/x.yaml:14:3`, `recipes/x.yaml` or `command line: lora.rank=16`.
  public var description: String {
    switch self {
    case .file(let file, let line?, let column?): "\(file):\(line):\(column)"
    case .file(let file, let line?, nil): "\(file):\(line)"
    case .file(let file, nil, _): file
    case .commandLine(let override): "command line: \(override)"
    }
  }

  /// Problems are reported from the top of the file to its end, then those of the command line.
  var order: Int {
    switch self {
    case .file(_, let line, _): line ?? 0
    case .commandLine: Int.max
    }
  }
}

/// One thing wrong with a configuration.
public struct Problem: Sendable, Hashable, CustomStringConvertible {
  public var location: Location
  /// A sentence without the location.
  public var text: String

  public init(_ text: String, at location: Location) {
    self.location = location
    self.text = text
  }

  public var description: String { "\(location): \(text)" }
}

/// Everything that is wrong with a configuration, in the order of its lines.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  public let problems: [Problem]

  public init(_ problems: [Problem]) {
    // Sorting in the standard library is stable, but does not promise it.
    self.problems = problems.enumerated()
      .sorted { ($0.element.location.order, $0.offset) < ($1.element.location.order, $1.offset) }
      .map(\.element)
  }

  /// Problems of several files, in an order of the caller's.
  public init(inOrder problems: [Problem]) { self.problems = problems }

  /// One problem per line.
  public var description: String { problems.map(\.description).joined(separator: "\n") }
}
