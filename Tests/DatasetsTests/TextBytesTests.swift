import Datasets
import TestSupport
import Testing
import Tokenizers

/// Bytes of text that supervised tokens stand for.
struct TextBytesTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func bytes(_ documents: [String], length: Int, tokenizer: any Tokenizer) throws -> (count: Int?, sequences: [MaskedSequence]) {
    let rows = documents.map { "{\"text\": \"\($0.replacing("\n", with: "\\n"))\"}" }.joined(separator: "\n")
    var options = DataOptions(train: [.init(path: try folder.write(rows, to: "rows.jsonl"))])
    options.maximumLength = length
    options.shuffle = false
    let set = try TrainingSet(options, batchSize: 1000, seed: 1, tokenizer: tokenizer)
    let sequences = try set.examples(step: 0)
    return (try set.textByteCount(of: sequences), sequences)
  }

  static let documents = [
    "the and on", " the", "  and  the ", "\n", "in\nthe", "é\u{1F999}x", "longwordwithoutspaces 123", "\u{2581}the", "a", "牦牛 and 羊驼。",
  ]

  static func tokenizers() throws -> [any Tokenizer] {
    var byteLevel = TinyBytePairs(.bytes)
    byteLevel.addedTokens = [TinyBytePairs.token(265, "<s>", isSpecial: true), TinyBytePairs.token(266, "</s>", isSpecial: true)]
    var configuration = TokenizerConfiguration()
    (configuration.beginOfSequence, configuration.endOfSequence, configuration.addsBeginOfSequence) = ("<s>", "</s>", true)
    return [
      try SentencePieceTokenizer(bytes: TinySentencePiece().bytes),
      try BytePairTokenizer(json: Array(byteLevel.json.utf8), configuration: configuration),
      try BytePairTokenizer(json: Array(TinyBytePairs(.characters).json.utf8), configuration: configuration),
    ]
  }

  /// Of a whole document all bytes, and nothing for what stands before and behind it; the space that is put before it is none.
  @Test(arguments: 0..<3) func aWholeDocumentHasItsBytes(_ which: Int) throws {
    let tokenizer = try Self.tokenizers()[which]
    for document in Self.documents where try tokenizer.decode(tokenizer.encode(document)) == document {
      let (count, sequences) = try bytes([document], length: 1000, tokenizer: tokenizer)
      #expect(count == document.utf8.count, "'\(document)'")
      #expect(sequences.count == 1 && sequences[0].ids.last == tokenizer.endOfSequence)
    }
    let whole = try Self.documents.filter { try tokenizer.decode(tokenizer.encode($0)) == $0 }
    #expect(whole.count >= 8)
    #expect(try bytes(whole, length: 1000, tokenizer: tokenizer).count == whole.reduce(0) { $0 + $1.utf8.count })
  }

  /// Cuts lose the bytes of the tokens that begin a part, which nothing predicts, and no others.
  @Test(arguments: [2, 3, 5, 8, 13]) func cutsLoseWhatBeginsAPart(length: Int) throws {
    for tokenizer in try Self.tokenizers() {
      let whole = try Self.documents.filter { try tokenizer.decode(tokenizer.encode($0)) == $0 }
      let (count, sequences) = try bytes(whole, length: length, tokenizer: tokenizer)
      // Where each token lies in its document, decoded in one go.
      var lost = 0
      var document = -1
      var before: [Int32] = []
      for sequence in sequences {
        for (index, id) in sequence.ids.enumerated() {
          if id == tokenizer.beginOfSequence {
            (document, before) = (document + 1, [])
          } else if index == 0, id != tokenizer.endOfSequence {
            var atStart = true
            for earlier in before { _ = try tokenizer.bytes(of: earlier, atStart: &atStart) }
            lost += try tokenizer.bytes(of: id, atStart: &atStart).count
          }
          if id != tokenizer.beginOfSequence { before.append(id) }
        }
      }
      #expect(document == whole.count - 1)
      #expect(count == whole.reduce(0) { $0 + $1.utf8.count } - lost)
    }
  }

  @Test func rowsThatAreNoTextHaveNone() throws {
    let tokenizer = try Self.tokenizers()[0]
    let text = try folder.write(#"{"text": "the and"}"#, to: "a.jsonl")
    let instructions = try folder.write(#"{"instruction": "the", "output": "and"}"#, to: "b.jsonl")
    let set = try TrainingSet(
      DataOptions(train: [.init(path: text), .init(path: instructions)]), batchSize: 2, seed: 1, tokenizer: tokenizer)
    let sequences = try set.examples(step: 0)
    #expect(try sequences.count == 2 && set.textByteCount(of: sequences) == nil && set.textByteCount(of: []) == nil)
    for sequence in sequences {
      #expect(try set.textByteCount(of: [sequence]) == (sequence.origin.source == 0 ? 7 : nil))
    }
  }
}
