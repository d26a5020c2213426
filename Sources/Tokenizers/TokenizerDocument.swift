import JSON

/// What a `tokenizer.json` says, read in one pass. Its vocabulary and merges are kept as bytes in flat arrays; only the small sections
/// become trees.
struct TokenizerDocument {
  struct Entry {
    let start: Int
    let end: Int
    let id: Int32
  }

  struct MergeRule {
    let start: Int
    let middle: Int
    let end: Int
  }

  /// Bytes of the vocabulary's pieces and of the merges.
  var text: [UInt8] = []
  var entries: [Entry] = []
  var merges: [MergeRule] = []
  var modelType: String?
  var hasModel = false
  var unknown: String?
  var fusesUnknown = false
  var hasByteFallback = false
  var ignoresMerges = false
  var addedTokens: [AddedToken] = []
  /// `normalizer`, `pre_tokenizer`, `post_processor`, `decoder`; null ones are left out.
  var sections: [String: JSONValue] = [:]

  /// - Throws: `TokenizerError` with the place in the file.
  init(_ bytes: [UInt8], _ path: String) throws {
    do {
      try bytes.withUnsafeBufferPointer { bytes in
        var scanner = JSONScanner(bytes)
        try scanner.uniqueMembers { scanner, key in
          switch key {
          case "model": try readModel(&scanner, path)
          case "added_tokens": try scanner.array { try readAddedToken(&$0) }
          case "normalizer", "pre_tokenizer", "post_processor", "decoder":
            let value = try tree(&scanner)
            if !value.isNull { sections[key] = value }
          // Truncation and padding are how somebody called it, no part of the tokenizer.
          default: try scanner.skipValue()
          }
        }
        try scanner.end()
      }
    } catch let error as JSONError {
      if case .refused(let reason) = error.problem {
        throw TokenizerError.inconsistent(path: error.place(in: path), reason: reason)
      }
      throw TokenizerError.unreadable(path: path, reason: "not JSON: \(error.place(in: path)): \(error.message)")
    }
  }

  private func tree(_ scanner: inout JSONScanner) throws -> JSONValue {
    scanner.skipWhitespace()
    let start = scanner.offset
    try scanner.skipValue()
    do {
      return try JSONValue(parsing: UnsafeBufferPointer(rebasing: scanner.bytes[start..<scanner.offset]))
    } catch let error as JSONError {
      throw scanner.error(error.message, at: start + error.offset)
    }
  }

  // MARK: - The model

  private mutating func readModel(_ scanner: inout JSONScanner, _ path: String) throws {
    hasModel = true
    func refuse(_ what: String) -> TokenizerError { .unsupported(path: path, what: what) }
    try scanner.uniqueMembers { scanner, key in
      switch key {
      case "type": modelType = try optionalString(&scanner)
      case "vocab":
        // Unigram's is a list, and refused by its type.
        if try scanner.kind() == .object { try readVocabulary(&scanner) } else { try scanner.skipValue() }
      case "merges": try scanner.array { try readMerge(&$0) }
      case "unk_token": unknown = try optionalString(&scanner)
      case "fuse_unk": fusesUnknown = try optionalFlag(&scanner)
      case "byte_fallback": hasByteFallback = try optionalFlag(&scanner)
      case "ignore_merges": ignoresMerges = try optionalFlag(&scanner)
      case "dropout":
        let value = try tree(&scanner)
        guard value.isNull || value.double == 0 else { throw refuse("a model with 'dropout' of \(value.line)") }
      case "continuing_subword_prefix", "end_of_word_suffix":
        if let affix = try optionalString(&scanner), !affix.isEmpty { throw refuse("a model with '\(key)' of '\(affix)'") }
      // Of other types of models, which are refused by their type.
      case "unk_id", "max_input_chars_per_word": try scanner.skipValue()
      default: throw refuse("a model with '\(key)'")
      }
    }
  }

  private mutating func readVocabulary(_ scanner: inout JSONScanner) throws {
    try scanner.object { scanner, key in
      let start = text.count
      scanner.append(key, to: &text)
      scanner.skipWhitespace()
      let place = scanner.offset
      guard let id = try scanner.integer().flatMap(Int32.init(exactly:)), id >= 0 else {
        throw scanner.error("the id of '\(scanner.string(key))' is no whole number from 0 to \(Int32.max)", at: place)
      }
      entries.append(Entry(start: start, end: text.count, id: id))
    }
  }

  /// `"a b"` or `["a", "b"]`.
  private mutating func readMerge(_ scanner: inout JSONScanner) throws {
    let start = text.count
    var middle = -1
    let place = scanner.offset
    if try scanner.kind() == .array {
      var count = 0
      try scanner.array { scanner in
        scanner.append(try scanner.string(), to: &text)
        count += 1
        if count == 1 { middle = text.count }
      }
      guard count == 2 else { throw scanner.error("a merge has \(count) pieces; expected two", at: place) }
    } else {
      scanner.append(try scanner.string(), to: &text)
      let space = UInt8(ascii: " ")
      guard let index = text[start...].firstIndex(of: space), !text[(index + 1)...].contains(space) else {
        throw scanner.error("a merge is not two pieces with one space between them", at: place)
      }
      middle = index
      text.remove(at: index)
    }
    merges.append(MergeRule(start: start, middle: middle, end: text.count))
  }

  // MARK: - Added tokens

  private mutating func readAddedToken(_ scanner: inout JSONScanner) throws {
    let place = scanner.offset
    var token = AddedToken(id: -1, content: "", isSpecial: false)
    var isNormalized: Bool?
    try scanner.object { scanner, key in
      if scanner.matches(key, "id") {
        guard let id = try scanner.integer().flatMap(Int32.init(exactly:)) else {
          throw scanner.error("an added token's id is no whole number")
        }
        token.id = id
      } else if scanner.matches(key, "content") {
        token.content = scanner.string(try scanner.string())
      } else if scanner.matches(key, "special") {
        token.isSpecial = try scanner.boolean()
      } else if scanner.matches(key, "single_word") {
        token.isSingleWord = try scanner.boolean()
      } else if scanner.matches(key, "lstrip") {
        token.stripsLeft = try scanner.boolean()
      } else if scanner.matches(key, "rstrip") {
        token.stripsRight = try scanner.boolean()
      } else if scanner.matches(key, "normalized") {
        isNormalized = try scanner.boolean()
      } else {
        try scanner.skipValue()
      }
    }
    guard token.id >= 0, !token.content.isEmpty else {
      throw scanner.error("an added token needs an 'id' from 0 and a 'content' that is not empty", at: place)
    }
    token.isNormalized = isNormalized ?? !token.isSpecial
    addedTokens.append(token)
  }

  private func optionalString(_ scanner: inout JSONScanner) throws -> String? {
    guard try scanner.kind() == .null else { return scanner.string(try scanner.string()) }
    try scanner.null()
    return nil
  }

  private func optionalFlag(_ scanner: inout JSONScanner) throws -> Bool {
    guard try scanner.kind() == .null else { return try scanner.boolean() }
    try scanner.null()
    return false
  }
}
