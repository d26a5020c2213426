import Datasets
import Foundation
import TestSupport
import Testing
import Tokenizers

/// Tokens of text that are kept: found by what they depend on, and never when anything about them is wrong.
struct TokenCacheTests {
  let folder: TemporaryFolder
  let cache: TokenCache
  let tokenizer: SentencePieceTokenizer

  init() throws {
    folder = try TemporaryFolder()
    cache = TokenCache(folder: folder.file("cache/tokens"))
    tokenizer = try SentencePieceTokenizer(bytes: TinySentencePiece().bytes)
  }

  func open(
    _ paths: [String], length: Int = 16, format: DataOptions.Format = .auto, tokenizer: (any Tokenizer)? = nil, cache: TokenCache? = nil,
    vocabularySize: Int? = nil, limits: ReadingLimits = ReadingLimits()
  ) throws -> TrainingSet {
    var options = DataOptions(train: paths.map { .init(path: $0, format: format) })
    options.shuffle = false
    options.maximumLength = length
    return try TrainingSet(
      options, batchSize: 3, seed: 1, tokenizer: tokenizer ?? self.tokenizer, vocabularySize: vocabularySize,
      tokenCache: cache ?? self.cache, limits: limits)
  }

  func sequences(_ set: TrainingSet) throws -> [MaskedSequence] { try (0..<set.stepsPerEpoch).flatMap { try set.examples(step: $0) } }

  /// How the only text was opened.
  func origin(_ set: TrainingSet) -> String {
    switch set.texts.first?.origin {
    case .tokenized: "tokenized"
    case .kept: "kept"
    case .cached: "cached"
    case nil: "no text"
    }
  }

  var entries: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: cache.folder)) ?? []).sorted() }

  static let documents = TextTests.documents + ["the and on", "respond \u{1F999}"]

  // MARK: - The same tokens

  /// Rows, with what is known of them, from memory, a temporary file, and an entry.
  @Test(arguments: [1 << 20, 5]) func whatIsFoundIsWhatWasTokenized(tokensInMemory: Int) throws {
    var limits = ReadingLimits()
    limits.textTokensInMemory = tokensInMemory
    let rows = try folder.write(TextTests.lines(Self.documents).replacing("}\n", with: ", \"id\": 3}\n"), to: "a.jsonl")
    let plain = try folder.write(Self.documents.joined(separator: "\n"), to: "b.txt")
    let kept = try open([rows, plain], limits: limits)
    let cached = try open([rows, plain], limits: limits)
    var none = DataOptions(train: [.init(path: rows), .init(path: plain)])
    none.shuffle = false
    none.maximumLength = 16
    let alone = try TrainingSet(none, batchSize: 3, seed: 1, tokenizer: tokenizer)
    #expect(entries.count == 2 && entries.allSatisfy { $0.hasSuffix(".tokens") })
    #expect(kept.texts.map(\.origin) == entriesOf(kept).map { .kept($0) })
    #expect(cached.texts.map(\.origin) == entriesOf(kept).map { .cached($0) })
    #expect(alone.texts.map(\.origin) == [.tokenized, .tokenized])
    #expect(cached.texts.map(\.tokenCount) == alone.texts.map(\.tokenCount))
    for set in [kept, cached] {
      #expect(try sequences(set) == sequences(alone))
      #expect(set.repeatedRows() == alone.repeatedRows() && set.repeatedRows().count == 1)
      #expect(set.fingerprints == alone.fingerprints && set.cacheNotes.isEmpty)
      set.waitUntilEncoded()
      alone.waitUntilEncoded()
      #expect(set.facts == alone.facts && set.facts.ignoredKeys == ["id": 6] && set.facts.duplicateRows == 1)
    }
  }

  private func entriesOf(_ set: TrainingSet) -> [String] {
    set.texts.compactMap { if case .kept(let path) = $0.origin { path } else { nil } }
  }

  /// A row here and in a file whose tokens are cached says the same in every process.
  @Test func rowsAreComparedAcrossFiles() throws {
    let a = try folder.write(TextTests.lines(["the", "and"]), to: "a.jsonl")
    _ = try open([a])
    let b = try folder.write(TextTests.lines(["on", "and"]), to: "b.jsonl")
    let set = try open([a, b])
    #expect(set.repeatedRows().first.map(\.row) == ["\(b), document 2"])
    #expect(set.texts.map { if case .cached = $0.origin { true } else { false } } == [true, false])
  }

  // MARK: - The key

  @Test func namesAndBlocksAreNoPartOfTheKey() throws {
    let text = "the and on the respond"
    let first = try open([folder.write(text, to: "a.txt")])
    #expect(origin(first) == "kept")
    let second = try open([folder.write(text, to: "elsewhere/b.md")], length: 5)
    #expect(origin(second) == "cached" && second.rowsPerEpoch > first.rowsPerEpoch)
    // The first file's name with other contents finds nothing.
    #expect(try origin(open([folder.write(text.replacing("on", with: "in"), to: "a.txt")])) == "kept")
    #expect(entries.count == 2)
  }

  @Test func whateverDecidesTokensIsPartOfTheKey() throws {
    let path = try folder.write(TextTests.lines(["the and on", "in the respond"]), to: "a")
    #expect(try origin(open([path])) == "kept" && origin(open([path])) == "cached")
    // As a document instead of as rows.
    let plain = try folder.write(TextTests.lines(["the and on", "in the respond"]), to: "a.txt")
    #expect(try origin(open([plain], format: .text)) == "kept")
    var configuration = TokenizerConfiguration()
    configuration.addsBeginOfSequence = false
    let silent = try SentencePieceTokenizer(bytes: TinySentencePiece().bytes, configuration: configuration)
    let without = try open([path], tokenizer: silent)
    #expect(try origin(without) == "kept" && sequences(without).allSatisfy { !$0.ids.contains(1) })
    // Equal pieces with other scores.
    var other = TinySentencePiece()
    other.scores = ["he": -1000]
    #expect(try origin(open([path], tokenizer: SentencePieceTokenizer(bytes: other.bytes))) == "kept")
    var prefix = TinySentencePiece()
    prefix.addsDummyPrefix = false
    #expect(try origin(open([path], tokenizer: SentencePieceTokenizer(bytes: prefix.bytes))) == "kept")
    #expect(entries.count == 5)
    #expect(try origin(open([path])) == "cached")
  }

  @Test func smallTextIsTokenizedEveryTime() throws {
    let path = try folder.write("the and on", to: "a.txt")
    #expect(try origin(open([path], cache: TokenCache(folder: cache.folder, minimumByteCount: 11))) == "tokenized" && entries.isEmpty)
    #expect(try origin(open([path], cache: TokenCache(folder: cache.folder, minimumByteCount: 10))) == "kept")
  }

  /// What a row became is wrong for a smaller model, whoever has tokenized it.
  @Test func tokensAreThoseOfTheModel() throws {
    let path = try folder.write(TextTests.lines(["the"]), to: "a.jsonl")
    _ = try open([path])
    let error = #expect(throws: DataError.self) { try open([path], vocabularySize: 100) }
    #expect(error?.description.contains("row 1 has the token") == true)
    #expect(try origin(open([path], vocabularySize: 10_000)) == "cached")
  }

  // MARK: - Entries that are not whole

  /// Every byte counts, and every length.
  @Test func aDamagedEntryIsToldAndMadeAgain() throws {
    let path = try folder.write(TextTests.lines(Self.documents), to: "a.jsonl")
    let expected = try sequences(open([path]))
    let name = try #require(entries.first)
    let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(cache.folder)/\(name)")))
    var broken: [(bytes: [UInt8], reason: String)] = [
      ([], "it has 0 bytes, fewer than a header"), (Array(whole[..<4000]), "it has 4000 bytes, fewer than a header"),
      (Array(whole.dropLast()), "it has \(whole.count - 1) bytes; its header says \(whole.count)"),
      (whole + [0], "it has \(whole.count + 1) bytes; its header says \(whole.count)"),
      ([UInt8](repeating: 0, count: 8192), "it is no file of cached tokens"),
      (Array(String(repeating: "{}", count: 4000).utf8), "it is no file of cached tokens"),
    ]
    for place in [4096, 4097, whole.count / 2 + 2048, whole.count - 1] {
      var bytes = whole
      bytes[place] ^= 1
      broken.append((bytes, "it is damaged: its checksum is another one"))
    }
    func header(_ old: String, _ new: String) -> [UInt8] {
      let text = String(decoding: whole[..<4096], as: UTF8.self)
      #expect(text.contains(old))
      return Array(text.replacing(old, with: new).utf8.prefix(4096)) + whole[4096...]
    }
    broken.append((header("\"text_bytes\":", "\"text_bytes\":9"), "it holds the tokens of something else"))
    broken.append((header("\"checksum\":\"", "\"checksum\":\"0"), "it is damaged: its checksum is another one"))
    broken.append((header("\"puna_tokens\":1", "\"puna_tokens\":2"), "it holds the tokens of something else"))
    for counts in ["-1", "9223372036854775807", "6.5"] {
      broken.append((header("\"ends\":6", "\"ends\":\(counts)"), "it is no file of cached tokens"))
    }
    for (bytes, reason) in broken {
      try folder.write(bytes, to: "cache/tokens/\(name)")
      let set = try open([path])
      #expect(
        set.cacheNotes == ["\(cache.folder)/\(name): the tokens of \(path) are not read from it: \(reason). The text is tokenized again."])
      #expect(try origin(set) == "kept" && sequences(set) == expected)
      #expect(try [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(cache.folder)/\(name)"))) == whole)
    }
    #expect(try origin(open([path])) == "cached" && entries == [name])
  }

  /// A run that has an entry open goes on when it is replaced or removed.
  @Test func anEntryThatGoesDoesNoHarm() throws {
    let path = try folder.write(Self.documents.joined(separator: "\n"), to: "a.txt")
    _ = try open([path])
    var limits = ReadingLimits()
    limits.keptByteCount = 0
    limits.tokensAhead = 1
    let set = try open([path], length: 2, limits: limits)
    let before = try sequences(set)
    try FileManager.default.removeItem(atPath: "\(cache.folder)/\(try #require(entries.first))")
    #expect(try sequences(set) == before && origin(set) == "cached")
  }

  // MARK: - Folders

  @Test func aFolderThatCannotBeWrittenIsANote() throws {
    let path = try folder.write("the and on", to: "a.txt")
    try folder.write("x", to: "file")
    let set = try open([path], cache: TokenCache(folder: folder.file("file/tokens")))
    #expect(
      set.cacheNotes == [
        "\(folder.path)/file/tokens: cannot keep the tokens of \(path): Not a directory. The run goes on, and the next one tokenizes the "
          + "text again; data.token_cache names another folder, or none."
      ])
    #expect(try origin(set) == "tokenized" && !sequences(set).isEmpty)
    // A file system that takes nothing.
    let full = try open([path], cache: TokenCache(folder: "/proc"))
    #expect(full.cacheNotes.count == 1 && origin(full) == "tokenized")
  }

  @Test func whatWasUsedLongestAgoMakesRoom() throws {
    var limited = cache
    func size(_ name: String) throws -> Int { try Data(contentsOf: URL(fileURLWithPath: "\(cache.folder)/\(name)")).count }
    func age(_ name: String, _ hours: Double) throws {
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -3600 * hours)], ofItemAtPath: "\(cache.folder)/\(name)")
    }
    var names: [String] = []
    for (index, text) in ["the", "and", "on"].enumerated() {
      let set = try open([folder.write(text, to: "\(index).txt")])
      names += entriesOf(set).map { String($0.split(separator: "/").last ?? "") }
      try age(names[index], Double(10 - index))
    }
    // The oldest is used, which makes it the youngest; what is not ours stays, and so does what may be written just now.
    #expect(try origin(open([folder.file("0.txt")])) == "cached")
    let others = ["notes.txt", "00.tokens", ".\(names[0]).1-x.tokens.tmp"]
    for name in others { try folder.write([UInt8](repeating: 0, count: 100_000), to: "cache/tokens/\(name)") }
    try folder.write("x", to: "cache/tokens/.\(names[0]).2-x.tokens.tmp")
    try age(".\(names[0]).2-x.tokens.tmp", 48)
    limited.byteLimit = try 3 * size(names[0]) + 2000
    let last = try open([folder.write("re", to: "3.txt")], cache: limited)
    #expect(origin(last) == "kept")
    #expect(
      Set(entries) == Set([names[0], names[2]] + others + entriesOf(last).compactMap { $0.split(separator: "/").last.map(String.init) }))
  }

  @Test func manyAtOnce() async throws {
    let path = try folder.write(String(repeating: "the and on respond\n", count: 2000), to: "a.txt")
    let expected = try sequences(open([path], cache: TokenCache(folder: folder.file("other"))))
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<5 {
            let set = try open([path])
            guard set.cacheNotes.isEmpty, try sequences(set) == expected else { return false }
          }
          return true
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
    #expect(entries.count == 1)
  }
}
