import Bases
import Checkpoints
import Foundation
import JSON
import Llama
import Tensors
import TestSupport
import Testing

struct MetaTests {
  /// One KV head over up to 4 shards, two heads over up to 8: from whole heads to single rows of them, uneven where the numbers are.
  @Test(arguments: [1, 2, 3, 4], [false, true])
  func theWeightsAreThoseOfHuggingFace(shardCount: Int, embeddingByRows: Bool) throws {
    let tiny = TinyBase()
    let (base, expected) = (try TinyMeta(tiny, shardCount: shardCount, embeddingByRows: embeddingByRows).open(), try tiny.open())
    #expect(Set(base.weights.keys) == Set(expected.weights.keys))
    for tensor in tiny.tensors {
      let weight = try #require(base.weights[tensor.name])
      var bytes: [UInt8] = []
      weight.withBytes(at: 0..<tensor.bytes.count) { bytes += Array($0) }
      #expect(weight.shape == tensor.shape && bytes == tensor.bytes, "\(tensor.name)")
      // Every element once, as the backends demand.
      #expect(weight.segments.reduce(0) { $0 + $1.rows.count * $1.columns.count } == tensor.shape.reduce(1, *))
    }
    #expect(base.fingerprint() == expected.fingerprint())
    #expect(base.layout == .meta && base.shards.count == shardCount)
    #expect(base.configuration.vocabularySize == 10 && base.configuration.intermediateSize == 12 && !base.configuration.tiesEmbeddings)
  }

  @Test(arguments: [2, 3, 8]) func moreShardsThanKeyValueHeads(shardCount: Int) throws {
    let tiny = TinyBase()
    let meta = TinyMeta(tiny, shardCount: shardCount, repeatsKeyValueHeads: true)
    #expect(try meta.open().fingerprint() == tiny.open().fingerprint())
    var other = meta
    other["layers.1.attention.wv.weight", shard: 1].bytes[3] ^= 1
    #expect(
      try other.problems() == [
        "m/consolidated.01.pth: 'layers.1.attention.wv.weight' differs from that in consolidated.00.pth, of which it must be a copy."
      ])
  }

  @Test func wholeHeadsStayOneSegment() throws {
    let base = try TinyMeta(TinyBase(), shardCount: 2).open()
    let segments = try #require(base.weights["model.layers.0.self_attn.q_proj.weight"]).segments
    #expect(segments.map(\.rowOrder) == [.metaRotary(headDimension: 4), .metaRotary(headDimension: 4)])
    #expect(segments.map(\.rows) == [0..<4, 4..<8])
  }

  @Test func weightsKnowTheirShards() throws {
    let folder = try TemporaryFolder()
    try TinyMeta(TinyBase(), shardCount: 2).write(to: folder)
    let base = try Base.open(folder.path)
    let segments = try #require(base.weights["lm_head.weight"]).segments
    #expect(segments.compactMap { base.shard(of: $0)?.path } == [folder.file("consolidated.00.pth"), folder.file("consolidated.01.pth")])
    for shard in base.shards {
      let byteCount = try Data(contentsOf: URL(fileURLWithPath: shard.path)).count
      #expect(shard.byteCount == byteCount && shard.otherValues.isEmpty)
    }
  }

  @Test func aHeadThatRepeatsTheEmbeddingIsTied() throws {
    var tiny = TinyBase()
    let embedding = tiny["model.embed_tokens.weight"]
    tiny["lm_head.weight"] = ("lm_head.weight", embedding.dtype, embedding.shape, embedding.bytes)
    let base = try TinyMeta(tiny, shardCount: 2).open()
    #expect(base.configuration.tiesEmbeddings && base.weights["lm_head.weight"] == nil)
    let expected = try tiny.open().fingerprint()
    #expect(base.fingerprint() == expected)
  }

  @Test func theFolderOriginalIsTakenWhenThereIsNothingElse() throws {
    let folder = try TemporaryFolder()
    let meta = TinyMeta(TinyBase(), shardCount: 2)
    try meta.write(to: folder, in: "original/")
    try folder.write("{}", to: "config.json")
    let (base, expected) = (try Base.open(folder.path), try meta.open().fingerprint())
    #expect(base.fingerprint() == expected && base.tokenizerPath == nil)
    #expect(base.path == folder.path && base.shards.first?.path == folder.file("original/consolidated.00.pth"))
    try folder.write("x", to: "original/tokenizer.model")
    #expect(try Base.open(folder.path).tokenizerPath == folder.file("original/tokenizer.model"))
    try folder.write("x", to: "tokenizer.model")
    #expect(try Base.open(folder.path).tokenizerPath == folder.file("tokenizer.model"))
    #expect(try Base.open(folder.file("original")).tokenizerPath == folder.file("original/tokenizer.model"))
    // Anything of Hugging Face comes first.
    try TinyBase(seed: 2).write(to: folder)
    #expect(try Base.open(folder.path).layout == .safetensors)
  }

  @Test func aTokenizerInTheFolderAbove() throws {
    let folder = try TemporaryFolder()
    try TinyMeta(TinyBase(), shardCount: 1).write(to: folder, in: "7B/")
    try folder.write("x", to: "tokenizer.model")
    #expect(try Base.open(folder.file("7B/")).tokenizerPath == folder.file("7B/../tokenizer.model"))
  }

  // MARK: - One thing broken

  private let meta = TinyMeta(TinyBase(), shardCount: 2)

  private func problems(_ change: (inout TinyMeta) -> Void) throws -> [String] {
    var meta = meta
    change(&meta)
    return try meta.problems()
  }

  @Test func shapesThatContradictTheParameters() throws {
    let name = "layers.1.attention.wo.weight"
    #expect(
      try problems {
        $0[name, shard: 1] = (
          name, meta[name, shard: 0].dtype, [8, 3], [UInt8](repeating: 0, count: meta[name, shard: 0].bytes.count / 4 * 3)
        )
      } == [
        "m/consolidated.00.pth to consolidated.01.pth: '\(name)' is in parts [8, 4], [8, 3]; params.json implies [8, 8] in all."
      ])
    var one = TinyMeta(TinyBase(), shardCount: 1)
    one["norm.weight", shard: 0] = ("norm.weight", "F32", [9], [UInt8](repeating: 0, count: 36))
    #expect(try one.problems() == ["m/consolidated.00.pth: 'norm.weight' is [9]; params.json implies [8]."])
    one = TinyMeta(TinyBase(), shardCount: 1)
    one.parameters["vocab_size"] = .integer(11)
    #expect(
      try one.problems() == [
        "m/consolidated.00.pth: 'tok_embeddings.weight' is [10, 8]; params.json implies [11, 8].",
        "m/consolidated.00.pth: 'output.weight' is [10, 8]; params.json implies [11, 8].",
      ])
  }

  @Test(arguments: [
    (0.9, 4, "Set 'ffn_dim_multiplier' to 0.5."), (0.9, 8, "Set 'multiple_of' to 1 and 'ffn_dim_multiplier' to 0.6."),
    (0.1, 3, "Set 'ffn_dim_multiplier' to 0.5."),
  ])
  func aFeedForwardWidthThatIsNotComputed(multiplier: Double, multipleOf: Int, advice: String) throws {
    let width = multipleOf == 8 ? 24 : multipleOf == 3 ? 3 : 20
    #expect(
      try problems {
        $0.parameters["ffn_dim_multiplier"] = .number(multiplier)
        $0.parameters["multiple_of"] = .integer(multipleOf)
      } == [
        "m/params.json: 'dim' 8, 'multiple_of' \(multipleOf) and 'ffn_dim_multiplier' \(multiplier) make a feed-forward layer of \(width), "
          + "but 'layers.0.feed_forward.w1.weight' has 12 rows. \(advice)"
      ])
  }

  @Test func copiesThatDiffer() throws {
    #expect(
      try problems { $0["layers.0.ffn_norm.weight", shard: 1].bytes[0] ^= 1 } == [
        "m/consolidated.01.pth: 'layers.0.ffn_norm.weight' differs from that in consolidated.00.pth, of which it must be a copy."
      ])
  }

  @Test func tensorsThatAreMissingOrStrange() throws {
    #expect(
      try problems { $0.shards[1].removeAll { $0.name == "layers.0.attention.wq.weight" } } == [
        "m/consolidated.01.pth: lacks 'layers.0.attention.wq.weight', which consolidated.00.pth holds."
      ])
    #expect(
      try problems {
        for shard in 0..<2 {
          $0.shards[shard].removeAll { $0.name == "norm.weight" }
          $0.shards[shard].append(("layers.0.attention.wq.bias", "F32", [1], [0, 0, 0, 0]))
        }
      } == [
        "m: 'norm.weight' is missing.",
        "m: 'layers.0.attention.wq.bias' is not part of a LLaMA network of the shape that params.json describes.",
      ])
    #expect(
      try problems { for shard in 0..<2 { $0.shards[shard].removeAll { $0.name == "output.weight" } } } == [
        "m: 'output.weight' is missing."
      ])
  }

  @Test func elementTypesThatDiffer() throws {
    let name = "layers.0.feed_forward.w3.weight"
    let found = meta[name, shard: 0].dtype
    let other = found == "F16" ? "BF16" : "F16"
    #expect(
      try problems { $0[name, shard: 1] = (name, other, [6, 8], [UInt8](repeating: 0, count: 96)) } == [
        "m/consolidated.01.pth: '\(name)' is \(other), but \(found) in consolidated.00.pth."
      ])
    #expect(
      try problems { $0[name, shard: 1] = (name, "I8", [6, 8], [UInt8](repeating: 0, count: 48)) } == [
        "m/consolidated.01.pth: '\(name)' is I8; weights of a base are F32, F16 or BF16."
      ])
  }

  @Test func shardsThatAreMissing() throws {
    let folder = try TemporaryFolder()
    try TinyMeta(TinyBase(), shardCount: 4).write(to: folder)
    func message() throws -> String {
      try #require(throws: BaseError.self) { try Base.open(folder.path) }.description.replacing(folder.path, with: "m")
    }
    try FileManager.default.removeItem(atPath: folder.file("consolidated.03.pth"))
    #expect(
      try message()
        == "m/consolidated.00.pth: 'layers.0.attention.wq.weight' has 2 of 8 rows, so there should be 4 shards; found 3.")
    try FileManager.default.removeItem(atPath: folder.file("consolidated.01.pth"))
    #expect(try message() == "m: has 'consolidated.02.pth', but 'consolidated.01.pth' is missing. Download the whole folder.")
    try FileManager.default.removeItem(atPath: folder.file("params.json"))
    #expect(try message() == "m: has 'consolidated.02.pth', but no params.json beside it.")
  }

  @Test func aShardThatCannotBeRead() throws {
    let folder = try TemporaryFolder()
    try meta.write(to: folder)
    try folder.write("version https://git-lfs.github.com/spec/v1\n", to: "consolidated.01.pth")
    let error = try #require(throws: BaseError.self) { try Base.open(folder.path) }
    #expect(
      error.description
        == "\(folder.path)/consolidated.01.pth: is a Git LFS pointer, not the file itself. Run `git lfs pull` in its folder.")
  }

  /// Hostile files end in an error or in weights that lie inside them, never in a trap.
  @Test(arguments: ["params.json", "consolidated.01.pth"]) func randomMutations(name: String) throws {
    let folder = try TemporaryFolder()
    try meta.write(to: folder)
    let original = Array(try Data(contentsOf: URL(fileURLWithPath: folder.file(name))))
    var random = Philox(seed: 3, stream: 0)
    var readable = 0
    for _ in 0..<200 {
      var bytes = original
      for _ in 0...Int(random.next32() % 2) {
        let (place, value) = (Int(random.next32()) % bytes.count, random.next32())
        switch value % 3 {
        case 0:
          bytes[place] = name.hasSuffix("json") ? [0x30, 0x39, 0x2d, 0x65][Int(value >> 8 & 3)] : UInt8(truncatingIfNeeded: value >> 8)
        case 1: bytes[place] ^= 1 << UInt8(value >> 8 & 7)
        default: bytes.insert(bytes[place], at: place)
        }
      }
      try folder.write(bytes, to: name)
      guard let base = try? Base.open(folder.path) else { continue }
      readable += 1
      #expect(base.fingerprint().count == 64)
    }
    #expect(readable > 0)
  }
}
