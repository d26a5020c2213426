import Datasets
import TestSupport
import Testing
import Tokenizers

struct PreviewTests {
  @Test func rowsAsTheModelSeesThem() throws {
    let model = TinySentencePiece()
    let tokenizer = try SentencePieceTokenizer(bytes: model.bytes)
    let the = model.id("▁the")
    let sequences = [
      MaskedSequence(ids: [1, the, 13, 2], supervised: [2..<4], origin: .init(source: 0, row: 8)),
      MaskedSequence(ids: [1, the, 999], supervised: [], origin: .init(source: 0, row: 3)),
    ]
    let packed = BatchPacker(rowLimit: 100).pack(sequences)
    let text = Preview(tokenizer: tokenizer).text(of: sequences, packed: packed) { "a.json, row \($0.row)" }
    #expect(
      text == """
        a.json, row 8: 4 tokens, 2 learnt
          tokens 0-1 are shared with row 3
          position       id  learnt  shared  piece
                 0        1       .      2x  <s>
                 1      \(the)       .      2x  ▁the
                 2       13     yes       .  <0x0A>
                 3        2     yes       .  </s>

        a.json, row 3: 3 tokens, nothing to learn
          tokens 0-1 are shared with row 8
          position       id  learnt  shared  piece
                 0        1       .      2x  <s>
                 1      \(the)       .      2x  ▁the
                 2      999       .       .  (outside the tokenizer's vocabulary)

        2 rows in 1 micro-batch: 7 tokens, 5 computed after sharing

        """)
    let coloured = Preview(tokenizer: nil, coloured: true).text(of: sequences, packed: [], count: 1) { "row \($0.row)" }
    #expect(coloured.contains("\u{1B}[32m"))
    #expect(!coloured.contains("row 3"))
  }
}
