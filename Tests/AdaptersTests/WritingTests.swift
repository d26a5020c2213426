import Adapters
import Bases
import Checkpoints
import Llama
import Tensors
import TestSupport
import Testing

struct WritingTests {
  @Test func whatIsWrittenIsRead() throws {
    var tiny = TinyAdapter()
    try tiny.set(
      #"{"use_rslora": true, "rank_pattern": {"v_proj": 3}, "alpha_pattern": {"q_proj": 0.5}, "layers_to_transform": [1],"#
        + #""exclude_modules": ["k_proj"], "base_model_name_or_path": "models/x", "lora_dropout": 0.1}"#)
    tiny.tensors = []
    tiny.add(1, .q, rank: 2)
    tiny.add(1, .v, rank: 3)
    let adapter = try tiny.read()
    let folder = try TemporaryFolder()
    try adapter.write(to: folder.file("a/b"))
    let again = try PEFTAdapter.read(folder.file("a/b"), shape: TinyAdapter.shape)
    #expect(again.modules == adapter.modules)
    #expect(again.configuration == adapter.configuration)
    #expect(try SafetensorsFile.open(folder.file("a/b/adapter_model.safetensors")).metadata == ["format": "pt"])
  }

  @Test func theConfigurationIsWhatPEFTWrites() throws {
    var options = LoRAOptions()
    options.targetModules = [.q, .v]
    options.rank = 4
    let configuration = PEFTConfiguration(options, basePath: "models/llama-7b")
    let folder = try TemporaryFolder()
    try PEFTAdapter(configuration: configuration, modules: []).write(to: folder.path)
    let text = try String(decoding: MappedFile.open(folder.file("adapter_config.json")).array, as: UTF8.self)
    #expect(
      text == """
        {
          "alpha_pattern": {},
          "auto_mapping": null,
          "base_model_name_or_path": "models/llama-7b",
          "bias": "none",
          "fan_in_fan_out": false,
          "inference_mode": true,
          "init_lora_weights": true,
          "layers_pattern": null,
          "layers_to_transform": null,
          "lora_alpha": 16,
          "lora_dropout": 0.0,
          "modules_to_save": null,
          "peft_type": "LORA",
          "r": 4,
          "rank_pattern": {},
          "revision": null,
          "target_modules": [
            "q_proj",
            "v_proj"
          ],
          "task_type": "CAUSAL_LM"
        }

        """)
  }

  @Test func aFolderThatCannotBeWritten() throws {
    let folder = try TemporaryFolder()
    try folder.write("x", to: "file")
    let adapter = try TinyAdapter().read()
    let error = try #require(throws: CheckpointError.self) { try adapter.write(to: folder.file("file")) }
    #expect(error.reason == .fileInTheWay(folder.file("file")))
  }
}

/// Folders that PEFT wrote.
@Suite(.enabled(if: SharedFiles.exist, "no ../shared beside the package"))
struct RealAdapterTests {
  @Test(arguments: zip(SharedFiles.goldenCases, [12, 4, 14]))
  func goldenAdapters(name: String, moduleCount: Int) throws {
    let base = try Base.open(SharedFiles.file("goldens/\(name)/base"))
    for folder in ["adapter", "run/final_adapter"] {
      let path = SharedFiles.file("goldens/\(name)/\(folder)")
      let adapter = try PEFTAdapter.open(path, for: base)
      #expect(adapter.modules.count == moduleCount)
      #expect(adapter.modules.allSatisfy { $0.scale == 2 })
      #expect(
        adapter.notes == ["\(path): no run.json says which base it was trained on; only its shapes were checked against \(base.path)."])

      // The same bytes come out again.
      let written = try TemporaryFolder()
      try adapter.write(to: written.path)
      let original = try SafetensorsFile.open("\(path)/adapter_model.safetensors")
      let copy = try SafetensorsFile.open(written.file("adapter_model.safetensors"))
      #expect(copy.tensors.map(\.name) == original.tensors.map(\.name))
      for (one, other) in zip(copy.tensors, original.tensors) { #expect(one.bytes.array == other.bytes.array) }
    }
  }

  /// Rank 4 on q and v, with dropout, by PEFT 0.15.
  @Test func anAdapterForTinyLlama() throws {
    let shape = LlamaConfiguration(
      vocabularySize: 32_000, hiddenSize: 2048, intermediateSize: 5632, layerCount: 22, headCount: 32, keyValueHeadCount: 4,
      headDimension: 64, normEpsilon: 1e-5)
    for use in [PEFTAdapter.Use.network, .merging] {
      let adapter = try PEFTAdapter.read(SharedFiles.file("data/adapters/tinyllama-peft"), shape: shape, use: use)
      #expect(adapter.modules.count == 44 && adapter.modules.allSatisfy { $0.rank == 4 && $0.scale == 2 })
      #expect(!adapter.isZero && adapter.savedWeights.isEmpty && adapter.vocabularyDeltas.isEmpty && adapter.notes.isEmpty)
    }
  }
}
