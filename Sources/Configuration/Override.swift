/// A `key=value` from the command line: `lora.rank=16`, `data.train=[a.json, b.json]`, `training.clip_gradient_norm=none`.
struct Override {
  let keys: [String]
  let value: ConfigurationValue
  let location: Location

  /// - Throws: `ConfigurationError` when there is no `=`, a key is empty or the value is not YAML.
  init(_ text: String) throws(ConfigurationError) {
    location = .commandLine(text)
    guard let equals = text.firstIndex(of: "=") else {
      throw ConfigurationError([Problem("expected key=value, such as lora.rank=16.", at: location)])
    }
    keys = text[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard keys.allSatisfy({ !$0.isEmpty && !$0.contains(where: \.isWhitespace) }) else {
      throw ConfigurationError([Problem("'\(text[..<equals])' is not a key; expected key=value, such as lora.rank=16.", at: location)])
    }
    var yaml = YAMLText(name: "")
    let parsed = yaml.parse(String(text[text.index(after: equals)...]))
    guard yaml.problems.isEmpty else {
      let location = location
      throw ConfigurationError(yaml.problems.map { Problem($0.text, at: location) })
    }
    value = (parsed ?? ConfigurationValue(content: .scalar(.init(text: "", isPlain: true)), location: location)).moved(to: location)
  }
}

extension ConfigurationValue {
  /// The same value with every place in it replaced.
  fileprivate func moved(to location: Location) -> ConfigurationValue {
    let moved: Content =
      switch content {
      case .scalar: content
      case .list(let items): .list(items.map { $0.moved(to: location) })
      case .section(let entries): .section(entries.map { .init(key: $0.key, location: location, value: $0.value.moved(to: location)) })
      }
    return ConfigurationValue(content: moved, location: location)
  }

  /// Puts an override in place. A section given as an override changes the keys it names and leaves the others.
  ///
  /// - Throws: `ConfigurationError` when a key on the way holds a value instead of keys, or was already overridden.
  mutating func apply(_ override: Override) throws(ConfigurationError) {
    try merge(override.value, at: override.keys[...], below: "", of: override)
  }

  private mutating func merge(
    _ new: ConfigurationValue, at keys: ArraySlice<String>, below path: String, of override: Override
  ) throws(ConfigurationError) {
    guard let key = keys.first else {
      guard case .section(let entries) = new.content, case .section = content else {
        if case .commandLine = location { throw ConfigurationError([Problem("\(path) is given twice.", at: override.location)]) }
        self = new
        return
      }
      for entry in entries { try merge(entry.value, at: [entry.key], below: path, of: override) }
      return
    }
    // An empty section reads as an empty scalar.
    if case .scalar(let scalar) = content, scalar.isPlain, scalar.text.isEmpty { content = .section([]) }
    guard case .section(var entries) = content else {
      throw ConfigurationError([Problem("'\(path)' \(finding), so it has no '\(key)'.", at: override.location)])
    }
    let keyPath = path.isEmpty ? key : "\(path).\(key)"
    if let index = entries.firstIndex(where: { $0.key == key }) {
      try entries[index].value.merge(new, at: keys.dropFirst(), below: keyPath, of: override)
      if keys.count == 1 { entries[index].location = override.location }
    } else {
      let nested = keys.dropFirst().reversed().reduce(new) { value, key in
        ConfigurationValue(content: .section([.init(key: key, location: override.location, value: value)]), location: override.location)
      }
      entries.append(.init(key: key, location: override.location, value: nested))
    }
    content = .section(entries)
  }
}
