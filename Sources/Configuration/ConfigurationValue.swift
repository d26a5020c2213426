/// A value of a configuration, with the place it came from.
public struct ConfigurationValue: Sendable {
  public enum Content: Sendable {
    case scalar(Scalar)
    case list([ConfigurationValue])
    case section([Entry])
  }

  /// Text as written; what it means is decided by the key that holds it.
  public struct Scalar: Sendable {
    public var text: String
    /// Written without quotes: only then it can be a number, a flag or a word such as `none`.
    public var isPlain: Bool

    package init(text: String, isPlain: Bool) {
      self.text = text
      self.isPlain = isPlain
    }
  }

  public struct Entry: Sendable {
    public var key: String
    /// Of the key.
    public var location: Location
    public var value: ConfigurationValue
  }

  public var content: Content
  public var location: Location

  package init(content: Content, location: Location) {
    self.content = content
    self.location = location
  }
}

extension ConfigurationValue {
  /// The text of a scalar that has one; `nil` for `null`, `~`, nothing at all, lists and sections.
  public var text: String? {
    guard case .scalar(let scalar) = content else { return nil }
    if scalar.isPlain && ["", "~", "null", "Null", "NULL"].contains(scalar.text) { return nil }
    return scalar.text
  }

  /// The text of a scalar without quotes.
  public var plainText: String? {
    guard case .scalar(let scalar) = content, scalar.isPlain else { return nil }
    return scalar.text
  }

  /// Whether this is the bare word `word`; `none` may also be spelled `null` or `~`.
  public func isWord(_ word: String) -> Bool {
    guard let plainText else { return false }
    return plainText == word || (word == "none" && ["~", "null", "Null", "NULL"].contains(plainText))
  }

  /// A whole number in decimal digits, `1_000` included.
  public func integer<Integer: FixedWidthInteger>(as _: Integer.Type = Integer.self) -> Integer? {
    guard let digits = plainText.flatMap(ScalarSyntax.wholeNumber) else { return nil }
    return Integer(digits)
  }

  /// A finite decimal number: `3e-4`, `.5`, `1_000.25`.
  public var number: Double? { plainText.flatMap(Self.number) }

  /// What `number` makes of a text.
  public static func number(_ text: String) -> Double? {
    ScalarSyntax.decimalNumber(text).flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil }
  }

  public var flag: Bool? {
    switch plainText {
    case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": true
    case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": false
    default: nil
    }
  }

  /// `is 'eight'`, `is 8`, `has no value`, `is a list`: how a message tells what was found.
  public var finding: String {
    switch content {
    case .list: return "is a list"
    case .section: return "is a section with keys of its own"
    case .scalar(let scalar) where scalar.isPlain && scalar.text.isEmpty: return "has no value"
    case .scalar(let scalar):
      if scalar.isPlain && ScalarSyntax.decimalNumber(scalar.text) != nil { return "is \(scalar.text.shortened)" }
      // The quotes are what is wrong where a number was expected: say so.
      if !scalar.isPlain && ScalarSyntax.decimalNumber(scalar.text) != nil { return "is the quoted text '\(scalar.text.shortened)'" }
      return "is '\(scalar.text.shortened)'"
    }
  }
}

extension String {
  /// One line of at most 60 characters, for a message.
  var shortened: String {
    let line = split(whereSeparator: \.isNewline).joined(separator: " ")
    return line.count > 60 ? line.prefix(57) + "..." : line
  }
}
