import Foundation

/// Reads one configuration strictly: whatever nobody asked for is an unknown key, and every problem is kept until the end.
///
/// ```swift
/// let reader = try ConfigurationReader(text: text, name: "recipes/x.yaml", overrides: ["lora.rank=16"])
/// let lora = reader.top.section("lora")
/// let rank = lora.integer("rank", from: 1, default: 8)
/// try reader.finish()
/// ```
public final class ConfigurationReader {
  public let name: String
  private let root: ConfigurationValue
  private var problems: [Problem] = []
  /// Per section, by its title: its entries, and the keys that were asked for in order.
  private var visited: [String: (path: String, entries: [ConfigurationValue.Entry])] = [:]
  private var known: [String: [String]] = [:]

  /// - Throws: `ConfigurationError` with all problems of syntax, in the text and in the overrides, if there is no way to go on.
  public init(text: String, name: String, overrides: [String] = []) throws(ConfigurationError) {
    self.name = name
    var yaml = YAMLText(name: name)
    let parsed = yaml.parse(text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text)
    var problems = yaml.problems
    // Without keys to read, the sections' own problems would only hide what is wrong.
    var isReadable = true
    var root = ConfigurationValue(content: .section([]), location: .file(name))
    if let parsed, case .section = parsed.content {
      root = parsed
    } else {
      isReadable = false
      if let parsed { problems.append(Problem("expected 'key: value' lines, but the text \(parsed.finding).", at: parsed.location)) }
      if problems.isEmpty { problems.append(Problem("the file is empty.", at: .file(name))) }
    }
    for text in overrides {
      do throws(ConfigurationError) {
        try root.apply(Override(text))
      } catch {
        problems += error.problems
      }
    }
    guard isReadable else { throw ConfigurationError(problems) }
    self.root = root
    self.problems = problems
  }

  /// Reads a file of at most 4 MB.
  ///
  /// - Throws: `ConfigurationError` when the file cannot be read, is not UTF-8 or as `init(text:name:overrides:)`.
  public convenience init(path: String, overrides: [String] = []) throws(ConfigurationError) {
    try self.init(text: Self.text(ofFile: path), name: path, overrides: overrides)
  }

  /// The keys at the top level.
  public var top: ConfigurationSection {
    var entries: [ConfigurationValue.Entry] = []
    if case .section(let found) = root.content { entries = found }
    return ConfigurationSection(reader: self, title: "", path: "", location: .file(name), entries: entries)
  }

  /// Keeps a problem found by the caller.
  public func note(_ text: String, at location: Location) { problems.append(Problem(text, at: location)) }

  /// Every value that is written, by its path, as text: lists of plain values as `[a, b]`.
  public var settings: [String: String] {
    var settings: [String: String] = [:]
    func add(_ value: ConfigurationValue, _ path: String) {
      switch value.content {
      case .scalar(let scalar): settings[path] = scalar.text
      case .list(let items):
        let texts = items.compactMap { if case .scalar(let scalar) = $0.content { scalar.text } else { nil } }
        if texts.count == items.count {
          settings[path] = "[\(texts.joined(separator: ", "))]"
        } else {
          for (index, item) in items.enumerated() { add(item, "\(path)[\(index)]") }
        }
      case .section(let entries):
        for entry in entries { add(entry.value, path.isEmpty ? entry.key : "\(path).\(entry.key)") }
      }
    }
    add(root, "")
    return settings
  }

  /// The places of all keys, for checks that come later.
  public var locations: ConfigurationLocations { ConfigurationLocations(name: name, root: root) }

  /// Adds the unknown keys and returns all problems.
  ///
  /// - Parameter otherNames: what other tools call a key: their name -> the path here.
  public func allProblems(otherNames: [String: String] = [:]) -> [Problem] {
    let everyPath = visited.flatMap { title, section in
      (known[title] ?? []).map { section.path.isEmpty ? $0 : "\(section.path).\($0)" }
    }.sorted()
    var unknown: [Problem] = []
    for (title, section) in visited {
      let expected = known[title] ?? []
      for entry in section.entries where !expected.contains(entry.key) {
        let place = title.isEmpty ? "" : " in \(title)"
        let elsewhere = everyPath.first { $0.split(separator: ".").last.map(String.init) == entry.key }
        let suggestion =
          if let nearest = Suggestion.nearest(to: entry.key, among: expected) {
            nearest
          } else {
            // A known key in the wrong section, or another tool's word for it.
            elsewhere ?? otherNames[entry.key.lowercased()]
          }
        let question = suggestion.map { " Did you mean '\($0)'?" } ?? ""
        unknown.append(Problem("unknown key '\(entry.key.shortened)'\(place).\(question)", at: entry.location))
      }
    }
    // Dictionaries have no order: override problems of one place would come in any.
    return problems + unknown.sorted { $0.description < $1.description }
  }

  /// - Throws: `ConfigurationError` if anything is wrong, unknown keys included.
  public func finish(otherNames: [String: String] = [:]) throws(ConfigurationError) {
    let problems = allProblems(otherNames: otherNames)
    if !problems.isEmpty { throw ConfigurationError(problems) }
  }

  // MARK: - For sections

  func visit(_ section: ConfigurationSection) {
    visited[section.title] = (section.path, section.entries)
  }

  func know(_ key: String, in section: ConfigurationSection) {
    if known[section.title]?.contains(key) != true { known[section.title, default: []].append(key) }
  }

  // MARK: - Files

  private static func text(ofFile path: String) throws(ConfigurationError) -> String {
    func failure(_ text: String, line: Int? = nil) -> ConfigurationError {
      ConfigurationError([Problem(text, at: .file(path, line: line))])
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { throw failure("there is no such file.") }
    guard !isFolder.boolValue else { throw failure("is a folder; expected a YAML file.") }
    let limit = 4_000_000
    let data: Data
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }
      data = try file.read(upToCount: limit + 1) ?? Data()
    } catch {
      throw failure("cannot be read: \(error.localizedDescription)")
    }
    guard data.count <= limit else { throw failure("is larger than 4 MB; expected a YAML file.") }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw failure("the text is not UTF-8.", line: firstInvalidLine(of: data))
    }
    return text
  }

  private static func firstInvalidLine(of data: Data) -> Int? {
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }.map { $0 + 1 }
  }
}

/// Where each key of a configuration was written, by its path (`training.warmup_steps`, `data.train[0].path`).
public struct ConfigurationLocations: Sendable {
  public let name: String
  private var locations: [String: Location] = [:]

  init(name: String, root: ConfigurationValue) {
    self.name = name
    add(root, path: "")
  }

  /// The place of the key, or the file if it is not written anywhere.
  public subscript(path: String) -> Location { locations[path] ?? .file(name) }

  public func contains(_ path: String) -> Bool { locations[path] != nil }

  private mutating func add(_ value: ConfigurationValue, path: String) {
    switch value.content {
    case .scalar: break
    case .list(let items):
      for (index, item) in items.enumerated() {
        locations["\(path)[\(index)]"] = item.location
        add(item, path: "\(path)[\(index)]")
      }
    case .section(let entries):
      for entry in entries {
        let key = path.isEmpty ? entry.key : "\(path).\(entry.key)"
        locations[key] = entry.location
        add(entry.value, path: key)
      }
    }
  }
}
