import Foundation
import JSON

/// The part of `tokenizer_config.json` that concerns a SentencePiece tokenizer. What is nil is the model's own.
public struct TokenizerConfiguration: Sendable, Equatable {
  public var addsBeginOfSequence: Bool?
  public var addsEndOfSequence: Bool?
  /// Pieces by name.
  public var beginOfSequence: String?
  public var endOfSequence: String?

  public init() {}

  /// - Throws: `TokenizerError.unreadable` with the place in the file.
  public init(json: [UInt8], path: String) throws {
    let root: JSONValue
    do {
      root = try JSONValue(parsing: json)
    } catch let error as JSONError {
      throw TokenizerError.unreadable(path: path, reason: "not JSON: \(error.place(in: path)): \(error.message)")
    }
    addsBeginOfSequence = try TokenizerConfiguration.flag("add_bos_token", in: root, path)
    addsEndOfSequence = try TokenizerConfiguration.flag("add_eos_token", in: root, path)
    beginOfSequence = TokenizerConfiguration.piece("bos_token", in: root)
    endOfSequence = TokenizerConfiguration.piece("eos_token", in: root)
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
  private static func piece(_ key: String, in root: JSONValue) -> String? {
    let value = root[key]
    if case .string(let piece) = value { return piece.isEmpty ? nil : piece }
    if case .string(let piece) = value?["content"] { return piece.isEmpty ? nil : piece }
    return nil
  }

  func id(of piece: String?, in specials: [String: Int32], _ path: String) throws -> Int32? {
    guard let piece else { return nil }
    guard let id = specials[piece] else {
      throw TokenizerError.unsupported(path: path, what: "the token '\(piece)', which its tokenizer_config.json adds beside the model,")
    }
    return id
  }
}

/// Opens the tokenizer at `path`: a base folder or a tokenizer file. The kind is found by content, not by name.
///
/// - Throws: `TokenizerError`.
public func openTokenizer(at path: String) throws -> any Tokenizer {
  var file = path
  if isDirectory(path) {
    let names = ["tokenizer.model", "tokenizer.json"]
    guard let name = names.first(where: { FileManager.default.fileExists(atPath: path + "/" + $0) }) else {
      throw TokenizerError.missingFile(path: path, lookedFor: names)
    }
    file = path + "/" + name
  }
  let bytes = try readBytes(file)
  try refuseOtherKinds(bytes, file)
  return try SentencePieceTokenizer(bytes: bytes, name: file, configuration: configuration(beside: file))
}

extension SentencePieceTokenizer {
  /// The model at `path`: a file, or a base folder that holds `tokenizer.model`; with the `tokenizer_config.json` beside it.
  ///
  /// - Throws: `TokenizerError`.
  public convenience init(path: String) throws {
    let file = isDirectory(path) ? path + "/tokenizer.model" : path
    guard FileManager.default.fileExists(atPath: file) else {
      throw TokenizerError.missingFile(path: path, lookedFor: isDirectory(path) ? ["tokenizer.model"] : [])
    }
    let bytes = try readBytes(file)
    try refuseOtherKinds(bytes, file)
    try self.init(bytes: bytes, name: file, configuration: configuration(beside: file))
  }
}

private func isDirectory(_ path: String) -> Bool {
  var isDirectory: ObjCBool = false
  return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
}

private func configuration(beside file: String) throws -> TokenizerConfiguration {
  let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
  let path = (folder.isEmpty ? "." : folder) + "/tokenizer_config.json"
  guard FileManager.default.fileExists(atPath: path) else { return TokenizerConfiguration() }
  return try TokenizerConfiguration(json: readBytes(path), path: path)
}

func readBytes(_ path: String) throws -> [UInt8] {
  guard FileManager.default.fileExists(atPath: path) else { throw TokenizerError.missingFile(path: path, lookedFor: []) }
  do {
    return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  } catch {
    throw TokenizerError.unreadable(path: path, reason: error.localizedDescription)
  }
}

/// Names what people have in place of a model: pages saved by a browser, pointers of an unfinished clone, other tokenizers.
private func refuseOtherKinds(_ bytes: [UInt8], _ path: String) throws {
  let beginning = String(decoding: bytes.prefix(200), as: UTF8.self).lowercased()
  let trimmed = beginning.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
  if bytes.isEmpty { throw TokenizerError.notATokenizer(path: path, reason: "the file is empty") }
  if trimmed.hasPrefix("version https://git-lfs") {
    throw TokenizerError.notATokenizer(path: path, reason: "a git-lfs pointer; run 'git lfs pull' to fetch the file itself")
  }
  if trimmed.hasPrefix("<!doctype html") || trimmed.hasPrefix("<html") {
    throw TokenizerError.notATokenizer(path: path, reason: "an HTML page; download the file itself")
  }
  if trimmed.hasPrefix("{") { throw TokenizerError.unsupported(path: path, what: "a tokenizer.json (Hugging Face tokenizers)") }
  // `IQ== 0`: base64 of a token and its rank.
  let firstLine = trimmed.prefix { $0 != "\n" }.split(separator: " ")
  if firstLine.count == 2, Int(firstLine[1]) != nil, Data(base64Encoded: String(firstLine[0].uppercased())) != nil {
    throw TokenizerError.unsupported(path: path, what: "a list of tiktoken ranks (Llama 3)")
  }
}
