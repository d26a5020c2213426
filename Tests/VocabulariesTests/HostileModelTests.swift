import Checkpoints
import TestSupport
import Testing
import Tokenizers
import Vocabularies

/// Files that are no SentencePiece model, or not all of one: each is an error, none ends the process.
struct HostileModelTests {
  static let tiny = TinySentencePiece(merges: ["the"]).bytes

  @Test(
    arguments: [
      ("a first byte alone", [0x0A]),
      ("a length beyond the file", [0x0A, 0x7F, 0x0A]),
      ("a length of 2^63", [0x0A] + [UInt8](repeating: 0xFF, count: 8) + [0x7F]),
      ("a length of 2^64 - 1", [0x0A] + [UInt8](repeating: 0xFF, count: 9) + [0x01]),
      ("a number of 80 bits", [0x0A] + [UInt8](repeating: 0x80, count: 11)),
      ("a cut number", [0x0A, 0x80]),
      ("a group", [0x0A, 0x00, 0x0B]),
      ("field number 0", [0x0A, 0x00, 0x02, 0x00]),
      ("a piece that is a number", tiny + [0x08, 0x01]),
      ("a spelling that is a number", tiny + [0x0A, 0x02, 0x08, 0x01]),
      ("a score that is a number", tiny + [0x0A, 0x02, 0x10, 0x01]),
      ("a kind that is a text", tiny + [0x0A, 0x03, 0x1A, 0x01, 0x61]),
      ("kind 7", tiny + [0x0A, 0x05, 0x0A, 0x01, 0x7A, 0x18, 0x07]),
      ("settings that are a number", tiny + [0x10, 0x01]),
      ("a type that is a text", tiny + [0x12, 0x02, 0x1A, 0x00]),
      ("normalization that is a number", tiny + [0x1A, 0x02, 0x08, 0x01]),
      ("a hundred thousand empty pieces", [UInt8]((0..<100_000).flatMap { _ in [0x0A, 0x00] as [UInt8] })),
      ("a piece twice", tiny + [0x0A, 0x03, 0x0A, 0x01, 0x61]),
      ("no pieces", [0x12, 0x00]),
      ("text", Array("the cat".utf8)),
      ("nothing", []),
    ] as [(String, [UInt8])])
  func isRefused(name: String, bytes: [UInt8]) {
    #expect(throws: TokenizerError.self, "\(name)") { try SentencePieceModel(bytes: bytes, path: "file") }
  }

  /// A file cut anywhere is refused, or reads as what is left of it and can be written again.
  @Test func cutAnywhere() throws {
    let other = try SentencePieceModel(bytes: TinySentencePiece(merges: ["你"]).bytes, path: "other")
    var refusedCount = 0
    for count in 0..<HostileModelTests.tiny.count {
      guard let model = try? SentencePieceModel(bytes: Array(HostileModelTests.tiny[..<count]), path: "file") else {
        refusedCount += 1
        continue
      }
      let merge = try? VocabularyMerge(base: model, adding: [other])
      #expect(merge.map { $0.result.bytes.count > count } ?? true)
    }
    #expect(refusedCount > HostileModelTests.tiny.count / 2)
  }

  @Test func otherKindsOfTokenizersAreNamed() throws {
    let folder = try TemporaryFolder()
    let ranks = try folder.write("IQ== 0\nIg== 1\n", to: "ranks/tokenizer.model")
    #expect(throws: VocabularyError.notSentencePiece(path: ranks, kind: "a list of tiktoken ranks, as Llama 3's")) {
      try SentencePieceModel(path: ranks)
    }
    let json = try folder.write("{}", to: "tokenizer.json")
    #expect(throws: VocabularyError.notSentencePiece(path: json, kind: "a tokenizer.json")) { try SentencePieceModel(path: json) }
    #expect(throws: VocabularyError.isFolder(path: folder.file("ranks"), suggestion: ranks)) {
      try SentencePieceModel(path: folder.file("ranks"))
    }
    #expect(throws: VocabularyError.isFolder(path: folder.path, suggestion: nil)) { try SentencePieceModel(path: folder.path) }
    #expect(throws: CheckpointError(path: folder.file("none"), reason: .missing)) { try SentencePieceModel(path: folder.file("none")) }
    let empty = try folder.write("", to: "empty")
    #expect(throws: CheckpointError(path: empty, reason: .empty)) { try SentencePieceModel(path: empty) }
  }
}
