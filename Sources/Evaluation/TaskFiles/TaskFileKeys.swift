import Configuration

/// Reads the keys of a task file that need more than their own value's type.
struct TaskFileKeys {
  /// Keys of tasks whose answers are generated.
  static let ofGeneration = ["stop", "max_tokens", "extract", "normalize", "template", "input"]

  private let reader: ConfigurationReader
  private let top: ConfigurationSection

  init(_ reader: ConfigurationReader) {
    self.reader = reader
    top = reader.top
  }

  /// Notes keys that this kind of task has no use for.
  func refuse(_ keys: [String], because reason: String) {
    for key in keys where top.value(key) != nil { top.note("'\(key)' has no place here: \(reason).", at: key) }
  }

  /// A text that may be empty.
  func writtenText(_ key: String, default fallback: String) -> String {
    top.read(key, expecting: "a text", default: fallback) { $0.text }
  }

  func template(_ key: String) -> RowTemplate? {
    guard let text = top.text(key, expecting: "a text with {field}s of a row") else { return nil }
    return template(text, called: key, at: top.location(of: key))
  }

  func answer() -> TaskFile.RowAnswer? {
    guard let text = top.text("answer", expecting: "a field of a row, or a text with {field}s") else { return nil }
    if !hasBraces(text) { return .field(RowField(text)) }
    return template(text, called: "answer", at: top.location(of: "answer")).map { .template($0) }
  }

  func choices() -> TaskFile.ChoiceList? {
    let expectation = "a list of texts, or the field of a row that holds such a list"
    guard let value = top.value("choices") else { return nil }
    guard case .list(let list) = value.content else {
      guard let text = value.usableText, !hasBraces(text) else {
        top.note("choices \(value.finding); expected \(expectation).", at: "choices")
        return nil
      }
      return .field(RowField(text))
    }
    guard list.count > 1 else {
      top.note("choices has \(list.isEmpty ? "no entry" : "one entry"); expected at least two.", at: "choices")
      return nil
    }
    return .templates(texts("choices", expecting: "a text").compactMap { template($0.text, called: $0.label, at: $0.location) })
  }

  func stops(default fallback: [String]) -> [String] {
    top.value("stop") == nil ? fallback : texts("stop", expecting: "a text that ends an answer").map(\.text)
  }

  func extraction() -> AnswerPattern? {
    guard let text = top.text("extract", expecting: "a regular expression") else { return nil }
    let pattern = AnswerPattern(text)
    if pattern == nil { top.note("extract is '\(text)'; this is no valid regular expression.", at: "extract") }
    return pattern
  }

  func normalization() -> TextOverlap.Normalization? {
    guard top.value("normalize") != nil else { return nil }
    let parts: [TaskFile.Normal] = top.choices("normalize", default: [])
    return parts.reduce(into: []) { normalization, part in
      switch part {
      case .case: normalization.insert(.case)
      case .punctuation: normalization.insert(.punctuation)
      case .articles: normalization.insert(.articles)
      }
    }
  }

  /// The figures of a task, in the order of the file; one alone needs no list.
  func metrics<Figure: RawRepresentable & CaseIterable & Equatable>(default fallback: [Figure]) -> [Figure]
  where Figure.RawValue == String {
    guard top.value("metric") != nil else { return fallback }
    let names = Figure.allCases.map(\.rawValue)
    var metrics: [Figure] = []
    for (text, label, location) in texts("metric", expecting: names.orList) {
      if let metric = Figure(rawValue: text) {
        if metrics.contains(metric) { note("\(label) names '\(text)' twice.", at: location) } else { metrics.append(metric) }
      } else {
        note("\(label) is '\(text)'; expected \(names.orList).\(Suggestion.sentence(for: text, among: names))", at: location)
      }
    }
    return metrics.isEmpty ? fallback : metrics
  }

  // MARK: - Parts

  private func hasBraces(_ text: String) -> Bool { text.unicodeScalars.contains { $0 == "{" || $0 == "}" } }

  private func texts(_ key: String, expecting expectation: String) -> [(text: String, label: String, location: Location)] {
    (top.items(key, expecting: expectation) ?? []).compactMap { item in
      switch item {
      case .text(let text, let label, let location): return (text, label, location)
      case .section(let section):
        note("\(key) holds a section with keys of its own; expected \(expectation).", at: section.location)
        return nil
      }
    }
  }

  private func template(_ text: String, called label: String, at location: Location) -> RowTemplate? {
    do throws(RowTemplate.Invalid) {
      return try RowTemplate(text)
    } catch {
      note("\(label) \(error.reason).", at: location)
      return nil
    }
  }

  private func note(_ text: String, at location: Location) { reader.note(text, at: location) }
}
