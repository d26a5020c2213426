import Adapters
import Bases
import Checkpoints
import Foundation
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// Merged models as Meta folders, and back.
@Suite struct MetaOutputTests {
  // MARK: - The same tensors, bit for bit

  /// LLaMA 2 and Llama 3, of equal heads, grouped ones and a single KV head, odd vocabularies and widths, tied or not.
  @Test(arguments: [1, 2, 4, 8], [8, 2, 1])
  func thereAndBack(shardCount: Int, keyValueHeads: Int) throws {
    for (theta, tied) in [(10_000.0, false), (500_000, false), (10_000, true)] {
      let test = try MetaCase(MetaCase.shape(keyValueHeads: keyValueHeads, layers: 2, theta: theta, tied: tied))
      let base = try test.base()
      let meta = try test.convert(base, to: .meta, shards: shardCount, "meta")
      #expect(meta.layout == .meta && meta.shards.count == shardCount && meta.configuration == base.configuration)
      #expect(contents(meta) == contents(base))
      let back = try test.convert(meta, to: .huggingFace, "hf")
      #expect(back.layout == .safetensors && back.configuration == base.configuration && contents(back) == contents(base))
      let again = try test.convert(back, to: .meta, shards: shardCount, "again")
      #expect(contents(again) == contents(base))
      for shard in 0..<shardCount {
        let (first, second) = (try test.shard(shard, of: "meta"), try test.shard(shard, of: "again"))
        #expect(first.tensors.map(\.name) == second.tensors.map(\.name))
        for (one, other) in zip(first.tensors, second.tensors) {
          #expect(one.dtype == other.dtype && one.shape == other.shape && one.bytes.array == other.bytes.array)
        }
      }
      // Another number of shards, from shards.
      let other = try test.convert(meta, to: .meta, shards: shardCount == 8 ? 1 : 2 * shardCount, "other")
      #expect(contents(other) == contents(base))
    }
  }

  /// Meta's order as its own formula says it: `view(heads, 2, half, columns).transpose(1, 2)` of Hugging Face's rows.
  @Test func partsAreThoseOfTheFormula() throws {
    let test = try MetaCase(MetaCase.shape(keyValueHeads: 2), dtypes: ["BF16"])
    _ = try test.convert(try test.base(), to: .meta, shards: 4, "meta")
    let (hidden, size) = (32, 2)
    func rows(_ name: String, _ indices: [Int], _ columnCount: Int, _ columns: Range<Int>) throws -> [UInt8] {
      let bytes = try #require(test.tensors[name])
      return indices.flatMap { row in
        Array(bytes[(row * columnCount + columns.lowerBound) * size..<(row * columnCount + columns.upperBound) * size])
      }
    }
    func heads(_ range: Range<Int>) -> [Int] { range.flatMap { head in [0, 2, 1, 3].map { head * 4 + $0 } } }
    let layer = "model.layers.0."
    for shard in 0..<4 {
      let file = try test.shard(shard, of: "meta")
      func expect(_ name: String, _ shape: [Int], _ bytes: [UInt8]) throws {
        let found = try #require(file[name])
        #expect(found.shape == shape && found.bytes.array == bytes, "\(name) of shard \(shard)")
      }
      let (all, last) = (0..<hidden, shard == 3)
      let query = heads(2 * shard..<2 * shard + 2)
      try expect("layers.0.attention.wq.weight", [8, 32], rows(layer + "self_attn.q_proj.weight", query, hidden, all))
      // Two KV heads for four shards: each is in two of them.
      let key = heads(shard / 2..<shard / 2 + 1)
      try expect("layers.0.attention.wk.weight", [4, 32], rows(layer + "self_attn.k_proj.weight", key, hidden, all))
      let value = Array(shard / 2 * 4..<shard / 2 * 4 + 4)
      try expect("layers.0.attention.wv.weight", [4, 32], rows(layer + "self_attn.v_proj.weight", value, hidden, all))
      let quarter = 8 * shard..<8 * shard + 8
      try expect("layers.0.attention.wo.weight", [32, 8], rows(layer + "self_attn.o_proj.weight", Array(all), hidden, quarter))
      try expect("tok_embeddings.weight", [37, 8], rows("model.embed_tokens.weight", Array(0..<37), hidden, quarter))
      // 50 and 37 over four: the remainder is in the last.
      let width = 12 * shard..<(last ? 50 : 12 * shard + 12)
      try expect("layers.0.feed_forward.w1.weight", [width.count, 32], rows(layer + "mlp.gate_proj.weight", Array(width), hidden, all))
      try expect("layers.0.feed_forward.w3.weight", [width.count, 32], rows(layer + "mlp.up_proj.weight", Array(width), hidden, all))
      try expect("layers.0.feed_forward.w2.weight", [32, width.count], rows(layer + "mlp.down_proj.weight", Array(all), 50, width))
      let words = 9 * shard..<(last ? 37 : 9 * shard + 9)
      try expect("output.weight", [words.count, 32], rows("lm_head.weight", Array(words), hidden, all))
      try expect("norm.weight", [32], rows("model.norm.weight", [0], hidden, all))
      try expect("layers.0.ffn_norm.weight", [32], rows(layer + "post_attention_layernorm.weight", [0], hidden, all))
      #expect(file.tensors.count == 12)
    }
  }

  /// Rows of 2,100 elements, so that pieces on their way end within a tensor.
  @Test func tensorsOfManyPieces() throws {
    let shape = MetaCase.shape(intermediate: 2100, vocabulary: 70_001, theta: 500_000)
    let test = try MetaCase(shape, dtypes: ["F32"])
    let base = try test.base()
    let meta = try test.convert(base, to: .meta, shards: 2, "meta")
    #expect(try test.shard(0, of: "meta")["tok_embeddings.weight"]?.shape == [35_000, 32])
    #expect(try test.shard(1, of: "meta")["tok_embeddings.weight"]?.shape == [35_001, 32])
    #expect(contents(meta) == contents(base))
    #expect(contents(try test.convert(meta, to: .huggingFace, "hf")) == contents(base))
  }

  @Test func aHeadThatHappensToBeTheEmbedding() throws {
    let test = try MetaCase(MetaCase.shape(), dtypes: ["F32"])
    test.tensors["lm_head.weight"] = test.tensors["model.embed_tokens.weight"]
    let base = try test.base()
    #expect(!base.configuration.tiesEmbeddings && base.weights["lm_head.weight"] != nil)
    #expect(try test.convert(base, to: .meta, "meta").configuration.tiesEmbeddings)
  }

  // MARK: - Adapters

  @Test(arguments: [1, 2]) func adaptersAreMergedAsIntoHuggingFace(shardCount: Int) throws {
    let test = try MergeCase()
    let adapter = test.adapter("a", Projection.allCases)
    let expected = try test.run([(adapter, 0.5)])
    let merged = try test.run([(adapter, 0.5)]) {
      $0.output += "-meta"
      ($0.format, $0.shardCount) = (.meta, shardCount)
    }
    #expect(contents(merged) == contents(expected) && merged.layout == .meta)
    let report = try JSONValue(file: test.output + "-meta/merge-report.json")
    #expect(report["format"] == .string("meta") && report["fingerprint"]?.string == expected.fingerprint())
  }

  @Test func aMergedBaseOfMetaStaysOneUnlessAskedOtherwise() throws {
    let test = try MergeCase()
    let base = try test.run([]) { $0.format = .meta }
    var options = MergeOptions(output: test.folder.file("merged"))
    let inputs = AdapterStack(inputs: [.init(adapter: test.adapter(), weight: 1)], notes: [])
    func merge() throws -> Base {
      let merge = try Merge(base: base, files: ModelFiles(of: base), inputs: inputs, tokenizers: [ModelFiles([:])], options: options)
      _ = try merge.run(on: PlainMerger(), version: "test") { _ in (nil, []) }
      return try Base.open(options.output)
    }
    let merged = try merge()
    #expect(merged.layout == .meta)
    let name = "params.json"
    #expect(try JSONValue(file: "\(options.output)/\(name)") == JSONValue(file: "\(test.output)/\(name)"))
    options.output += "-hf"
    options.format = .huggingFace
    let other = try merge()
    #expect(other.layout == .safetensors && contents(other) == contents(merged))
    let document = try JSONValue(file: "\(options.output)/config.json")
    #expect(document["architectures"] == .array([.string("LlamaForCausalLM")]) && document["torch_dtype"] == .string("bfloat16"))
    #expect(!FileManager.default.fileExists(atPath: "\(options.output)/params.json"))
  }

  @Test func aSavedEmbeddingChangesTheVocabulary() throws {
    let test = try MergeCase()
    let names = ["model.embed_tokens.weight", "lm_head.weight"]
    let saved = Dictionary(uniqueKeysWithValues: names.map { ($0, StoredWeight.random($0, [13, 8], seed: UInt64($0.count))) })
    let tokenizers = [ModelFiles(["tokenizer.model": MappedBytes("new"), "tokenizer.json": MappedBytes("{}")])]
    let merged = try test.run([(test.adapter(saved: saved), 1)], tokenizers: tokenizers) { ($0.format, $0.shardCount) = (.meta, 2) }
    #expect(merged.configuration.vocabularySize == 13 && merged.weights["lm_head.weight"]?.shape == [13, 8])
    #expect(try JSONValue(file: "\(test.output)/params.json")["vocab_size"] == .integer(13))
    #expect(try test.text("tokenizer.model") == "new")
    let parts = try (0..<2).map { try TorchFile.open("\(test.output)/consolidated.0\($0).pth") }
    #expect(parts.map { $0["output.weight"]?.shape } == [[6, 8], [7, 8]])
    #expect(parts.map { $0["tok_embeddings.weight"]?.shape } == [[13, 4], [13, 4]])
  }

  // MARK: - Files

  @Test func theFolderIsMetas() throws {
    let test = try MetaCase(MetaCase.shape())
    for name in ["tokenizer.model", "tokenizer.json", "generation_config.json", "LICENSE"] {
      try test.folder.write("{}", to: "base/\(name)")
    }
    _ = try test.convert(try test.base(), to: .meta, shards: 2, "meta")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: test.folder.file("meta")).sorted() == [
        "LICENSE", "SHA256SUMS", "checklist.chk", "consolidated.00.pth", "consolidated.01.pth", "merge-report.json", "params.json",
        "tokenizer.model",
      ])
    #expect(
      try String(contentsOfFile: test.folder.file("meta/params.json"), encoding: .utf8)
        == """
        {
          "dim": 32,
          "ffn_dim_multiplier": 0.58,
          "multiple_of": 2,
          "n_heads": 8,
          "n_layers": 1,
          "norm_eps": 1e-05,
          "vocab_size": 37
        }

        """)
    for (list, program, count) in [("checklist.chk", "/usr/bin/md5sum", 4), ("SHA256SUMS", "/usr/bin/sha256sum", 7)] {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: program)
      process.arguments = ["-c", list]
      process.currentDirectoryURL = URL(fileURLWithPath: test.folder.file("meta"))
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0 && output.split(separator: "\n").count == count, "\(output)")
    }
  }

  @Test func tokenizersThatMetaDoesNotKnow() throws {
    let test = try MetaCase(MetaCase.shape())
    try test.folder.write("{}", to: "base/tokenizer.json")
    let note = "Meta's folders want a tokenizer.model, and there is none: the output has no tokenizer."
    let base = try test.base()
    #expect(try test.merge(base, to: .meta, "meta").notes == [note])
    // Meta's own files come with Llama 3's.
    try test.folder.write("ranks", to: "base/original/tokenizer.model")
    #expect(try test.merge(base, to: .meta, "meta").notes.isEmpty)
    _ = try test.convert(base, to: .meta, "meta")
    #expect(try String(contentsOfFile: test.folder.file("meta/tokenizer.model"), encoding: .utf8) == "ranks")
    #expect(!FileManager.default.fileExists(atPath: test.folder.file("meta/tokenizer.json")))
  }

  @Test func whatIsNotSaidIsNoted() throws {
    let test = try MetaCase(MetaCase.shape(keyValueHeads: 2))
    try test.folder.write("x", to: "base/tokenizer.model")
    let base = try test.base(["max_position_embeddings": .integer(1000), "eos_token_id": .array([.integer(2), .integer(3)])])
    #expect(
      try test.merge(base, to: .meta, shards: 4, "meta").notes == [
        "params.json does not say how many positions the model was trained for: Puna takes 4096 for the 1000 of the base.",
        "params.json does not say which tokens begin and end a sequence: Puna takes 1 and 2 for the base's 1 and 2, 3.",
        "the vocabulary of 37 does not divide by 4: the last shard holds the rest, which Meta's own code does not read.",
        "the feed-forward layer of 50 does not divide by 4: the last shard holds the rest, which Meta's own code does not read.",
        "4 shards are more than the 2 KV heads: shards that follow each other hold the same.",
      ])
  }

  // MARK: - Refusals

  @Test(
    arguments: [
      (
        ["head_dim": .integer(6)], nil,
        "Meta's params.json cannot say that 'head_dim' is 6. Its readers take 'dim' over 'n_heads', 4. Write --format hf."
      ),
      (
        ["rope_scaling": .object(["rope_type": .string("linear"), "factor": .number(2.5)])], nil,
        "Meta's params.json cannot say that 'rope_scaling' is linear with factor 2.5. Its readers know that of Llama 3.1 only. "
          + "Write --format hf."
      ),
      (
        [
          "rope_scaling": .object([
            "rope_type": .string("llama3"), "factor": .integer(32), "low_freq_factor": .integer(1), "high_freq_factor": .integer(4),
            "original_max_position_embeddings": .integer(8192),
          ])
        ], nil,
        "Meta's params.json cannot say that 'rope_scaling' is llama3 with factor 32, frequencies from 1 to 4 and 8192 positions. Its readers "
          + "take llama3 with factor 8, frequencies from 1 to 4 and 8192 positions. Write --format hf."
      ),
      ([:], 3, "The model cannot be split into 3 shards. Each shard has whole heads, and there are 8. Possible are 1, 2, 4, 8."),
      ([:], 16, "The model cannot be split into 16 shards. Each shard has whole heads, and there are 8. Possible are 1, 2, 4, 8."),
    ] as [([String: JSONValue], Int?, String)])
  func whatAMetaFolderCannotBe(members: [String: JSONValue], shardCount: Int?, message: String) throws {
    var shape = MetaCase.shape()
    if let dimension = members["head_dim"]?.integer { shape.headDimension = dimension }
    let test = try MetaCase(shape)
    let base = try test.base(members)
    #expect(try test.problems { _ = try test.merge(base, to: .meta, shards: shardCount, "meta") } == message)
    #expect(test.folder.names == ["base"])
  }

  @Test func keyValueHeadsThatNoSplitShares() throws {
    let test = try MetaCase(MetaCase.shape(heads: 12, keyValueHeads: 4))
    #expect(
      try test.problems { _ = try test.merge(test.base(), to: .meta, shards: 6, "meta") }
        == "The model cannot be split into 6 shards. Each shard has whole KV heads, or shares one with others, and there are 4. "
        + "Possible are 1, 2, 4, 12.")
  }

  @Test func sizesOfFilesAreForHuggingFace() throws {
    let test = try MetaCase(MetaCase.shape())
    let meta = try test.convert(try test.base(), to: .meta, "meta")
    var options = MergeOptions(output: test.folder.file("other"))
    options.maximumShardSize = 1000
    #expect(
      try test.problems {
        _ = try Merge(base: meta, files: ModelFiles([:]), inputs: AdapterStack(inputs: [], notes: []), tokenizers: [], options: options)
      } == "max-shard-size is for format hf; meta is split into shards.")
  }

  // MARK: - Folders that others wrote

  /// Written by PyTorch from the same weights: equal part by part.
  @Test(.enabled(if: SharedFiles.exist, "needs the larger goldens beside the package"))
  func partsAreThoseOfPyTorch() throws {
    let test = try MetaCase(MetaCase.shape())
    for (name, base) in [("goldens/llama2-mha", "base"), ("goldens/llama3-gqa", "meta"), ("data/stories260k", "hf")] {
      let path = SharedFiles.file(name)
      let expected = try Base.open("\(path)/meta")
      var source = try Base.open("\(path)/\(base)")
      let output = name.split(separator: "/")[1]
      // Rotary scaling of the golden cannot be said; its Meta folder leaves it out.
      if base == "meta" { source = try test.convert(source, to: .huggingFace, "\(output)-hf") }
      let meta = try test.convert(source, to: .meta, shards: expected.shards.count, "\(output)")
      #expect(meta.fingerprint() == expected.fingerprint() && contents(meta) == contents(expected))
      for shard in 0..<expected.shards.count {
        let theirs = try TorchFile.open("\(path)/meta/consolidated.0\(shard).pth")
        let ours = try test.shard(shard, of: "\(output)")
        #expect(Set(theirs.tensors.map(\.name)) == Set(ours.tensors.map(\.name)))
        for tensor in ours.tensors {
          let other = try #require(theirs[tensor.name])
          #expect(tensor.dtype == other.dtype && tensor.shape == other.shape && tensor.bytes.array == other.bytes.array, "\(tensor.name)")
        }
      }
    }
  }
}
