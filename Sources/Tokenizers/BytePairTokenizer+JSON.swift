import JSON

extension BytePairTokenizer {
  /// The tokenizer of a `tokenizer.json` (Hugging Face tokenizers) whose model is BPE.
  ///
  /// - Parameters:
  ///   - name: the file's name in messages.
  ///   - configuration: what `tokenizer_config.json` says, where there is one.
  /// - Throws: `TokenizerError`; what is not read is refused by its name.
  public convenience init(
    json bytes: [UInt8], name: String = "tokenizer.json", configuration: TokenizerConfiguration = TokenizerConfiguration()
  ) throws {
    let document = try TokenizerDocument(bytes, name)
    guard document.hasModel else { throw TokenizerError.notATokenizer(path: name, reason: "it has no 'model'") }
    guard document.modelType ?? "BPE" == "BPE" else {
      throw TokenizerError.unsupported(path: name, what: "a model of type '\(document.modelType ?? "")'")
    }
    guard !document.entries.isEmpty else { throw TokenizerError.notATokenizer(path: name, reason: "its model has no vocabulary") }
    let steps = try TokenizerSteps(document.sections, name)
    let builder = try VocabularyBuilder(document, steps, configuration, name)
    var parts = Parts(
      identity: configuration.identity("tokenizer.json", bytes), pieces: builder.pieces, kinds: builder.kinds,
      spelling: steps.isByteLevel ? .bytes : .characters, model: try builder.model(),
      addedTokens: builder.addedTokens, normalizer: steps.normalizer, splitter: steps.splitter, decoder: steps.decoder)
    for id in steps.begin + steps.end where Int(id) >= builder.kinds.count {
      throw TokenizerError.inconsistent(path: name, reason: "its post_processor adds id \(id) to texts, which the vocabulary does not have")
    }
    parts.beginOfSequence = steps.begin.first
    parts.endOfSequence = steps.end.first
    parts.addsBeginOfSequence = !steps.begin.isEmpty
    parts.addsEndOfSequence = !steps.end.isEmpty
    try parts.apply(configuration, name)
    try self.init(parts, name)
  }
}

extension BytePairTokenizer.Parts {
  /// Begin and end of sequence as the configuration has them.
  mutating func apply(_ configuration: TokenizerConfiguration, _ path: String) throws {
    func id(_ name: String?) throws -> Int32? {
      guard let name else { return nil }
      if let token = addedTokens.first(where: { $0.content == name }) { return token.id }
      throw TokenizerError.inconsistent(
        path: path, reason: "the token '\(name)', which the configuration beside it names, is not in the vocabulary")
    }
    beginOfSequence = try id(configuration.beginOfSequence) ?? beginOfSequence
    endOfSequence = try id(configuration.endOfSequence) ?? endOfSequence
    addsBeginOfSequence = (configuration.addsBeginOfSequence ?? addsBeginOfSequence) && beginOfSequence != nil
    addsEndOfSequence = (configuration.addsEndOfSequence ?? addsEndOfSequence) && endOfSequence != nil
  }
}

/// Puts the vocabulary of a `tokenizer.json` in the order of its ids, with the tokens added to it.
private struct VocabularyBuilder {
  let document: TokenizerDocument
  let isByteLevel: Bool
  let path: String

  /// By the spelling in the file, for everything that the file says in words.
  private(set) var vocabulary: PieceTable
  private(set) var pieces: PieceTable
  private(set) var kinds: [PieceKind] = []
  private(set) var addedTokens: [AddedToken]
  private var unknown: Int32?

  init(_ document: TokenizerDocument, _ steps: TokenizerSteps, _ configuration: TokenizerConfiguration, _ path: String) throws {
    self.document = document
    self.path = path
    isByteLevel = steps.isByteLevel
    vocabulary = PieceTable(minimumCapacity: document.entries.count)
    pieces = PieceTable(minimumCapacity: document.entries.count)
    addedTokens = document.addedTokens
    try addTokens(of: configuration)
    try orderVocabulary()
    try nameControls(configuration)
    try makePieces()
  }

  private func inconsistent(_ reason: String) -> TokenizerError { .inconsistent(path: path, reason: reason) }

  // MARK: - Ids

  private mutating func addTokens(of configuration: TokenizerConfiguration) throws {
    var known: [Int32: String] = [:]
    for token in addedTokens {
      if let other = known.updateValue(token.content, forKey: token.id) {
        throw inconsistent("the added tokens '\(other)' and '\(token.content)' both have id \(token.id)")
      }
    }
    for token in configuration.addedTokens {
      if let content = known[token.id] {
        guard content == token.content else {
          throw inconsistent("id \(token.id) is '\(content)'; in the configuration beside it, it is '\(token.content)'")
        }
      } else {
        addedTokens.append(token)
      }
    }
    addedTokens.sort { $0.id < $1.id }
  }

  /// Every id has exactly one piece.
  private mutating func orderVocabulary() throws {
    // Index of an entry, or of an added token counted down from -2; -1 for nothing yet.
    let count = document.entries.count + addedTokens.count
    var owner = [Int32](repeating: -1, count: count)
    for (index, entry) in document.entries.enumerated() {
      guard entry.id < count else { throw gap(below: entry.id, in: owner) }
      let previous = owner[Int(entry.id)]
      guard previous < 0 else { throw inconsistent("'\(spelling(Int(previous)))' and '\(spelling(index))' both have id \(entry.id)") }
      owner[Int(entry.id)] = Int32(index)
    }
    for (index, token) in addedTokens.enumerated() {
      guard token.id < count else { throw gap(below: token.id, in: owner) }
      let previous = owner[Int(token.id)]
      if previous >= 0 {
        guard spelling(Int(previous)) == token.content else {
          throw inconsistent("'\(spelling(Int(previous)))' and the added token '\(token.content)' both have id \(token.id)")
        }
      } else {
        owner[Int(token.id)] = -2 - Int32(index)
      }
    }
    while owner.last == -1 { owner.removeLast() }
    if owner.contains(-1) { throw gap(below: Int32(owner.count - 1), in: owner) }
    try document.text.withUnsafeBufferPointer { text in
      for (id, index) in owner.enumerated() {
        let isNew: Bool
        if index >= 0 {
          let entry = document.entries[Int(index)]
          isNew = vocabulary.append(UnsafeBufferPointer(rebasing: text[entry.start..<entry.end]))
        } else {
          isNew = vocabulary.append(addedTokens[Int(-2 - index)].content.utf8)
        }
        guard isNew else {
          let name = index >= 0 ? spelling(Int(index)) : addedTokens[Int(-2 - index)].content
          let other = vocabulary.id(of: name.utf8).map(String.init) ?? "another"
          throw inconsistent("'\(name)' has two ids, \(other) and \(id)")
        }
      }
    }
  }

  private func spelling(_ index: Int) -> String {
    let entry = document.entries[index]
    return String(decoding: document.text[entry.start..<entry.end], as: UTF8.self)
  }

  private func gap(below id: Int32, in owner: [Int32]) -> TokenizerError {
    let missing = owner.firstIndex(of: -1) ?? owner.count
    return inconsistent("a piece has id \(id), and none has id \(missing); ids count from 0 without gaps")
  }

  /// Tokens that the configuration names as special are control tokens even where the file has them as ordinary pieces.
  private mutating func nameControls(_ configuration: TokenizerConfiguration) throws {
    let added = Set(addedTokens.map(\.content))
    for name in configuration.controlNames.sorted() where !added.contains(name) {
      guard let id = vocabulary.id(of: name.utf8) else { continue }
      addedTokens.append(AddedToken(id: id, content: name, isSpecial: true))
    }
    for index in addedTokens.indices where configuration.controlNames.contains(addedTokens[index].content) {
      addedTokens[index].isSpecial = true
    }
  }

  // MARK: - Pieces and merges

  private mutating func makePieces() throws {
    kinds = [PieceKind](repeating: .normal, count: vocabulary.count)
    for token in addedTokens { kinds[Int(token.id)] = token.isSpecial ? .control : .userDefined }
    if let name = document.unknown {
      guard let id = vocabulary.id(of: name.utf8) else { throw inconsistent("its unk_token '\(name)' is not in the vocabulary") }
      unknown = id
      kinds[Int(id)] = .unknown
    }
    for id in byteFallback ?? [] where kinds[Int(id)] == .normal { kinds[Int(id)] = .byte }
    for id in 0..<Int32(vocabulary.count) {
      let isAdded = kinds[Int(id)] == .control || kinds[Int(id)] == .userDefined || kinds[Int(id)] == .unknown
      let spelling = vocabulary[id]
      let bytes = isByteLevel ? spelling.withUnsafeBufferPointer { ByteSpelling.bytes(of: $0) } : nil
      // An added token stands for its own text, whatever bytes its characters would spell.
      let isFromText = kinds[Int(id)] != .control && kinds[Int(id)] != .unknown
      let isFindable = isFromText && (!isByteLevel || bytes != nil && (!isAdded || bytes == Array(spelling)))
      _ = pieces.append(isAdded ? spelling : bytes.map { $0[...] } ?? spelling, isFindable: isFindable)
    }
  }

  /// The pieces `<0x00>` to `<0xFF>`, if all are there.
  private var byteFallback: [Int32]? {
    guard document.hasByteFallback, !isByteLevel else { return nil }
    let ids = (UInt8.min...UInt8.max).compactMap { vocabulary.id(of: "<\(hexadecimal($0))>".utf8) }
    return ids.count == 256 ? ids : nil
  }

  func model() throws -> BytePairModel {
    var symbols = BytePairModel.Symbols.bytes((UInt8.min...UInt8.max).map { pieces.id(of: [$0]) ?? -1 })
    if !isByteLevel {
      if document.hasByteFallback {
        guard let bytes = byteFallback else { throw inconsistent("it has byte_fallback, but not all of the pieces <0x00> to <0xFF>") }
        symbols = .characters(.bytes(bytes))
      } else if let unknown {
        symbols = .characters(.unknown(unknown, isFused: document.fusesUnknown))
      } else {
        symbols = .characters(.none)
      }
    }
    let (merges, joins) = try merges()
    var canCut = !isByteLevel
    if case .characters(.unknown) = symbols { canCut = false }
    return BytePairModel(
      symbols: symbols, pieces: pieces, merges: merges, takesWholeWords: document.ignoresMerges, joins: canCut ? joins : nil)
  }

  private func merges() throws -> (MergeTable, JoinTable?) {
    var merges = MergeTable(minimumCapacity: document.merges.count)
    var joins: JoinTable? = JoinTable()
    try document.text.withUnsafeBufferPointer { text in
      for (rank, rule) in document.merges.enumerated() {
        func id(_ range: Range<Int>) throws -> Int32 {
          let piece = UnsafeBufferPointer(rebasing: text[range])
          if let id = vocabulary.id(of: piece) { return id }
          throw inconsistent("merge \(rank) needs '\(String(decoding: piece, as: UTF8.self))', which is not in the vocabulary")
        }
        let (left, right) = (try id(rule.start..<rule.middle), try id(rule.middle..<rule.end))
        let result = try id(rule.start..<rule.end)
        // A text must never become a control token, even piece by piece.
        guard kinds[Int(result)] != .control, kinds[Int(result)] != .unknown else { continue }
        merges.insert(left, right, MergeTable.Merge(rank: Int32(rank), id: result))
        if kinds[Int(left)] == .byte || kinds[Int(right)] == .byte { joins = nil }
        joins?.insert(UnsafeBufferPointer(rebasing: text[rule.start..<rule.end]))
      }
    }
    return (merges, joins)
  }
}
