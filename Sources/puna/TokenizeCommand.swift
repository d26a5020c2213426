import ArgumentParser
import Foundation
import JSON
import Tokenizers

struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "tokenize", abstract: "Show text as token ids and pieces, or ids as text.")

  @Argument(help: "A tokenizer file, a base folder, or 'starter'.") var path: String
  @Option(help: "Text to encode.") var text: String?
  @Option(help: "File to encode, UTF-8.") var file: String?
  @Option(help: "Ids to decode, separated by commas or spaces.") var decode: String?
  @Flag(help: "Begin with the begin-of-sequence token, as the model's tokenizer does.") var bos = false
  @Flag(help: "Print {\"ids\": [...], \"pieces\": [...]}; with --decode {\"text\": \"...\"}.") var json = false

  func validate() throws {
    if [text, file, decode].compactMap({ $0 }).count != 1 { throw ValidationError("Give one of --text, --file and --decode.") }
  }

  func run() throws {
    guard let tokenizer = try BaseLocation(name: path).openTokenizer(at: path) else { throw Failure("\(path) has no tokenizer.") }
    if let decode {
      let ids = try decode.split { $0 == "," || $0.isWhitespace }.map { part in
        guard let id = Int32(part) else { throw Failure("--decode: '\(part)' is not a token id.") }
        return id
      }
      let text = try tokenizer.decode(ids)
      print(json ? "{\"text\": \(JSONValue.string(text).line)}" : text)
      return
    }
    let bytes: [UInt8]
    if let file {
      guard let data = FileManager.default.contents(atPath: file) else { throw Failure("\(file): no such file, or it cannot be read.") }
      bytes = [UInt8](data)
    } else {
      bytes = Array((text ?? "").utf8)
    }
    var ids: [Int32]
    do {
      ids = try tokenizer.encode(utf8: bytes)
    } catch let error as TokenizerError {
      throw Failure("\(file ?? "--text"): \(error)")
    }
    if bos {
      guard let begin = tokenizer.beginOfSequence else { throw Failure("\(path) has no begin-of-sequence token.") }
      ids.insert(begin, at: 0)
    }
    let pieces = try ids.map { try tokenizer.piece($0) }
    if json {
      print("{\"ids\": [\(ids.map(String.init).joined(separator: ", "))], \"pieces\": \(JSONValue.array(pieces.map { .string($0) }).line)}")
    } else {
      for (id, piece) in zip(ids, pieces) { print("\(id)\t\(piece)") }
    }
  }
}
