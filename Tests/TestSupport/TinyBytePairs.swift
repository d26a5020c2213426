/// Makes `tokenizer.json` files of a few hundred pieces as text, section by section, and Llama 3's lists of ranks.
///
/// A byte-level vocabulary is the 256 bytes and what the merges make, in this order. One of characters is `<unk>`, `<s>`, `</s>`, the
/// bytes `<0x00>` to `<0xFF>`, the letters, and what the merges make, like Llama 2's.
public struct TinyBytePairs {
  public enum Symbols: Sendable { case bytes, characters }

  public var symbols: Symbols
  public var merges: [(String, String)]
  /// Sections of the file as JSON.
  public var addedTokens: [String] = []
  public var normalizer = "null"
  public var preTokenizer = "null"
  public var postProcessor = "null"
  public var decoder: String
  /// Members of the model beside its vocabulary and merges.
  public var modelMembers: [String]
  /// Merges as lists of two strings, which newer files have.
  public var listsMerges = false

  public static let english = [
    ("t", "h"), ("th", "e"), ("▁", "the"), ("i", "n"), ("a", "n"), ("an", "d"), ("▁", "and"), ("▁", "▁"), ("e", "r"),
  ]

  public init(_ symbols: Symbols, merges: [(String, String)] = english) {
    self.symbols = symbols
    // A space is spelled Ġ where bytes are symbols.
    self.merges = merges.map { merge in
      guard symbols == .bytes else { return merge }
      return (merge.0.replacing("▁", with: "Ġ"), merge.1.replacing("▁", with: "Ġ"))
    }
    switch symbols {
    case .bytes:
      preTokenizer = #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"#
      decoder = #"{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}"#
      modelMembers = [#""unk_token": null"#]
    case .characters:
      normalizer = """
        {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
        """
      decoder = """
        {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
        {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
        """
      modelMembers = [#""unk_token": "<unk>""#, #""fuse_unk": true"#, #""byte_fallback": true"#]
      addedTokens = ["<unk>", "<s>", "</s>"].enumerated().map { TinyBytePairs.token($0.offset, $0.element, isSpecial: true) }
    }
  }

  /// An entry of `added_tokens`.
  public static func token(_ id: Int, _ content: String, isSpecial: Bool, _ members: String = "") -> String {
    #"{"id": \#(id), "content": "\#(content)", "special": \#(isSpecial)\#(members.isEmpty ? "" : ", " + members)}"#
  }

  /// The vocabulary in the order of its ids.
  public var pieces: [String] {
    var pieces: [String] = []
    switch symbols {
    case .bytes: pieces = (0..<256).map { String(TinyBytePairs.character(ofByte: UInt8($0))) }
    case .characters:
      pieces = ["<unk>", "<s>", "</s>"]
      pieces += (0..<256).map { "<0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) + ">" }
      pieces += "▁abcdefghijklmnopqrstuvwxyz0123456789.,'<>/|é".map { String($0) }
    }
    for (left, right) in merges where !pieces.contains(left + right) { pieces.append(left + right) }
    return pieces
  }

  public func id(_ piece: String) -> Int32 { Int32(pieces.firstIndex(of: piece) ?? -1) }

  public var json: String {
    let vocabulary = pieces.enumerated().map { "\(TinyBytePairs.quoted($0.element)): \($0.offset)" }.joined(separator: ", ")
    let merges = merges.map { left, right in
      listsMerges
        ? "[\(TinyBytePairs.quoted(left)), \(TinyBytePairs.quoted(right))]" : TinyBytePairs.quoted(left + " " + right)
    }
    let model = ([#""type": "BPE""#, #""dropout": null"#] + modelMembers).joined(separator: ", ")
    return """
      {"version": "1.0", "truncation": {"max_length": 3}, "padding": null, "added_tokens": [\(addedTokens.joined(separator: ", "))],
      "normalizer": \(normalizer), "pre_tokenizer": \(preTokenizer), "post_processor": \(postProcessor), "decoder": \(decoder),
      "model": {\(model), "vocab": {\(vocabulary)}, "merges": [\(merges.joined(separator: ", "))]}}
      """
  }

  /// Llama 3's list of ranks with the bytes and these tokens.
  public static func ranks(_ tokens: [String]) -> String {
    let all = (0..<256).map { [UInt8($0)] } + tokens.map { Array($0.utf8) }
    return all.enumerated().map { "\(base64($0.element)) \($0.offset)\n" }.joined()
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = (0..<3).reduce(0) { $0 << 8 | ($1 < group.count ? Int(group[start + $1]) : 0) }
      for place in 0..<4 { text.append(place <= group.count ? letters[bits >> (18 - 6 * place) & 63] : "=") }
    }
    return text
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { quoted += "\\" }
      quoted.unicodeScalars.append(scalar)
    }
    return quoted + "\""
  }

  /// GPT-2's printable characters for bytes.
  private static func character(ofByte byte: UInt8) -> Unicode.Scalar {
    let isPrintable: (UInt8) -> Bool = { (0x21...0x7E).contains($0) || (0xA1...0xAC).contains($0) || $0 >= 0xAE }
    if isPrintable(byte) { return Unicode.Scalar(byte) }
    return Unicode.Scalar(UInt32(0x100 + (0..<byte).count { !isPrintable($0) })) ?? " "
  }
}
