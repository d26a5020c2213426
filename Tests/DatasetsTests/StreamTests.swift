import Datasets
import Foundation
import TestSupport
import Testing
import Tokenizers

/// Files read in pieces give what they give as a whole; files that change are noticed.
struct StreamTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// All limits so small that every bound is met.
  static func small(_ pieceSize: Int) -> ReadingLimits {
    var limits = ReadingLimits()
    limits.pieceSize = pieceSize
    limits.keptByteCount = 0
    limits.tokensAhead = 20
    return limits
  }

  func set(_ options: DataOptions, batchSize: Int = 3, limits: ReadingLimits) throws -> TrainingSet {
    try TrainingSet(
      options, batchSize: batchSize, seed: 5, tokenizer: SentencePieceTokenizer(bytes: TinySentencePiece().bytes), vocabularySize: 500,
      limits: limits)
  }

  static let row = #"{"instruction": "the", "input": "", "output": "and"}"#
  static let odd = #"""
    {"output": "\ud83e\udd99 \u00e9 é\\", "id": [1.5e3, {"a": [true, false, null, ""]}],
      "instruction" : "\n\"🦙"}
    """#
  static let chat = #"{"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]}"#
  static let tokens = #"{"ids": [1, 22, 333, 2], "prompt_length": 2}"#

  @Test(arguments: [
    "[\(row), \(odd) ,\n\(row)]", "\(row)\n\(odd)\n\n\(row)\n", "\u{FEFF}\(row)\r\n \(odd)", " \n[\(chat),\(chat)]\n ",
    "\(tokens)\n\(tokens)",
  ])
  func piecesGiveWhatTheWholeGives(text: String) throws {
    var options = DataOptions(train: [.init(path: try folder.write(text, to: "rows"), template: "llama2")])
    options.maximumLength = 40
    let whole = try set(options, limits: ReadingLimits())
    let examples = try (0..<3).map { try whole.examples(epoch: $0, step: 0) }
    whole.waitUntilEncoded()
    for pieceSize in [1, 2, 3, 5, 8, 13, 21, 34, 55] {
      let set = try set(options, limits: Self.small(pieceSize))
      #expect(try (0..<3).map { try set.examples(epoch: $0, step: 0) } == examples)
      #expect(set.facts == whole.facts)
    }
  }

  static let mistakes = [
    "", " \n", "[]", "3", "tru", #"{"data": []}"#, "[\(row), {\"output\": \"x\"}]", "[\(row), 3]",
    "[\(row),\n {\"instruction\": \"x\" \"output\": 1}]", "[\(row)] x", "\(row) \(row)", "\(row),\n\(row)", "[\(row)", "[\(row),",
    "\(row)\n{\"instruction\": \"é", "\(row)\n\u{FEFF}\(row)", "[\(row),]", #"{"ids": [1, 500], "prompt_length": 1}"#,
    #"{"ids": [1, 2], "prompt_length": 33}"#, #"{"ids": [1, 2.5], "prompt_length": 0}"#, #"{"ids": [1, 04], "prompt_length": 0}"#,
    #"{"instruction": "\ud83e\ud83e"}"#, #"{"instruction": "\x"}"#, #"{"instruction": "\u12"}"#, "{\"instruction\": \"a\nb\"}",
    "[\(row), [\(row)]]", "é", #"[{"question": "x"}]"#,
  ]

  @Test(arguments: mistakes)
  func mistakesAreTheSameInPieces(text: String) throws {
    let options = DataOptions(train: [.init(path: try folder.write(text, to: "rows"))])
    let whole = #expect(throws: DataError.self) { try set(options, limits: ReadingLimits()) }
    for pieceSize in [1, 2, 3, 7, 50] {
      let error = #expect(throws: DataError.self) { try set(options, limits: Self.small(pieceSize)) }
      #expect(error == whole)
    }
  }

  @Test func placesOfMistakesAreThoseOfTheFile() throws {
    let text = String(repeating: Self.row + "\n", count: 50) + "  {\"instruction\": \"é\" 1}"
    let options = DataOptions(train: [.init(path: try folder.write(text, to: "rows"))])
    let error = #expect(throws: DataError.self) { try set(options, limits: Self.small(16)) }
    let byte = 50 * (Self.row.utf8.count + 1) + 23
    #expect(
      error?.description
        == "\(folder.path)/rows:51:23 (byte \(byte)): not JSON: expected ',' or '}' after a value, found '1'.")
  }

  @Test func invalidUTF8HasItsPlace() throws {
    let start = Array((Self.row + "\n{\"instruction\": \"a").utf8)
    let options = DataOptions(train: [.init(path: try folder.write(start + [0xC3, 0x28] + Array("\"}".utf8), to: "rows"))])
    for pieceSize in [1, 7, 1 << 20] {
      let error = #expect(throws: DataError.self) { try set(options, limits: Self.small(pieceSize)) }
      #expect(error?.description == "\(folder.path)/rows:2:19 (byte \(start.count)): not JSON: invalid UTF-8 (byte 0xC3).")
    }
  }

  // MARK: - The window

  /// Many rows through a window of few tokens or many: several epochs, with copies, in order, resumed and read twice.
  @Test(arguments: [20, 1000]) func aWindowChangesNothing(tokensAhead: Int) throws {
    let lines = (0..<200).map { "{\"ids\": [\($0), \($0 + 1), 3, 4, 5, 6], \"prompt_length\": 1}" }.joined(separator: "\n")
    var options = DataOptions(train: [
      .init(path: try folder.write(lines, to: "a"), weight: 1.5), .init(path: try folder.write(Self.row, to: "b"), weight: 3),
    ])
    options.validation = .count(10)
    let whole = try set(options, batchSize: 7, limits: ReadingLimits())
    var limits = Self.small(64)
    limits.tokensAhead = tokensAhead
    let window = try set(options, batchSize: 7, limits: limits)
    #expect(window.stepsPerEpoch == whole.stepsPerEpoch)
    // Time to fill it.
    while window.facts.tokens < tokensAhead / 2 { usleep(1000) }
    for step in 0..<3 * whole.stepsPerEpoch { #expect(try window.examples(step: step) == whole.examples(step: step)) }
    // As a resumed run, and as one that looks back.
    for step in [100, 101, 102, 3, 4, 5, 0, 90] { #expect(try window.examples(step: step) == whole.examples(step: step)) }
    #expect(try window.validationExamples() == whole.validationExamples())
    whole.waitUntilEncoded()
    // Every row counts once, however often it was encoded.
    #expect(window.facts.rowsEncoded == 191)
  }

  /// Blocks of a text stay in memory only where its tokens are few; they are read again from where they lie.
  @Test func manyTokensOfTextAreNotKept() throws {
    let text = (0..<300).map { "the number \($0) and on\n" }.joined()
    var options = DataOptions(train: [.init(path: try folder.write(text, to: "a.txt"))])
    options.maximumLength = 8
    let kept = try set(options, limits: ReadingLimits())
    kept.waitUntilEncoded()
    #expect(kept.facts.rowsEncoded == kept.rowsPerEpoch)
    var limits = ReadingLimits()
    limits.tokensAhead = 40
    // A byte too few.
    limits.keptByteCount = 4 * (try #require(kept.texts.first)).tokenCount - 1
    let window = try set(options, limits: limits)
    for step in [0, 1, 2, 50] { #expect(try window.examples(step: step) == kept.examples(step: step)) }
    usleep(200_000)
    #expect(window.facts.rowsEncoded < 40 && window.rowsPerEpoch > 200)
    #expect(window.plannedByteCount == 400 && kept.plannedByteCount > 400)
  }

  @Test func longRowsAreHandledAsInTheWhole() throws {
    let lines = [3, 9, 5, 6].map { "{\"ids\": \(Array(repeating: 7, count: $0)), \"prompt_length\": 1}" }.joined(separator: "\n")
    var options = DataOptions(train: [.init(path: try folder.write(lines, to: "a"))])
    options.maximumLength = 5
    options.tooLong = .drop
    let window = try set(options, limits: Self.small(9))
    #expect(window.rowsPerEpoch == 2 && window.facts.droppedRows == 2)
    #expect(try window.examples(step: 0).map(\.ids.count).sorted() == [3, 5])
    options.tooLong = .error
    #expect(throws: DataError.self) { try set(options, limits: Self.small(9)) }
  }

  // MARK: - Files that change

  @Test(arguments: ["longer", "as long", "shorter"])
  func aFileChangedInPlaceIsAnError(how: String) throws {
    let text = String(repeating: Self.row + "\n", count: 300)
    let path = try folder.write(text, to: "rows")
    // Older than any clock's tick.
    try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -60)], ofItemAtPath: path)
    let set = try set(DataOptions(train: [.init(path: path)]), limits: Self.small(64))
    _ = try set.examples(step: 0)
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    switch how {
    case "longer":
      try handle.seekToEnd()
      try handle.write(contentsOf: Data(Self.row.utf8))
    case "as long": try handle.write(contentsOf: Data(text.replacing("and", with: "the").utf8))
    default: try handle.truncate(atOffset: 100)
    }
    let error = #expect(throws: DataError.self) { for step in 50..<60 { _ = try set.examples(step: step) } }
    #expect(
      error?.description
        == "\(path): the file was changed after the run had opened it. Leave it as it is until the run ends, and start again.")
  }

  @Test func aFileRenamedOverDoesNoHarm() throws {
    let path = try folder.write(String(repeating: Self.row + "\n", count: 300), to: "rows")
    let set = try set(DataOptions(train: [.init(path: path)]), limits: Self.small(64))
    let before = try set.examples(step: 60)
    try folder.write("something else", to: "other")
    #expect(rename(folder.file("other"), path) == 0)
    #expect(try set.examples(step: 60).map(\.ids) == before.map(\.ids))
  }

  @Test func whatIsNoFileIsRefused() throws {
    func message(_ path: String) -> String? {
      #expect(throws: DataError.self) { try set(DataOptions(train: [.init(path: path)]), limits: ReadingLimits()) }?.description
    }
    #expect(message(folder.path) == "\(folder.path): cannot be read: it is a folder.")
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    #expect(message(folder.file("pipe")) == "\(folder.file("pipe")): cannot be read: it is not a regular file.")
  }
}
