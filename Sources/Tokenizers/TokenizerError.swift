/// What can go wrong between text and ids. `description` is what a person reads.
public enum TokenizerError: Error, Equatable, CustomStringConvertible {
  /// Nothing there; `lookedFor` names the files that would have been taken.
  case missingFile(path: String, lookedFor: [String])
  case unreadable(path: String, reason: String)
  /// A file that is something else; `reason` says what.
  case notATokenizer(path: String, reason: String)
  case cutShort(path: String, byteCount: Int)
  /// A known kind of tokenizer that is not read.
  case unsupported(path: String, what: String)
  /// A tokenizer's file that contradicts itself or what is beside it; `path` may go on with a line.
  case inconsistent(path: String, reason: String)
  /// The SentencePiece library's own words.
  case library(String)
  /// Offset of the first bad byte in the text, from 0.
  case invalidUTF8(offset: Int)
  /// The vocabulary has nothing for a character of a text; `offset` is its first byte, nil in a text that was normalised.
  case unspellable(bytes: [UInt8], offset: Int?)
  case textTooLong(byteCount: Int)
  case idOutOfRange(id: Int32, vocabularySize: Int)
  case missingSpecialToken(piece: String, neededBy: String)
  case unknownTemplate(name: String, suggestion: String?)
  /// A conversation with a system text, and a template that cannot say one.
  case noPlaceForSystem(template: String)
  /// A conversation of several turns, and a template without `chat`.
  case singleTurn(template: String)
  /// Everything wrong with a template file.
  case badTemplate(path: String, problems: [String])

  public var description: String {
    switch self {
    case .missingFile(let path, let lookedFor):
      let names = lookedFor.map { "'\($0)'" }.joined(separator: " or ")
      return lookedFor.isEmpty ? "\(path): no such file." : "\(path): no tokenizer here. Expected a file \(names)."
    case .unreadable(let path, let reason): return "\(path): cannot be read: \(reason)."
    case .notATokenizer(let path, let reason): return "\(path): not a tokenizer: \(reason)."
    case .cutShort(let path, let byteCount):
      return "\(path): the SentencePiece model is cut short (\(byteCount) bytes are there). Copy or download the file again."
    case .unsupported(let path, let what): return "\(path): \(what) is not supported yet."
    case .inconsistent(let path, let reason): return "\(path): \(reason)."
    case .library(let message): return "SentencePiece: \(message)"
    case .invalidUTF8(let offset): return "The text is not valid UTF-8 (byte \(offset))."
    case .unspellable(let bytes, let offset):
      let spelled = String(validating: bytes, as: UTF8.self).map { "'\($0)' " } ?? ""
      let values = bytes.map(hexadecimal).joined(separator: " ")
      let place = offset.map { " at byte \($0) of the text" } ?? ""
      return "The vocabulary has no piece for \(spelled)(\(values))\(place), and none for what is unknown. Remove it from the text."
    case .textTooLong(let byteCount): return "A text of \(byteCount) bytes is too long to be encoded at once."
    case .idOutOfRange(let id, let vocabularySize): return "Token id \(id) is outside the vocabulary of \(vocabularySize)."
    case .missingSpecialToken(let piece, let neededBy):
      return "\(neededBy) needs the special token '\(piece)', which this tokenizer does not have."
    case .unknownTemplate(let name, let suggestion):
      let hint = suggestion.map { " Did you mean '\($0)'?" } ?? " Known: \(PromptTemplate.names.joined(separator: ", "))."
      return "Unknown template '\(name)'.\(hint)"
    case .noPlaceForSystem(let template):
      return "Template '\(template)' has no place for a system text ('chat.with_system', or {system} in 'prompt_no_input')."
    case .singleTurn(let template): return "Template '\(template)' has no 'chat' that says how a second turn follows an answer."
    case .badTemplate(let path, let problems): return problems.map { "\(path): \($0)" }.joined(separator: "\n")
    }
  }
}
