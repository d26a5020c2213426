import Yams

/// Turns YAML text into values with positions, and every way it can be wrong into problems.
///
/// One document, plain keys, no anchors, aliases, merge keys or tags: a configuration is read by people first.
struct YAMLText {
  let name: String
  private(set) var problems: [Problem] = []

  init(name: String) { self.name = name }

  /// The value of `text`, or `nil` after a syntax error; `nil` without a problem when it holds nothing but comments.
  mutating func parse(_ text: String) -> ConfigurationValue? {
    var text = text
    // Yams stops at the first duplicate key: note it, blank it, and go on to find everything else.
    while true {
      do {
        let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
        guard let root = try parser.singleRoot() else { return nil }
        // Anchors are weak references into the parser.
        return withExtendedLifetime(parser) { value(of: root, at: location(root.mark)) }
      } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
        let key = keys.first ?? ""
        guard let duplicate = DuplicateKey(of: key, at: context.mark.line, column: context.mark.column, in: text) else {
          note("duplicate key '\(key)'.", at: location(context.mark))
          return nil
        }
        note("duplicate key '\(key)'; line \(context.mark.line) has it already.", at: .file(name, line: duplicate.line))
        text = duplicate.textWithout
      } catch let error as YamlError {
        note(error, in: text)
        return nil
      } catch {
        note("not valid YAML: \(error)", at: .file(name))
        return nil
      }
    }
  }

  // MARK: - Nodes

  private mutating func value(of node: Node, at location: Location) -> ConfigurationValue {
    if node.anchor != nil { note("anchors and aliases ('&' and '*') are not supported; write the value out.", at: location) }
    switch node {
    case .scalar(let scalar):
      let isText = scalar.tag.rawValue == "tag:yaml.org,2002:str"
      if !scalar.tag.rawValue.isEmpty && !isText { noteTag(scalar.tag, at: location) }
      let isPlain = scalar.style == .plain && !isText
      return ConfigurationValue(content: .scalar(.init(text: scalar.string, isPlain: isPlain)), location: location)
    case .sequence(let sequence):
      if !sequence.tag.rawValue.isEmpty { noteTag(sequence.tag, at: location) }
      return ConfigurationValue(content: .list(sequence.map { value(of: $0, at: self.location($0.mark)) }), location: location)
    case .mapping(let mapping):
      if !mapping.tag.rawValue.isEmpty { noteTag(mapping.tag, at: location) }
      return ConfigurationValue(content: .section(entries(of: mapping)), location: location)
    case .alias:
      note("anchors and aliases ('&' and '*') are not supported; write the value out.", at: location)
      return ConfigurationValue(content: .scalar(.init(text: "", isPlain: true)), location: location)
    }
  }

  private mutating func entries(of mapping: Node.Mapping) -> [ConfigurationValue.Entry] {
    var entries: [ConfigurationValue.Entry] = []
    for (key, node) in mapping {
      let place = location(key.mark)
      guard case .scalar(let scalar) = key else {
        note("a key must be a word, not a list or a section.", at: place)
        continue
      }
      if key.anchor != nil { note("anchors and aliases ('&' and '*') are not supported; write the value out.", at: place) }
      if scalar.string == "<<" {
        note("merge keys ('<<') are not supported; write the values out.", at: place)
        continue
      }
      // A value on the next line is easier to find by its own line; a section is best found by its key.
      var valuePlace = place
      if case .scalar(let scalar) = node, !scalar.string.isEmpty { valuePlace = location(node.mark) }
      entries.append(.init(key: scalar.string, location: place, value: value(of: node, at: valuePlace)))
    }
    return entries
  }

  private func location(_ mark: Mark?) -> Location { .file(name, line: mark?.line) }

  // MARK: - Problems

  private mutating func note(_ text: String, at location: Location) { problems.append(Problem(text, at: location)) }

  private mutating func noteTag(_ tag: Tag, at location: Location) {
    note("tags ('\(tag.rawValue)') are not supported; write the value alone.", at: location)
  }

  private mutating func note(_ error: YamlError, in text: String) {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      note(syntaxProblem: problem, context: context, at: mark, in: text)
    case .reader(let problem, let offset, _, _):
      let line = offset.map { text.prefix($0).count(where: \.isNewline) + 1 }
      note("not valid YAML: \(problem).", at: .file(name, line: line))
    case .memory:
      note("not valid YAML: nested too deeply.", at: .file(name))
    default:
      note("not valid YAML: \(error)", at: .file(name))
    }
  }

  private mutating func note(syntaxProblem problem: String, context: YamlError.Context?, at mark: Mark, in text: String) {
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    func line(_ number: Int) -> Substring { number >= 1 && number <= lines.count ? lines[number - 1] : "" }
    let place = Location.file(name, line: mark.line, column: mark.column)

    switch problem {
    case "but found another document":
      note("a second document begins here; expected only one.", at: .file(name, line: mark.line))
    case "found undefined alias":
      note("anchors and aliases ('&' and '*') are not supported; quote a text that begins with '*'.", at: place)
    case "could not find expected ':'":
      // The scanner notices on a later line that this one was no key.
      let start = context?.mark ?? mark
      let found = line(start.line).trimmingPrefix { $0.isWhitespace }
      note("not valid YAML: '\(String(found).shortened)' is no 'key: value' (a colon and a space).", at: .file(name, line: start.line))
    case "found character that cannot start any token" where line(mark.line).dropFirst(mark.column - 1).first == "\t":
      note("a tab; YAML indents with spaces only.", at: place)
    case "found character that cannot start any token":
      note("not valid YAML: a value cannot begin with this character; put it in quotes.", at: place)
    case let problem where problem.contains("nesting level"):
      note("not valid YAML: nested too deeply.", at: .file(name, line: mark.line))
    default:
      var explanation = problem
      if let context, !context.text.isEmpty {
        // A value on the command line has no lines to speak of.
        explanation += " \(context.text)" + (context.mark.line == mark.line || name.isEmpty ? "" : " from line \(context.mark.line)")
      }
      note("not valid YAML: \(explanation).", at: place)
    }
  }
}

/// The second occurrence of a key in a block of `key: value` lines.
private struct DuplicateKey {
  let line: Int
  /// The text with that key and its value replaced by empty lines.
  let textWithout: String

  /// - Parameters: line and column of the first occurrence, from 1.
  init?(of key: String, at firstLine: Int, column: Int, in text: String) {
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
    let indentation = column - 1
    func indentationOf(_ line: String) -> Int? {
      let depth = line.prefix { $0 == " " }.count
      let first = line.dropFirst(depth).first
      return first == nil || first == "#" ? nil : depth
    }
    func isSecond(_ line: String) -> Bool {
      let content = line.dropFirst(indentation)
      return [key, "'\(key)'", "\"\(key)\""].contains { spelling in
        content.hasPrefix(spelling) && content.dropFirst(spelling.count).drop { $0 == " " }.first == ":"
      }
    }
    let following = lines.indices.dropFirst(firstLine)
    let block = following.prefix { (indentationOf(lines[$0]) ?? indentation) >= indentation }
    guard let second = block.first(where: { indentationOf(lines[$0]) == indentation && isSecond(lines[$0]) }) else { return nil }

    line = second + 1
    lines[second] = ""
    for index in block.drop(while: { $0 <= second }) {
      let depth = indentationOf(lines[index])
      // A list may stand at its key's own depth.
      guard depth != indentation || lines[index].dropFirst(indentation).hasPrefix("- ") else { break }
      lines[index] = ""
    }
    textWithout = lines.joined(separator: "\n")
  }
}
