import Foundation

/// Opens the tokenizer at `path`: a base folder or a tokenizer file. The kind is found by content, not by name.
///
/// - Throws: `TokenizerError`.
public func openTokenizer(at path: String) throws -> any Tokenizer {
  let isFolder = isDirectory(path)
  let file = isFolder ? try tokenizerFile(in: path) : path
  let bytes = try readBytes(file)
  let kind = try TokenizerKind(of: bytes, file)
  let configuration = try isFolder ? TokenizerConfiguration(folder: path + "/") : TokenizerConfiguration(beside: file)
  switch kind {
  case .sentencePiece: return try SentencePieceTokenizer(bytes: bytes, name: file, configuration: configuration)
  case .json: return try BytePairTokenizer(json: bytes, name: file, configuration: configuration)
  case .tiktokenRanks: return try BytePairTokenizer(tiktokenRanks: bytes, name: file, configuration: configuration)
  }
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
    guard try TokenizerKind(of: bytes, file) == .sentencePiece else {
      throw TokenizerError.notATokenizer(path: file, reason: "not a SentencePiece model")
    }
    try self.init(bytes: bytes, name: file, configuration: TokenizerConfiguration(beside: file))
  }
}

/// `tokenizer.model` before `tokenizer.json`; downloads of Meta's own files have theirs in `original`.
private func tokenizerFile(in folder: String) throws -> String {
  let names = ["tokenizer.model", "tokenizer.json", "original/tokenizer.model"]
  if let name = names.first(where: { FileManager.default.fileExists(atPath: folder + "/" + $0) }) { return folder + "/" + name }
  if FileManager.default.fileExists(atPath: folder + "/tekken.json") {
    throw TokenizerError.unsupported(path: folder + "/tekken.json", what: "a tekken.json (Mistral's own tokenizer)")
  }
  throw TokenizerError.missingFile(path: folder, lookedFor: Array(names.prefix(2)))
}

private func isDirectory(_ path: String) -> Bool {
  var isDirectory: ObjCBool = false
  return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
}

func readBytes(_ path: String) throws -> [UInt8] {
  guard FileManager.default.fileExists(atPath: path) else { throw TokenizerError.missingFile(path: path, lookedFor: []) }
  do {
    return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  } catch {
    throw TokenizerError.unreadable(path: path, reason: error.localizedDescription)
  }
}

/// The kinds of tokenizer files that are read.
package enum TokenizerKind {
  case sentencePiece, json, tiktokenRanks

  /// By how a file begins. What people have in its place is named: pages saved by a browser, pointers of an unfinished clone, weights.
  package init(of bytes: [UInt8], _ path: String) throws {
    func refuse(_ reason: String) -> TokenizerError { .notATokenizer(path: path, reason: reason) }
    let beginning = String(decoding: bytes.prefix(200), as: UTF8.self).lowercased()
    let trimmed = beginning.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
    if bytes.isEmpty { throw refuse("the file is empty") }
    if trimmed.hasPrefix("version https://git-lfs") { throw refuse("a git-lfs pointer; run 'git lfs pull' to fetch the file itself") }
    if trimmed.hasPrefix("<!doctype html") || trimmed.hasPrefix("<html") { throw refuse("an HTML page; download the file itself") }
    let expected = "; expected a tokenizer.model or tokenizer.json"
    if bytes.starts(with: "GGUF".utf8) { throw refuse("a GGUF file" + expected) }
    if bytes.starts(with: "PK\u{3}\u{4}".utf8) { throw refuse("a zip archive or PyTorch file" + expected) }
    if TiktokenRanks.isBeginning(of: bytes) {
      self = .tiktokenRanks
    } else if trimmed.hasPrefix("{") {
      let isTekken = trimmed.contains("\"config\"") && trimmed.contains("\"pattern\"")
      if isTekken { throw TokenizerError.unsupported(path: path, what: "a tekken.json (Mistral's own tokenizer)") }
      self = .json
    } else {
      self = .sentencePiece
    }
  }
}
