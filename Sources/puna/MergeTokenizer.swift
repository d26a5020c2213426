import Adapters
import JSON
import Tokenizers

extension ModelFiles {
  /// Adds `tokenizer_config.json` to a SentencePiece model that comes alone, as Meta's does: without it transformers 5 guesses, leaves out
  /// the begin-of-sequence token and splits the first word otherwise.
  ///
  /// - Parameter path: the folder, for notes.
  /// - Returns: a note about what was added, or about what cannot be; nil where nothing was missing.
  mutating func completeTokenizer(of path: String) throws -> String? {
    guard let model = files["tokenizer.model"], files["tokenizer.json"] == nil, files["tokenizer_config.json"] == nil else { return nil }
    let bytes = model.withUnsafeBytes { Array($0) }
    guard let tokenizer = try? SentencePieceTokenizer(bytes: bytes, name: "\(path)/tokenizer.model") else {
      return "\(path): its tokenizer.model is no SentencePiece model and comes without tokenizer.json, which transformers needs."
    }
    var members: [String: JSONValue] = [
      "tokenizer_class": .string("LlamaTokenizer"), "add_bos_token": .bool(tokenizer.addsBeginOfSequence),
      "add_eos_token": .bool(tokenizer.addsEndOfSequence), "clean_up_tokenization_spaces": .bool(false), "legacy": .bool(false),
    ]
    let pieces = [
      ("bos_token", tokenizer.beginOfSequence), ("eos_token", tokenizer.endOfSequence), ("unk_token", tokenizer.unknown),
      ("pad_token", tokenizer.padding),
    ]
    for (key, id) in pieces {
      if let id { members[key] = .string(try tokenizer.piece(id)) }
    }
    add(JSONValue.object(members).text, as: "tokenizer_config.json")
    return "tokenizer_config.json is made from \(path)/tokenizer.model: without one, transformers tokenizes otherwise."
  }
}
