/// The keys under one key. Asking for a key makes it known; each accessor notes what is wrong and then returns the default.
public struct ConfigurationSection {
  let reader: ConfigurationReader
  /// How a message names it: `'lora'`, `entry 2 of 'data.train'`; empty at the top level.
  let title: String
  /// `lora`, `data.train[1]`.
  public let path: String
  public let location: Location
  let entries: [ConfigurationValue.Entry]
  /// False when the key held something else: what it misses is then not worth a message.
  private let isSection: Bool

  init(
    reader: ConfigurationReader, title: String, path: String, location: Location, entries: [ConfigurationValue.Entry],
    isSection: Bool = true
  ) {
    self.reader = reader
    self.title = title
    self.path = path
    self.location = location
    self.entries = entries
    self.isSection = isSection
    reader.visit(self)
  }

  // MARK: - Any value

  /// The value of `key` as written, or `nil` if it is absent.
  public func value(_ key: String) -> ConfigurationValue? {
    reader.know(key, in: self)
    return entries.first { $0.key == key }?.value
  }

  /// The place of `key` if it is there, else of the section.
  public func location(of key: String) -> Location { entries.first { $0.key == key }?.location ?? location }

  /// How a message names `key`: `rank`, `lora.rank`, `weight of entry 2 of data.train`.
  public func label(_ key: String) -> String {
    if title.isEmpty { return key }
    return path.hasSuffix("]") ? "\(key) of \(title.filter { $0 != "'" })" : "\(path).\(key)"
  }

  /// Keeps a problem at `key`.
  public func note(_ text: String, at key: String) { reader.note(text, at: location(of: key)) }

  /// Keeps the problem that a required key is absent.
  public func noteMissing(_ key: String, expecting expectation: String) {
    if isSection { reader.note("'\(label(key))' is missing; expected \(expectation).", at: location) }
  }

  /// The value of `key` as `convert` understands it, or `fallback` if it is absent, or cannot be understood, which is noted.
  public func read<Value>(
    _ key: String, expecting expectation: @autoclosure () -> String, default fallback: Value, convert: (ConfigurationValue) -> Value?
  ) -> Value {
    guard let value = value(key) else { return fallback }
    if let converted = convert(value) { return converted }
    reader.note("\(label(key)) \(value.finding); expected \(expectation()).", at: value.location)
    return fallback
  }

  // MARK: - Numbers and flags

  /// A whole number in `lower...upper`.
  public func integer<Integer: FixedWidthInteger>(
    _ key: String, from lower: Integer, upTo upper: Integer = Integer(clamping: Int32.max), default fallback: Integer
  ) -> Integer {
    read(key, expecting: wholeNumber(key, from: lower, upTo: upper), default: fallback) { $0.integer(from: lower, upTo: upper) }
  }

  /// A whole number in `lower...upper`, or `word`, which stands for `nil`.
  public func integer(_ key: String, from lower: Int, upTo upper: Int = Int(Int32.max), or word: String, default fallback: Int?) -> Int? {
    read(key, expecting: "\(wholeNumber(key, from: lower, upTo: upper)), or \(word)", default: fallback) { value -> Int?? in
      value.isWord(word) ? .some(nil) : value.integer(from: lower, upTo: upper).map(Optional.some)
    }
  }

  /// A number within `range`.
  public func number(_ key: String, _ range: NumberRange, default fallback: Double) -> Double {
    read(key, expecting: "\(range)", default: fallback) { $0.number(in: range) }
  }

  /// A number within `range`, or `word`, which stands for `nil`.
  public func number(_ key: String, _ range: NumberRange, or word: String, default fallback: Double?) -> Double? {
    read(key, expecting: "\(range), or \(word)", default: fallback) { value -> Double?? in
      value.isWord(word) ? .some(nil) : value.number(in: range).map(Optional.some)
    }
  }

  public func flag(_ key: String, default fallback: Bool) -> Bool {
    read(key, expecting: "true or false", default: fallback) { $0.flag }
  }

  /// The upper end is only worth a word to someone who went over it.
  private func wholeNumber<Integer: FixedWidthInteger>(_ key: String, from lower: Integer, upTo upper: Integer) -> String {
    let written = value(key)?.plainText.flatMap(ScalarSyntax.wholeNumber)
    let isTooLarge = written.map { !$0.hasPrefix("-") && (Integer($0).map { $0 > upper } ?? true) } ?? false
    return "a whole number from \(lower)" + (isTooLarge ? " to \(upper)" : "")
  }

  // MARK: - Text

  /// A text that is not empty, or `nil` if the key is absent.
  public func text(_ key: String, expecting expectation: String) -> String? {
    read(key, expecting: expectation, default: nil) { value -> String?? in value.usableText.map(Optional.some) }
  }

  /// A text that is not empty, or `word`, which stands for `nil`. In quotes it is a text like any other.
  public func text(_ key: String, expecting expectation: String, or word: String, default fallback: String? = nil) -> String? {
    read(key, expecting: "\(expectation), or \(word)", default: fallback) { value -> String?? in
      value.isWord(word) ? .some(nil) : value.usableText.map(Optional.some)
    }
  }

  // MARK: - Choices

  /// One of the cases of an enumeration, by raw value.
  public func choice<Choice: RawRepresentable & CaseIterable>(_ key: String, default fallback: Choice) -> Choice
  where Choice.RawValue == String {
    guard let value = value(key) else { return fallback }
    return choice(value, called: label(key)) ?? fallback
  }

  /// A list of cases, each at most once, in the order of the enumeration.
  public func choices<Choice: RawRepresentable & CaseIterable & Equatable>(_ key: String, default fallback: [Choice]) -> [Choice]
  where Choice.RawValue == String {
    guard let value = value(key) else { return fallback }
    guard case .list(let items) = value.content, !items.isEmpty else {
      let finding = if case .list = value.content { "is an empty list" } else { value.finding }
      reader.note("\(label(key)) \(finding); expected a list of \(Self.names(Choice.self)).", at: value.location)
      return fallback
    }
    var chosen: [Choice] = []
    for (index, item) in items.enumerated() {
      guard let choice: Choice = choice(item, called: "entry \(index + 1) of \(label(key))") else { continue }
      if chosen.contains(choice) { reader.note("\(label(key)) names '\(choice.rawValue)' twice.", at: item.location) }
      chosen.append(choice)
    }
    return Choice.allCases.filter(chosen.contains)
  }

  private func choice<Choice: RawRepresentable & CaseIterable>(_ value: ConfigurationValue, called label: String) -> Choice?
  where Choice.RawValue == String {
    if let text = value.text, let choice = Choice(rawValue: text) { return choice }
    let suggestion = value.text.map { Suggestion.sentence(for: $0, among: Choice.allCases.map(\.rawValue)) } ?? ""
    reader.note("\(label) \(value.finding); expected \(Self.names(Choice.self)).\(suggestion)", at: value.location)
    return nil
  }

  private static func names<Choice: RawRepresentable & CaseIterable>(_: Choice.Type) -> String where Choice.RawValue == String {
    Choice.allCases.map(\.rawValue).orList
  }

  // MARK: - Sections and lists

  /// The section under `key`; an absent or empty one has no keys.
  public func section(_ key: String) -> ConfigurationSection {
    let title = "'\(path.isEmpty ? key : "\(path).\(key)")'"
    guard let value = value(key) else { return below(key, title: title, entries: [], location: location) }
    switch value.content {
    case .section(let entries):
      return below(key, title: title, entries: entries, location: location(of: key))
    case .scalar(let scalar) where scalar.isPlain && scalar.text.isEmpty:
      return below(key, title: title, entries: [], location: location(of: key))
    default:
      let isKeyWithoutSpace = value.plainText?.contains(":") ?? false
      let hint = isKeyWithoutSpace ? " A space belongs after the colon." : ""
      reader.note("\(label(key)) \(value.finding); expected keys below it.\(hint)", at: value.location)
      return below(key, title: title, entries: [], location: location(of: key), isSection: false)
    }
  }

  /// The texts and sections listed under `key`; one alone needs no list. `nil` if the key is absent or holds neither.
  public func items(_ key: String, expecting expectation: String) -> [ConfigurationItem]? {
    guard let value = value(key) else { return nil }
    guard case .list(let list) = value.content else { return item(value, at: nil, of: key, expecting: expectation).map { [$0] } }
    return list.enumerated().compactMap { item($1, at: $0, of: key, expecting: expectation) }
  }

  private func item(_ value: ConfigurationValue, at index: Int?, of key: String, expecting expectation: String) -> ConfigurationItem? {
    let label = index.map { "entry \($0 + 1) of \(self.label(key))" } ?? self.label(key)
    if case .section(let entries) = value.content {
      let name = path.isEmpty ? key : "\(path).\(key)"
      let title = index.map { "entry \($0 + 1) of '\(name)'" } ?? "'\(name)'"
      return .section(below(index.map { "\(key)[\($0)]" } ?? key, title: title, entries: entries, location: value.location))
    }
    if let text = value.usableText { return .text(text, label: label, location: value.location) }
    reader.note("\(label) \(value.finding); expected \(expectation).", at: value.location)
    return nil
  }

  private func below(
    _ key: String, title: String, entries: [ConfigurationValue.Entry], location: Location, isSection: Bool = true
  ) -> ConfigurationSection {
    ConfigurationSection(
      reader: reader, title: title, path: path.isEmpty ? key : "\(path).\(key)", location: location, entries: entries, isSection: isSection)
  }
}

extension ConfigurationValue {
  /// A whole number in `lower...upper`.
  public func integer<Integer: FixedWidthInteger>(from lower: Integer, upTo upper: Integer) -> Integer? {
    integer(as: Integer.self).flatMap { lower <= $0 && $0 <= upper ? $0 : nil }
  }

  public func number(in range: NumberRange) -> Double? { number.flatMap { range.contains($0) ? $0 : nil } }

  /// A text that is not empty, holds no NUL (paths end there), and is not a bare `none`.
  public var usableText: String? {
    guard let text, !text.isEmpty, !text.contains("\0"), !isWord("none") else { return nil }
    return text
  }
}

/// An item of a list that holds texts and sections.
public enum ConfigurationItem {
  /// `label` is how a message names the item: `entry 2 of data.train`.
  case text(String, label: String, location: Location)
  case section(ConfigurationSection)
}

extension [String] {
  /// `a`, `a or b`, `a, b or c`.
  public var orList: String {
    guard let last, count > 1 else { return first ?? "" }
    return dropLast().joined(separator: ", ") + " or " + last
  }
}
