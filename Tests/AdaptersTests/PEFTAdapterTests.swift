import Adapters
import Checkpoints
import Foundation
import Llama
import Tensors
import TestSupport
import Testing

struct PEFTAdapterTests {
  @Test func modulesComeInOrderWithTheirMatrices() throws {
    let adapter = try TinyAdapter().read()
    #expect(adapter.modules.map { "\($0.layer).\($0.projection.rawValue)" } == ["0.q_proj", "0.v_proj", "1.q_proj", "1.v_proj"])
    let module = adapter.modules[1]
    #expect(module.rank == 2 && module.alpha == 8 && module.scale == 4)
    #expect(module.a == (0..<16).map { 2 + Float($0) / 1024 })
    #expect(module.b == (0..<8).map { 3 + Float($0) / 1024 })
  }

  @Test func absentKeysHavePEFTsDefaults() throws {
    var tiny = TinyAdapter()
    tiny.configuration["r"] = nil
    tiny.configuration["lora_alpha"] = nil
    tiny.tensors = []
    for layer in 0..<2 { [Projection.q, .v].forEach { tiny.add(layer, $0, rank: 8) } }
    let adapter = try tiny.read()
    #expect(adapter.modules.allSatisfy { $0.rank == 8 && $0.scale == 1 })
    #expect(adapter.configuration.dropout == 0 && !adapter.configuration.usesRSLoRA)
  }

  @Test func rsLoRADividesByTheRoot() throws {
    var tiny = TinyAdapter()
    try tiny.set(#"{"use_rslora": true, "lora_dropout": 0.05}"#)
    let adapter = try tiny.read()
    #expect(adapter.modules[0].scale == 8 / 2.0.squareRoot())
    #expect(adapter.configuration.dropout == 0.05)
  }

  @Test func olderTensorNamesAreRead() throws {
    var tiny = TinyAdapter()
    let expected = try tiny.read()
    for index in tiny.tensors.indices {
      tiny.tensors[index].name = tiny.tensors[index].name.replacingOccurrences(of: ".weight", with: ".default.weight")
    }
    #expect(try tiny.read().modules == expected.modules)
    tiny.tensors.append((TinyAdapter.name(0, .q, "A"), "F32", [2, 8], [UInt8](repeating: 0, count: 64)))
    #expect(
      try tiny.problems() == [
        "a/adapter_model.safetensors: '\(TinyAdapter.name(0, .q, "A"))' is no part of what adapter_config.json describes."
      ])
  }

  @Test func shorterFloatsAreWidened() throws {
    var tiny = TinyAdapter()
    tiny.tensors[0] = (tiny.tensors[0].name, "BF16", [2, 8], (0..<16).flatMap { _ in [0x80, 0x3F] as [UInt8] })
    tiny.tensors[1] = (tiny.tensors[1].name, "F16", [8, 2], (0..<16).flatMap { _ in [0x00, 0xC0] as [UInt8] })
    let module = try tiny.read().modules[0]
    #expect(module.a == [Float](repeating: 1, count: 16) && module.b == [Float](repeating: -2, count: 16))
  }

  // MARK: - Which modules

  @Test(arguments: [
    (#"{"target_modules": ["self_attn.q_proj", "model.layers.1.self_attn.v_proj"]}"#, ["0.q_proj", "1.q_proj", "1.v_proj"]),
    (#"{"target_modules": ["q_proj"], "layers_to_transform": 1}"#, ["1.q_proj"]),
    (#"{"target_modules": ["q_proj"], "layers_to_transform": [1, 7], "layers_pattern": "layers"}"#, ["1.q_proj"]),
    (#"{"target_modules": ["q_proj", "k_proj"], "exclude_modules": ["k_proj", "0.self_attn.q_proj"]}"#, ["1.q_proj"]),
    (#"{"target_modules": ".*layers\\.0.*\\.(q|v)_proj"}"#, ["0.q_proj", "0.v_proj"]),
    (#"{"target_modules": "model.layers.[0-9]+.(?P<part>mlp).down_proj"}"#, ["0.down_proj", "1.down_proj"]),
    (#"{"target_modules": ".*_proj", "exclude_modules": ".*(self_attn|up|gate).*"}"#, ["0.down_proj", "1.down_proj"]),
    (
      #"{"target_modules": "all-linear", "exclude_modules": ".*1.*"}"#,
      ["0.q_proj", "0.k_proj", "0.v_proj", "0.o_proj", "0.gate_proj", "0.up_proj", "0.down_proj"]
    ),
  ])
  func modulesAreChosenAsPEFTDoes(members: String, expected: [String]) throws {
    var tiny = TinyAdapter()
    try tiny.set(members)
    tiny.tensors = []
    for layer in 0..<2 {
      for projection in Projection.allCases where expected.contains("\(layer).\(projection.rawValue)") {
        tiny.add(layer, projection, rank: 2)
      }
    }
    #expect(try tiny.read().modules.map { "\($0.layer).\($0.projection.rawValue)" } == expected)
  }

  @Test func ranksAndAlphasOfSingleModules() throws {
    var tiny = TinyAdapter()
    try tiny.set(#"{"rank_pattern": {"v_proj": 3, "layers.1.self_attn.q_proj": 1}, "alpha_pattern": {".*0.self_attn.v_proj": 5}}"#)
    tiny.tensors = []
    for (layer, projection, rank) in [(0, Projection.q, 2), (0, .v, 3), (1, .q, 1), (1, .v, 3)] { tiny.add(layer, projection, rank: rank) }
    let modules = try tiny.read().modules
    #expect(modules.map(\.rank) == [2, 3, 1, 3])
    #expect(modules.map(\.alpha) == [8, 5, 8, 8])
    #expect(modules[1].scale == 5.0 / 3)
  }

  @Test func patternsThatContradictEachOther() throws {
    var tiny = TinyAdapter()
    try tiny.set(#"{"alpha_pattern": {"q_proj": 3, "self_attn.q_proj": 4}}"#)
    #expect(
      try tiny.problems() == ["a/adapter_config.json: 'alpha_pattern' has several values for 'model.layers.0.self_attn.q_proj'."])
  }

  @Test(arguments: ["(", "(((.*)*)*)*x", "(a|a?)+b".replacingOccurrences(of: "a", with: "[a-z0-9._]")])
  func hostilePatternsAreGivenUp(pattern: String) throws {
    var tiny = TinyAdapter()
    tiny.configuration["target_modules"] = .string(pattern)
    let start = ContinuousClock.now
    #expect(try tiny.problems() == ["a/adapter_config.json: 'target_modules' holds no usable regular expression: '\(pattern)'."])
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  // MARK: - What is refused

  @Test(arguments: [
    (#"{"peft_type": "IA3"}"#, "'peft_type' is \"IA3\"; expected \"LORA\"."),
    (#"{"peft_type": null}"#, "'peft_type' is not set; expected \"LORA\"."),
    (#"{"use_dora": true}"#, "'use_dora' is true, which this version does not compute. Merge it with PEFT, or train without DoRA."),
    (
      #"{"modules_to_save": ["embed_tokens"]}"#,
      "'modules_to_save' is [\"embed_tokens\"], which this version does not compute. It replaces whole matrices of the base. Merge it with PEFT."
    ),
    (
      #"{"layer_replication": [[0, 1]]}"#,
      "'layer_replication' is [[0,1]], which this version does not compute. It repeats layers of the base."
    ),
    (#"{"lora_bias": true}"#, "'lora_bias' is true, which this version does not compute. LLaMA's projections have no bias."),
    (#"{"bias": "all"}"#, "'bias' is \"all\", which this version does not compute. LLaMA's projections have no bias."),
    (
      #"{"target_parameters": ["x"]}"#,
      "'target_parameters' is [\"x\"], which this version does not compute. Only modules can carry adapters."
    ),
    (
      #"{"alora_invocation_tokens": [1, 2]}"#,
      "'alora_invocation_tokens' is [1,2], which this version does not compute. It is an activated LoRA, which applies to part of a text."
    ),
    (
      #"{"init_lora_weights": "pissa_niter_4"}"#,
      "'init_lora_weights' is \"pissa_niter_4\", which this version does not compute. It changes the base's weights. "
        + "Convert the adapter with PEFT (path_initial_model_for_weight_conversion)."
    ),
    (
      #"{"fan_in_fan_out": true}"#,
      "'fan_in_fan_out' is true, which this version does not compute. LLaMA's projections are not stored transposed."
    ),
    (
      #"{"use_future": {"x": 1}}"#,
      "'use_future' is {\"x\":1}, which this version does not compute. The key is unknown and may change what the adapter means."
    ),
    (#"{"layers_pattern": "h"}"#, "'layers_pattern' is \"h\", which this version does not compute. LLaMA's layers are called \"layers\"."),
    (#"{"r": 0}"#, "'r' is 0; expected a whole number from 1 to 65536."),
    (#"{"lora_alpha": "16"}"#, "'lora_alpha' is \"16\"; expected a number above 0."),
    (#"{"lora_dropout": 1}"#, "'lora_dropout' is 1; expected a number from 0 to below 1."),
    (#"{"target_modules": 5}"#, "'target_modules' is 5; expected a list of names or a regular expression."),
    (#"{"target_modules": null}"#, "'target_modules' is not set; expected a list of names or a regular expression."),
    (#"{"target_modules": []}"#, "'target_modules' matches no projection of the base."),
    (#"{"target_modules": "lm_head"}"#, "'target_modules' matches no projection of the base."),
    (
      #"{"target_modules": ["q_proj", "v_proj", "lm_head"]}"#,
      "'target_modules' names 'lm_head'; adapters are read for q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj."
    ),
    (#"{"rank_pattern": {"q_proj": 0}}"#, "'rank_pattern' is {\"q_proj\":0}; expected an object of ranks."),
  ])
  func configurationsThatAreRefused(members: String, message: String) throws {
    var tiny = TinyAdapter()
    try tiny.set(members)
    #expect(try tiny.problems() == ["a/adapter_config.json: \(message)"])
  }

  @Test(arguments: ["loftq", "olora", "corda", "pissa", "mica", "lora_ga"])
  func initialisationsThatChangeTheBase(name: String) throws {
    var tiny = TinyAdapter()
    tiny.configuration["init_lora_weights"] = .string(name)
    #expect(try tiny.problems().count == 1)
  }

  @Test func keysOfManyVersionsAreFine() throws {
    var tiny = TinyAdapter()
    try tiny.set(
      #"{"enable_lora": null, "merge_weights": true, "loftq_config": {}, "megatron_core": "megatron.core", "qalora_group_size": 16,"#
        + #""init_lora_weights": "gaussian", "use_qalora": false, "revision": "main", "future": null, "trainable_token_indices": [],"#
        + #""bias": "none", "layers_pattern": null, "task_type": "CAUSAL_LM", "inference_mode": false}"#)
    _ = try tiny.read()
  }

  @Test func tensorsThatDoNotFit() throws {
    var tiny = TinyAdapter()
    tiny.tensors[0].shape = [4, 4]
    tiny.tensors[2].name += ".more"
    tiny.tensors[3].bytes.replaceSubrange(4..<8, with: TinyAdapter.bytes(.nan))
    tiny.tensors[4] = (tiny.tensors[4].name, "I32", [2, 8], tiny.tensors[4].bytes)
    let at = "a/adapter_model.safetensors: '"
    #expect(
      try tiny.problems() == [
        at + TinyAdapter.name(0, .q, "A") + "' is [4, 4]; adapter_config.json and the base imply [2, 8].",
        at + TinyAdapter.name(0, .v, "B") + "' holds NaN or infinity (element 1).",
        at + TinyAdapter.name(1, .q, "A") + "' is I32; adapters are F32, F16 or BF16.",
        at + TinyAdapter.name(0, .v, "A") + "' is missing.",
        at + TinyAdapter.name(0, .v, "A") + ".more' is no part of what adapter_config.json describes.",
      ])
  }

  @Test func anEmptyAdapterIsNoAdapter() throws {
    var tiny = TinyAdapter()
    tiny.tensors = []
    #expect(try tiny.problems().first?.contains("and 3 more are missing.") == true)
  }

  @Test func foldersThatAreNoAdapter() throws {
    let folder = try TemporaryFolder()
    func problems() throws -> [AdapterError.Problem] {
      try #require(throws: AdapterError.self) { try PEFTAdapter.read(folder.path, shape: TinyAdapter.shape) }.problems
    }
    #expect(try problems() == [.noConfiguration])
    try folder.write("{", to: "adapter_config.json")
    #expect(try problems() == [.noWeights])
    try folder.write("PK", to: "adapter_model.bin")
    #expect(try problems() == [.unsupportedFormat(file: "adapter_model.bin")])
    try folder.write("xx", to: "adapter_model.safetensors")
    #expect(
      try #require(throws: AdapterError.self) { try PEFTAdapter.read(folder.path, shape: TinyAdapter.shape) }.description
        == "\(folder.path)/adapter_config.json:1: unreadable JSON at byte 1: the text ends where a key or '}' is expected.")
    #expect(
      try #require(throws: AdapterError.self) { try PEFTAdapter.read("none", shape: TinyAdapter.shape) }.description
        == "none: no such folder; expected a PEFT adapter.")
  }
}
