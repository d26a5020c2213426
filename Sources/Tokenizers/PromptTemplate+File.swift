import Foundation
import JSON

extension PromptTemplate {
  /// A template by name, or from the file at a path.
  ///
  /// - Throws: `TokenizerError.unknownTemplate` for what is neither, `badTemplate` with everything wrong with a file.
  public static func open(_ nameOrPath: String) throws -> PromptTemplate {
    if names.contains(nameOrPath) { return try named(nameOrPath) }
    let looksLikePath = nameOrPath.contains("/") || nameOrPath.hasSuffix(".json") || FileManager.default.fileExists(atPath: nameOrPath)
    guard looksLikePath else { return try named(nameOrPath) }
    return try PromptTemplate(json: readBytes(nameOrPath), path: nameOrPath)
  }

  /// Reads a template file: `prompt_input`, `prompt_no_input` and `response_split`, with optional `name`, `description`, `join`, `system`,
  /// `inference` (an object with the two prompts), `special_tokens`, `response_end`, `trim` and `chat` (an object with `next`, and optional
  /// `with_system` and `begin_each_turn`).
  ///
  /// - Throws: `TokenizerError.badTemplate` with all problems at once.
  public init(json: [UInt8], path: String) throws {
    let root: JSONValue
    do {
      root = try JSONValue(parsing: json)
    } catch let error as JSONError {
      throw TokenizerError.badTemplate(
        path: "\(path):\(error.line):\(error.column)", problems: ["(byte \(error.offset)) \(error.message)"])
    }
    var reader = TemplateReader(json: json)
    let template = reader.template(from: root, name: URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent)
    guard let template, reader.problems.isEmpty else { throw TokenizerError.badTemplate(path: path, problems: reader.problems) }
    self = template
  }

  /// The text of a template file that reads back as this template; what a run records.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}

/// Collects the problems of a template file.
private struct TemplateReader {
  typealias Key = PromptTemplate.CodingKeys

  let json: [UInt8]
  var problems: [String] = []

  mutating func template(from root: JSONValue, name: String) -> PromptTemplate? {
    guard case .object(let members) = root else {
      problems.append("the file is \(root.kind.rawValue); expected an object with 'prompt_input', 'prompt_no_input' and 'response_split'.")
      return nil
    }
    checkKeys(known: Key.allCases.map(\.rawValue))
    var template = PromptTemplate(
      name: string(.name, in: members) ?? name,
      promptInput: required(.promptInput, in: members), promptNoInput: required(.promptNoInput, in: members),
      responseSplit: required(.responseSplit, in: members))
    template.description = string(.description, in: members)
    template.system = string(.system, in: members)
    template.responseEnd = string(.responseEnd, in: members)
    if let join = string(.join, in: members) {
      if let join = PromptTemplate.Join(rawValue: join) {
        template.join = join
      } else {
        problems.append("'join' is '\(join)'; expected 'text' or 'tokens'.")
      }
    }
    readTrim(members, into: &template)
    readSpecialTokens(members, into: &template)
    readInference(members, into: &template)
    readChat(members, into: &template)
    guard problems.isEmpty else { return nil }
    checkPlaceholders(of: template)
    return template
  }

  /// Unknown keys of the file's object, or of the one in it under `section`; with their lines, which the tree does not have.
  private mutating func checkKeys(of section: Key? = nil, known: [String]) {
    for (key, line) in keys(of: section) where !known.contains(key) {
      let hint = nearestName(to: key, in: known).map { " Did you mean '\($0)'?" } ?? " Known: \(known.joined(separator: ", "))."
      problems.append("line \(line): unknown key '\(key)'.\(hint)")
    }
  }

  private func keys(of section: Key?) -> [(key: String, line: Int)] {
    var keys: [(String, Int)] = []
    var (line, counted) = (1, 0)
    func add(_ scanner: inout JSONScanner, _ key: JSONText) throws {
      line += json[counted..<key.offset].count { $0 == UInt8(ascii: "\n") }
      counted = key.offset
      keys.append((scanner.string(key), line))
      try scanner.skipValue()
    }
    // The text was parsed before.
    try? json.withUnsafeBufferPointer { bytes in
      var scanner = JSONScanner(bytes)
      try scanner.object { scanner, key in
        guard let section else { return try add(&scanner, key) }
        if scanner.string(key) == section.rawValue { try scanner.object(add) } else { try scanner.skipValue() }
      }
    }
    return keys
  }

  private func value(_ key: Key, in members: [String: JSONValue]) -> JSONValue? {
    let value = members[key.rawValue]
    return value == .null ? nil : value
  }

  private mutating func string(_ key: Key, in members: [String: JSONValue]) -> String? {
    switch value(key, in: members) {
    case nil: return nil
    case .string(let text): return text
    case .some(let value):
      problems.append("'\(key.rawValue)' is \(value.kind.rawValue); expected a string.")
      return nil
    }
  }

  private mutating func required(_ key: Key, in members: [String: JSONValue]) -> String {
    if value(key, in: members) == nil { problems.append("'\(key.rawValue)' is missing.") }
    return string(key, in: members) ?? ""
  }

  private mutating func readTrim(_ members: [String: JSONValue], into template: inout PromptTemplate) {
    template.trims = flag("trim", in: members) ?? template.trims
  }

  private mutating func flag(_ key: String, of section: String = "", in members: [String: JSONValue]) -> Bool? {
    switch members[key] {
    case nil, .null: return nil
    case .bool(let flag): return flag
    case .some(let value):
      problems.append("'\(section)\(key)' is \(value.kind.rawValue); expected true or false.")
      return nil
    }
  }

  private mutating func readChat(_ members: [String: JSONValue], into template: inout PromptTemplate) {
    guard let value = value(.chat, in: members) else { return }
    guard case .object(let parts) = value else {
      problems.append("'chat' is \(value.kind.rawValue); expected an object with 'next' and optional 'with_system' and 'begin_each_turn'.")
      return
    }
    checkKeys(of: .chat, known: PromptTemplate.Chat.CodingKeys.allCases.map(\.rawValue))
    func text(_ key: PromptTemplate.Chat.CodingKeys) -> String? {
      switch parts[key.rawValue] {
      case nil, .null: return nil
      case .string(let text): return text
      case .some(let value):
        problems.append("'chat.\(key.rawValue)' is \(value.kind.rawValue); expected a string.")
        return ""
      }
    }
    let next = text(.next)
    if next == nil { problems.append("'chat.next' is missing.") }
    template.chat = PromptTemplate.Chat(
      next: next ?? "", withSystem: text(.withSystem), beginsEachTurn: flag("begin_each_turn", of: "chat.", in: parts) ?? false)
  }

  private mutating func readSpecialTokens(_ members: [String: JSONValue], into template: inout PromptTemplate) {
    guard let value = value(.specialTokens, in: members) else { return }
    if case .array(let elements) = value {
      let names = elements.compactMap { if case .string(let name) = $0, !name.isEmpty { name } else { nil } }
      if names.count == elements.count {
        template.specialTokens = names
        return
      }
    }
    problems.append("'special_tokens' must be a list of names.")
  }

  private mutating func readInference(_ members: [String: JSONValue], into template: inout PromptTemplate) {
    guard let value = value(.inference, in: members) else { return }
    guard case .object(let prompts) = value else {
      problems.append("'inference' is \(value.kind.rawValue); expected an object with 'prompt_input' and 'prompt_no_input'.")
      return
    }
    checkKeys(of: .inference, known: [Key.promptInput, .promptNoInput].map(\.rawValue))
    template.inference = PromptTemplate.Prompts(
      input: required(.promptInput, in: prompts), noInput: required(.promptNoInput, in: prompts))
  }

  private mutating func checkPlaceholders(of template: PromptTemplate) {
    check(template.promptInput, "prompt_input", hasInput: true, template)
    check(template.promptNoInput, "prompt_no_input", hasInput: false, template)
    if let inference = template.inference {
      check(inference.input, "inference.prompt_input", hasInput: true, template)
      check(inference.noInput, "inference.prompt_no_input", hasInput: false, template)
    }
    if let chat = template.chat {
      check(chat.next, "chat.next", hasInput: false, template)
      if PromptTemplate.parts(of: chat.next).contains(.system) {
        problems.append("'chat.next' has {system}, which stands in the first turn only.")
      }
      if let withSystem = chat.withSystem {
        check(withSystem, "chat.with_system", hasInput: false, template)
        if !PromptTemplate.parts(of: withSystem).contains(.system) { problems.append("'chat.with_system' has no {system}.") }
      }
    }
  }

  private mutating func check(_ text: String, _ key: String, hasInput: Bool, _ template: PromptTemplate) {
    let parts = PromptTemplate.parts(of: text)
    if !parts.contains(.instruction) { problems.append("'\(key)' has no {instruction}.") }
    if hasInput, !parts.contains(.input) { problems.append("'\(key)' has no {input}.") }
    if !hasInput, parts.contains(.input) { problems.append("'\(key)' has {input}, but it is for rows without one.") }
    if template.system == nil, !key.hasPrefix("chat."), parts.contains(.system) {
      problems.append("'\(key)' has {system}, but the file has no 'system'.")
    }
  }
}
