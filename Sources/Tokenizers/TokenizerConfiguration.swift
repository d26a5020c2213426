import Foundation
import JSON

/// What stands beside a tokenizer: `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`. What is nil is the
/// tokenizer's own.
public struct TokenizerConfiguration: Sendable, Equatable {
  public var addsBeginOfSequence: Bool?
  public var addsEndOfSequence: Bool?
  /// Pieces by name.
  public var beginOfSequence: String?
  public var endOfSequence: String?
  /// Pieces that only templates make, by name: padding and the like.
  public var controlNames: Set<String> = []
  /// Tokens with ids of their own, in the order of their ids.
  public var addedTokens: [AddedToken] = []
  /// Whether a text after an added token begins as a whole text does; false where a newer configuration says so.
  public var isLegacy = true

  public init() {}

  /// - Throws: `TokenizerError` with the place in the file.
  public init(json: [UInt8], path: String) throws {
    let root = try TokenizerConfiguration.parse(json, path)
    addsBeginOfSequence = try TokenizerConfiguration.flag("add_bos_token", in: root, path)
    addsEndOfSequence = try TokenizerConfiguration.flag("add_eos_token", in: root, path)
    isLegacy = root["legacy"]?.bool ?? true
    addNames(in: root)
    try addTokens(decoder: root["added_tokens_decoder"], path)
  }

  /// What stands in the folder of a tokenizer's file.
  ///
  /// - Throws: `TokenizerError` with the place in the file.
  init(beside file: String) throws {
    try self.init(folder: file.lastIndex(of: "/").map { String(file[...$0]) } ?? "")
  }

  /// - Parameter folder: a prefix of names, empty or ending in a slash.
  init(folder: String) throws {
    func bytes(_ name: String) throws -> [UInt8]? {
      FileManager.default.fileExists(atPath: folder + name) ? try readBytes(folder + name) : nil
    }
    if let json = try bytes("tokenizer_config.json") {
      try self.init(json: json, path: folder + "tokenizer_config.json")
    } else {
      self.init()
    }
    if let json = try bytes("special_tokens_map.json") {
      addNames(in: try TokenizerConfiguration.parse(json, folder + "special_tokens_map.json"))
    }
    if let json = try bytes("added_tokens.json") {
      let path = folder + "added_tokens.json"
      try addTokens(map: try TokenizerConfiguration.parse(json, path), path)
    }
  }

  private static func parse(_ json: [UInt8], _ path: String) throws -> JSONValue {
    do {
      let root = try JSONValue(parsing: json)
      guard root.object != nil else {
        throw TokenizerError.unreadable(path: path, reason: "it is \(root.kind.rawValue); expected an object")
      }
      return root
    } catch let error as JSONError {
      throw TokenizerError.unreadable(path: path, reason: "not JSON: \(error.place(in: path)): \(error.message)")
    }
  }

  private static func flag(_ key: String, in root: JSONValue, _ path: String) throws -> Bool? {
    switch root[key] {
    case .bool(let flag): return flag
    case nil, .null: return nil
    case .some(let value):
      throw TokenizerError.unreadable(path: path, reason: "'\(key)' is \(value.kind.rawValue); expected true or false")
    }
  }

  /// A piece is a string or an object with its `content`. Early LLaMA conversions have empty strings, which say nothing.
  private static func piece(_ value: JSONValue?) -> String? {
    let piece = value?.string ?? value?["content"]?.string
    return piece?.isEmpty == true ? nil : piece
  }

  /// Names of special tokens; what is known already holds.
  private mutating func addNames(in root: JSONValue) {
    let begin = TokenizerConfiguration.piece(root["bos_token"])
    let end = TokenizerConfiguration.piece(root["eos_token"])
    beginOfSequence = beginOfSequence ?? begin
    endOfSequence = endOfSequence ?? end
    var names = [begin, end, TokenizerConfiguration.piece(root["pad_token"])]
    for key in ["additional_special_tokens", "extra_special_tokens"] {
      let list = root[key]?.array ?? root[key]?.object.map { Array($0.values) } ?? []
      names += list.map { TokenizerConfiguration.piece($0) }
    }
    controlNames.formUnion(names.compactMap { $0 })
  }

  /// The identity of a tokenizer with this beside it.
  ///
  /// - Parameters:
  ///   - kind: how the file is read.
  ///   - bytes: the whole file.
  func identity(_ kind: String, _ bytes: [UInt8]) -> String {
    var hash = ContentHash()
    hash.update(kind)
    hash.update(bytes)
    hash.update("\(isLegacy), begin \(String(describing: addsBeginOfSequence)) \(String(reflecting: beginOfSequence))")
    hash.update("end \(String(describing: addsEndOfSequence)) \(String(reflecting: endOfSequence))")
    for name in controlNames.sorted() { hash.update(name) }
    for token in addedTokens { hash.update("\(token)") }
    return hash.text
  }

  // MARK: - Added tokens

  /// `{"32000": {"content": "[PAD]", "special": true, ...}, ...}`
  private mutating func addTokens(decoder: JSONValue?, _ path: String) throws {
    guard let decoder, !decoder.isNull else { return }
    guard let members = decoder.object else {
      throw TokenizerError.unreadable(path: path, reason: "'added_tokens_decoder' is \(decoder.kind.rawValue); expected an object")
    }
    var tokens: [AddedToken] = []
    for (key, value) in members {
      guard let id = Int32(key), id >= 0, let content = value["content"]?.string, !content.isEmpty else {
        throw TokenizerError.unreadable(
          path: path, reason: "'added_tokens_decoder' has '\(key)': \(value.excerpt); expected an id and an object with its 'content'")
      }
      let isSpecial = value["special"]?.bool ?? false
      tokens.append(
        AddedToken(
          id: id, content: content, isSpecial: isSpecial, isSingleWord: value["single_word"]?.bool ?? false,
          stripsLeft: value["lstrip"]?.bool ?? false, stripsRight: value["rstrip"]?.bool ?? false,
          isNormalized: value["normalized"]?.bool ?? !isSpecial))
    }
    try add(tokens, path)
  }

  /// `{"[PAD]": 32000, ...}`
  private mutating func addTokens(map: JSONValue, _ path: String) throws {
    var tokens: [AddedToken] = []
    for (content, value) in map.object ?? [:] {
      guard let id = value.integer.flatMap(Int32.init(exactly:)), id >= 0, !content.isEmpty else {
        throw TokenizerError.unreadable(path: path, reason: "'\(content)' is \(value.excerpt); expected a token's id")
      }
      tokens.append(AddedToken(id: id, content: content, isSpecial: controlNames.contains(content)))
    }
    try add(tokens, path)
  }

  /// The fuller description comes first and holds.
  private mutating func add(_ tokens: [AddedToken], _ path: String) throws {
    var contents: [Int32: String] = [:]
    for token in addedTokens { contents[token.id] = token.content }
    for token in tokens {
      if let content = contents[token.id] {
        guard content == token.content else {
          throw TokenizerError.inconsistent(path: path, reason: "id \(token.id) is '\(token.content)', and also '\(content)'")
        }
      } else {
        contents[token.id] = token.content
        addedTokens.append(token)
      }
    }
    addedTokens.sort { $0.id < $1.id }
  }
}
