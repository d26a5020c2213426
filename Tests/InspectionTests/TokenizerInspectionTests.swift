import Inspection
import TestSupport
import Testing

struct TokenizerInspectionTests {
  @Test func aModelFileAndItsFolder() throws {
    let folder = try TemporaryFolder()
    let tokenizer = TinySentencePiece(controls: ["[PAD]"], userDefined: ["<user>"])
    let file = try folder.write(tokenizer.bytes, to: "tokenizer.model")
    for path in [file, folder.path] {
      let inspection = try Inspector().inspect(path)
      #expect(
        inspection.text().split(separator: "\n").dropFirst() == [
          "tokenizer      SentencePiece, \(tokenizer.pieces.count) ids",
          "               BOS <s> (1), added to every sequence; EOS </s> (2)",
          "               2 other special tokens: [PAD] (3), <user> (260)", "               byte fallback: spells every text",
        ])
      let facts = try #require(inspection.tokenizer)
      #expect(facts.pieceCounts[.byte] == 256 && facts.pieceCounts[.userDefined] == 1 && facts.hasByteFallback)
      #expect(inspection.json["tokenizer"]?["pieces"]?["control"]?.integer == 3)
    }
  }

  @Test func aModelThatIsCutShort() throws {
    let folder = try TemporaryFolder()
    try folder.write([UInt8](TinySentencePiece().bytes.dropLast(600)), to: "tokenizer.model")
    #expect(try Inspector().inspect(folder.path).problems.count == 1)
  }
}
