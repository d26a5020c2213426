import Adapters
import Bases
import Checkpoints
import Foundation
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// The folder that a merge makes, and when it makes none.
@Suite struct MergeFolderTests {
  // MARK: - Files

  @Test func theConfigurationKeepsEveryField() throws {
    let test = try MergeCase()
    try test.run([(test.adapter(), 1)]) { $0.precision = .float16 }
    let before = try #require(try JSONValue(file: test.folder.file("base/config.json")).object)
    let after = try #require(try JSONValue(file: "\(test.output)/config.json").object)
    #expect(after == before.merging(["torch_dtype": .string("float16")]) { $1 })
  }

  @Test func smallFilesComeAlongAsTheyAre() throws {
    let test = try MergeCase()
    for name in ["generation_config.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja", "LICENSE.txt"] {
      try test.folder.write("{\"name\": \"\(name)\"}", to: "base/\(name)")
    }
    try test.folder.write("x", to: "base/README.md")
    try test.folder.write("y", to: "base/additional_chat_templates/tools.jinja")
    try test.run([(test.adapter(), 1)])
    #expect(try test.text("tokenizer.model") == "{\"name\": \"tokenizer.model\"}")
    #expect(try test.text("additional_chat_templates/tools.jinja") == "y")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: test.output).sorted() == [
        "LICENSE.txt", "SHA256SUMS", "additional_chat_templates", "chat_template.jinja", "config.json", "generation_config.json",
        "merge-report.json", "model.safetensors", "tokenizer.model", "tokenizer_config.json",
      ])
    let sums = try test.text("SHA256SUMS").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(sums.count == 9 && sums.map { $0[1] } == sums.map { $0[1] }.sorted())
    var hash = SHA256()
    hash.update("y")
    #expect(sums.contains([hash.hexDigest(), "additional_chat_templates/tools.jinja"]))
  }

  @Test func shardsAreFilledInOrderUpToTheirSize() throws {
    let test = try MergeCase()
    let merged = try test.run([(test.adapter(), 1)]) { $0.maximumShardSize = 400 }
    let index = try JSONValue(file: "\(test.output)/model.safetensors.index.json")
    let map = try #require(index["weight_map"]?.object).mapValues { $0.string ?? "" }
    #expect(Set(map.keys) == Set(merged.weights.keys))
    #expect(index["metadata"]?["total_size"]?.integer == merged.byteCount)
    #expect(index["metadata"]?["total_parameters"]?.integer == merged.configuration.parameterCount)
    let names = Set(map.values).sorted()
    for (position, name) in names.enumerated() {
      let digits = { (number: Int) in String(repeating: "0", count: 5 - "\(number)".count) + "\(number)" }
      #expect(name == "model-\(digits(position + 1))-of-\(digits(names.count)).safetensors")
      let file = try SafetensorsFile.open("\(test.output)/\(name)")
      let size = file.tensors.reduce(0) { $0 + $1.bytes.count }
      #expect(size <= 400 || file.tensors.count == 1)
      #expect(file.metadata == ["format": "pt"])
    }
    // The order of the network, as transformers fills them.
    let order = merged.configuration.expectedTensors.map { map[$0.name, default: ""] }
    #expect(order == order.sorted())
  }

  @Test func theReportSaysWhatWasMerged() throws {
    let test = try MergeCase()
    let adapter = test.adapter("a", [.q])
    let base = try test.base()
    let merged = try test.run([(adapter, 0.5)])
    let report = try JSONValue(file: "\(test.output)/merge-report.json")
    #expect(report["base_fingerprint"]?.string == base.fingerprint() && report["fingerprint"]?.string == merged.fingerprint())
    #expect(report["adapters"]?.array?.count == 1 && report["adapters"]?.array?[0]["weight"] == .number(0.5))
    #expect(report["dtype"] == .string("bfloat16") && report["tensors"]?.object?.count == 2)
    let name = "model.layers.0.self_attn.q_proj.weight"
    let (before, after) = (try base.values(name), try merged.values(name))
    let change = try #require(report["tensors"]?[name])
    let norm = before.map { $0 * $0 }.reduce(0, +).squareRoot()
    #expect(abs((change["weight_norm"]?.double ?? 0) - norm) < 1e-12 * norm)
    #expect(change["changed_elements"]?.integer == zip(before, after).count { $0 != $1 } && change["elements"]?.integer == 64)
    #expect((change["change_norm"]?.double ?? 0) > 0 && (change["rounding_norm"]?.double ?? 1) < (change["change_norm"]?.double ?? 0))
  }

  // MARK: - Saved weights

  @Test func aSavedEmbeddingBringsItsVocabularyAndTokenizer() throws {
    let test = try MergeCase()
    try test.folder.write("old", to: "base/tokenizer.model")
    try test.folder.write("old", to: "base/special_tokens_map.json")
    let names = ["model.embed_tokens.weight", "lm_head.weight"]
    func saved(_ seed: UInt64, rows: Int) -> [String: StoredWeight] {
      Dictionary(uniqueKeysWithValues: names.map { ($0, .random($0, [rows, 8], seed: seed)) })
    }
    let first = test.adapter("first", saved: saved(1, rows: 12))
    let second = test.adapter("second", [.o], saved: saved(2, rows: 13))
    let tokenizers = [ModelFiles(["tokenizer.model": MappedBytes("first")]), ModelFiles(["tokenizer.model": MappedBytes("second")])]
    let merged = try test.run([(first, 1), (second, 1)], tokenizers: tokenizers)
    #expect(merged.configuration.vocabularySize == 13)
    #expect(try JSONValue(file: "\(test.output)/config.json")["vocab_size"] == .integer(13))
    #expect(try test.text("tokenizer.model") == "second")
    #expect(!FileManager.default.fileExists(atPath: "\(test.output)/special_tokens_map.json"), "parts of two tokenizers make none")
    for name in names {
      let weight = try #require(second.savedWeights[name])
      var exact: [Double] = []
      weight.withBytes(at: 0..<weight.byteCount) { bytes in
        exact += (0..<bytes.count / 4).map { PlainMerger.element(bytes, $0, .float32) }
      }
      #expect(try merged.values(name) == exact.map { Double(Float(bitPattern: UInt32(PlainMerger.bfloat16($0)) << 16)) })
    }
    // Both adapters' deltas are in.
    let base = try test.base()
    for name in ["model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.o_proj.weight"] {
      #expect(try merged.values(name) != base.values(name))
    }

    let alone = test.adapter("alone", saved: [names[0]: .random(names[0], [12, 8], seed: 3)])
    let message = try test.problems { _ = try test.merge([(alone, 1)]) { $0.output += "2" } }
    #expect(
      message == """
        alone: leaves an embedding of 12 rows and a head of 10. Both must have the vocabulary's size; save the other one too \
        ('modules_to_save').
        """)
  }

  @Test func aTiedHeadIsStoredApartWhereItDiffers() throws {
    let test = try MergeCase(tied: true)
    let name = "model.embed_tokens.weight"
    let embedding = StoredWeight.random(name, [10, 8], seed: 4)
    let same = StoredWeight(name: "lm_head.weight", shape: embedding.shape, segments: embedding.segments)
    let tied = try test.run([(test.adapter(saved: [name: embedding, "lm_head.weight": same]), 1)])
    #expect(tied.configuration.tiesEmbeddings && tied.weights["lm_head.weight"] == nil)
    // The network that was trained had the base's head below the new embedding.
    let apart = try test.run([(test.adapter(saved: [name: embedding]), 1)]) { $0.output += "2" }
    #expect(!apart.configuration.tiesEmbeddings)
    #expect(try apart.values("lm_head.weight") == test.base().values(name))
    #expect(try JSONValue(file: test.output + "2/config.json")["tie_word_embeddings"] == .bool(false))
    let plain = try test.run([(test.adapter(), 1)]) { $0.output += "3" }
    #expect(plain.configuration.tiesEmbeddings)
  }

  // MARK: - Refusals

  @Test func adaptersThatChangeNothingAreRefused() throws {
    let test = try MergeCase()
    let zero = test.adapter("zero").deltas.isEmpty ? nil : test.adapter("zero", size: 0)
    #expect(
      try test.problems { _ = try test.merge([(#require(zero), 1), (test.adapter("b"), 0)]) } == """
        zero: changes nothing: all its deltas are zero. Was it trained?
        b: its weight is 0, so that it changes nothing. Leave it out.
        """)
    // Far below half a step of every element.
    #expect(
      try test.problems { try test.run([(test.adapter(size: 1e-9), 1)]) }
        == "The merge changes nothing: every change is rounded away in bfloat16. Merge with --dtype float32.")
    #expect(test.leftovers.isEmpty && !FileManager.default.fileExists(atPath: test.output))
  }

  @Test func twiceIsRefused() throws {
    let test = try MergeCase()
    let adapter = test.adapter()
    #expect(
      try test.problems { _ = try test.merge([(adapter, 1), (adapter, 1)]) }
        == "a: is given twice. To apply it twice, give it once with twice the weight.")
    let copy = PEFTAdapter(path: test.folder.file("copy"), configuration: adapter.configuration, modules: adapter.modules)
    #expect(
      try test.problems { _ = try test.merge([(adapter, 1), (copy, 1)]) }
        == "copy: holds the same adapter as a. To apply it twice, give it once with twice the weight.")
    let merged = try test.run([(adapter, 0.5)])
    var options = MergeOptions(output: test.folder.file("again"))
    options.precision = .float32
    let message = try test.problems {
      _ = try Merge(
        base: merged, files: ModelFiles([:]), inputs: AdapterStack(inputs: [.init(adapter: copy, weight: 1)], notes: []),
        tokenizers: [ModelFiles([:])], options: options)
    }
    #expect(
      message
        == "out: its merge-report.json says that copy is in it already, with weight 0.5. Merge into the base that it was trained on.")
  }

  @Test func outputsThatAreTaken() throws {
    let test = try MergeCase()
    _ = try test.base()
    try test.folder.write("x", to: "full/file.txt")
    try test.folder.write("x", to: "file")
    try FileManager.default.createDirectory(atPath: test.folder.file("a"), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: test.folder.file("link"), withDestinationPath: test.folder.file("base"))
    for (output, message) in [
      ("full", "full: is not empty (it holds 'file.txt'). Choose another output, or remove it first."),
      ("file", "file: is a file; the output must be a new folder."),
      ("base/merged", "base/merged: lies in the base (base), which must stay as it is. Choose another output."),
      ("a/x/y", "a/x/y: lies in an adapter (a), which must stay as it is. Choose another output."),
      ("link/merged", "link/merged: lies in the base (base), which must stay as it is. Choose another output."),
      ("full/../base/m", "full/../base/m: lies in the base (base), which must stay as it is. Choose another output."),
    ] {
      let found = try test.problems { _ = try test.merge([(test.adapter(), 1)]) { $0.output = test.folder.file(output) } }
      #expect(found == message)
    }
    // An empty folder is as good as none; folders above are made.
    try FileManager.default.createDirectory(atPath: test.folder.file("empty"), withIntermediateDirectories: true)
    try test.run([(test.adapter(), 1)]) { $0.output = test.folder.file("empty") }
    try test.run([(test.adapter(), 1)]) { $0.output = test.folder.file("new/models/m") }
  }

  @Test func theDiskMustHaveRoom() throws {
    #expect(
      try #require(throws: MergeError.self) { try MergeFolder.checkSpace(for: 13_500_000_000, at: "o", available: 2_000_000_000) }
        .description
        == "o: needs 13.51 GB, but its disk has 2.00 GB left. Nothing was written.")
    try MergeFolder.checkSpace(for: 1, at: "nowhere/at/all")
    #expect(throws: MergeError.self) { try MergeFolder.checkSpace(for: Int.max / 2, at: "nowhere/at/all") }
  }

  @Test func severalDeltasMustFit() throws {
    let test = try MergeCase()
    let good = test.adapter()
    let other = PEFTAdapter.Delta(weightName: "lm_head.weight", rank: 1, scale: 1, a: [1, 2], b: [1])
    let adapter = PEFTAdapter(
      path: good.path, configuration: good.configuration, modules: good.modules, vocabularyDeltas: [other],
      savedWeights: ["model.other.weight": .random("model.other.weight", [2], seed: 1)])
    #expect(
      try test.problems { _ = try test.merge([(adapter, 1)]) } == """
        a: changes 'model.other.weight', which the base does not have.
        a: its delta of 'lm_head.weight' is [1, 2], but the weight it is added to is [10, 8].
        """)
  }
}
