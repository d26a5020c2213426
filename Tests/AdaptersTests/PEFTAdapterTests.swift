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

  @Test func shorterFloatsAreWidened() throws {
    var tiny = TinyAdapter()
    tiny.tensors[0] = (tiny.tensors[0].name, "BF16", [2, 8], (0..<16).flatMap { _ in [0x80, 0x3F] as [UInt8] })
    tiny.tensors[1] = (tiny.tensors[1].name, "F16", [8, 2], (0..<16).flatMap { _ in [0x00, 0xC0] as [UInt8] })
    let module = try tiny.read().modules[0]
    #expect(module.a == [Float](repeating: 1, count: 16) && module.b == [Float](repeating: -2, count: 16))
  }

  @Test(arguments: [(0.0, 0.0), (-4, -2)]) func anyAlphaIsAFactor(alpha: Double, scale: Double) throws {
    var tiny = TinyAdapter()
    tiny.configuration["lora_alpha"] = .number(alpha)
    let adapter = try tiny.read()
    #expect(adapter.modules.allSatisfy { $0.scale == scale })
    #expect(adapter.isZero == (alpha == 0))
  }

  @Test func anUntrainedAdapterIsZero() throws {
    var tiny = TinyAdapter()
    #expect(try !tiny.read().isZero)
    for index in tiny.tensors.indices where tiny.tensors[index].name.contains("lora_B") {
      tiny.tensors[index].bytes = [UInt8](repeating: 0, count: tiny.tensors[index].bytes.count)
    }
    #expect(try tiny.read().isZero)
  }

  @Test func aTransposedLayoutMeansNothing() throws {
    var tiny = TinyAdapter()
    let expected = try tiny.read().modules
    tiny.configuration["fan_in_fan_out"] = .bool(true)
    let adapter = try tiny.read()
    #expect(adapter.modules == expected)
    let note = "'fan_in_fan_out' is true, which means nothing for LLaMA's modules: read as false, as PEFT does."
    #expect(adapter.notes == ["\(adapter.path)/adapter_config.json: \(note)"])
  }

  // MARK: - Which modules

  @Test(arguments: [
    (#"{"target_modules": ["self_attn.q_proj", "model.layers.1.self_attn.v_proj"]}"#, ["0.q_proj", "1.q_proj", "1.v_proj"]),
    (#"{"target_modules": ["q_proj"], "layers_to_transform": 1}"#, ["1.q_proj"]),
    (#"{"target_modules": ["q_proj"], "layers_to_transform": [1, 7], "layers_pattern": "layers"}"#, ["1.q_proj"]),
    (#"{"target_modules": ["q_proj", "model.layers.0.self_attn.v_proj"], "layers_to_transform": [1]}"#, ["0.v_proj", "1.q_proj"]),
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

  private static let onlyMerges =
    "Such an adapter does not run beside its base: fold it in with `puna merge` and use the merged model."

  @Test(arguments: [
    (#"{"peft_type": "IA3"}"#, "'peft_type' is \"IA3\"; expected \"LORA\"."),
    (#"{"peft_type": null}"#, "'peft_type' is not set; expected \"LORA\"."),
    (#"{"use_dora": true}"#, "'use_dora' is true. \(onlyMerges)"),
    (#"{"target_modules": ["q_proj", "v_proj", "lm_head"]}"#, "'target_modules' is [\"q_proj\",\"v_proj\",\"lm_head\"]. \(onlyMerges)"),
    (#"{"target_modules": "lm_head"}"#, "'target_modules' is \"lm_head\". \(onlyMerges)"),
    (#"{"modules_to_save": "embed_tokens"}"#, "'modules_to_save' is \"embed_tokens\"; expected a list of names."),
    (#"{"modules_to_save": ["("]}"#, "'modules_to_save' holds no usable regular expression: '('."),
    (#"{"modules_to_save": [""]}"#, "'modules_to_save' is [\"\"]; expected a list of names."),
    (
      #"{"layer_replication": [[0, 1]]}"#,
      "'layer_replication' is [[0,1]], which this version does not compute. It repeats layers of the base."
    ),
    (#"{"lora_bias": true}"#, "'lora_bias' is true, which this version does not compute. LLaMA's projections have no bias."),
    (#"{"bias": "some"}"#, "'bias' is \"some\"; expected \"none\", \"all\" or \"lora_only\"."),
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
      #"{"enable_lora": [true, false, true]}"#,
      "'enable_lora' is [true,false,true], which this version does not compute. It is an adapter of a fused projection."
    ),
    (
      #"{"trainable_token_indices": [3]}"#,
      "'trainable_token_indices' is [3], which this version does not compute. It replaces rows of the embedding."
    ),
    (
      #"{"kasa_config": {"beta": 1}}"#,
      "'kasa_config' is {\"beta\":1}, which this version does not compute. It takes singular values away from the base."
    ),
    (
      #"{"use_future": {"x": 1}}"#,
      "'use_future' is {\"x\":1}, which this version does not compute. The key is unknown and may change what the adapter means."
    ),
    (#"{"layers_pattern": "h"}"#, "'layers_pattern' is \"h\", which this version does not compute. LLaMA's layers are called \"layers\"."),
    (#"{"r": 0}"#, "'r' is 0; expected a whole number from 1 to 65536."),
    (#"{"lora_alpha": "16"}"#, "'lora_alpha' is \"16\"; expected a number."),
    (#"{"lora_dropout": 1}"#, "'lora_dropout' is 1; expected a number from 0 to below 1."),
    (#"{"target_modules": 5}"#, "'target_modules' is 5; expected a list of names or a regular expression."),
    (#"{"target_modules": null}"#, "'target_modules' is not set; expected a list of names or a regular expression."),
    (#"{"target_modules": []}"#, "'target_modules' matches no module of the base."),
    (#"{"target_modules": "c_attn"}"#, "'target_modules' matches no module of the base."),
    (
      #"{"target_modules": ["q_proj", "v_proj", "c_attn"]}"#,
      "'target_modules' names 'c_attn', which is no module of the base; known are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "
        + "down_proj, embed_tokens, lm_head."
    ),
    (#"{"rank_pattern": {"q_proj": 0}}"#, "'rank_pattern' is {\"q_proj\":0}; expected an object of ranks."),
  ])
  func configurationsThatAreRefused(members: String, message: String) throws {
    var tiny = TinyAdapter()
    try tiny.set(members)
    #expect(try tiny.problems() == ["a/adapter_config.json: \(message)"])
  }

  @Test(arguments: ["loftq", "olora", "corda", "pissa", "lora_ga"])
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
        + #""bias": "lora_only", "layers_pattern": null, "lorap_lr_ratio": 16, "velora_config": {"scale": 1}, "task_type": "CAUSAL_LM", "inference_mode": false}"#
    )
    _ = try tiny.read()
  }
}
