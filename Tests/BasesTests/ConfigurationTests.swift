import Bases
import Checkpoints
import JSON
import Llama
import Testing

struct ConfigurationTests {
  /// Opens a base whose `config.json` has these members in place of the usual ones (null: absent).
  private func configuration(_ members: String, tied: Bool = false) throws -> LlamaConfiguration {
    try base(members).open().configuration
  }

  private func base(_ members: String) throws -> TinyBase {
    var base = TinyBase()
    let changes = try #require(try JSONValue(parsing: .init(members), path: "changes").object)
    base.configuration.merge(changes) { $1 }
    return base
  }

  private func problems(_ members: String) throws -> [BaseError.Problem] { try base(members).problems() }

  @Test func absentKeysHaveTheirDefaults() throws {
    let found = try configuration(#"{"rms_norm_eps": null}"#)
    var expected = TinyBase.shape
    expected.normEpsilon = 1e-6
    #expect(found == expected)
    #expect(found.ropeTheta == 10_000 && found.ropeScaling == .none && !found.tiesEmbeddings && found.maximumPositions == 2048)
    #expect(found.beginOfSequence == 1 && found.endOfSequence == [2])
  }

  @Test func absentKeyValueHeadsAreAllHeads() throws {
    var base = try base(#"{"num_key_value_heads": null}"#)
    for layer in 0..<2 {
      for projection in [Projection.k, .v] {
        let name = projection.weightName(layer: layer)
        base[name] = (name, "BF16", [8, 8], [UInt8](repeating: 0, count: 128))
      }
    }
    #expect(try base.open().configuration.keyValueHeadCount == 2)
  }

  @Test(
    arguments: [
      (#"{"rope_theta": 500000.0, "rope_scaling": {"type": "linear", "factor": 4}}"#, 500_000, .linear(factor: 4)),
      (#"{"rope_scaling": {"rope_type": "linear", "type": "linear", "factor": 2.5}}"#, 10_000, .linear(factor: 2.5)),
      (#"{"rope_parameters": {"rope_type": "default", "rope_theta": 20000}}"#, 20_000, .none),
      (#"{"rope_parameters": {"rope_theta": 7}, "rope_theta": 7.0, "rope_scaling": null}"#, 7, .none),
      (
        #"{"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,"#
          + #""original_max_position_embeddings": 8192}}"#, 500_000,
        .llama3(factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8192)
      ),
      (
        #"{"rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,"#
          + #""original_max_position_embeddings": 64, "partial_rotary_factor": 1.0}}"#, 500_000,
        .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 64)
      ),
    ] as [(String, Double, RotaryScaling)])
  func rotaryPositionsInBothSpellings(members: String, theta: Double, scaling: RotaryScaling) throws {
    let found = try configuration(members)
    #expect(found.ropeTheta == theta)
    #expect(found.ropeScaling == scaling)
  }

  @Test(
    arguments: [
      ("{\"eos_token_id\": 3}", nil, [3]),
      ("{\"eos_token_id\": [3, 4, 3]}", nil, [3, 4]),
      ("{\"eos_token_id\": null}", nil, []),
      ("{\"eos_token_id\": 3}", "{\"eos_token_id\": [5, 6]}", [5, 6]),
      ("{\"eos_token_id\": 3}", "{}", [3]),
    ] as [(String, String?, [Int32])])
  func endOfSequence(members: String, generation: String?, expected: [Int32]) throws {
    var base = try base(members)
    if let generation { base.generation = try JSONValue(parsing: .init(generation), path: "g").object }
    #expect(try base.open().configuration.endOfSequence == expected)
  }

  @Test func whatChangesNothingIsAccepted() throws {
    _ = try configuration(
      #"{"pretraining_tp": 2, "attention_bias": false, "mlp_bias": false, "hidden_act": "swish", "quantization_config": null,"#
        + #""bos_token_id": 1, "pad_token_id": -1, "head_dim": 4, "hidden_size": 8.0, "attention_dropout": 0.0}"#)
  }

  // MARK: - What is refused

  @Test(arguments: [
    (#"{"model_type": "mistral"}"#, #"'model_type' is "mistral", which Puna does not compute. Only "llama" is known."#),
    (#"{"model_type": null}"#, "has no 'model_type'."),
    (
      #"{"quantization_config": {"quant_method": "gptq", "bits": 4}}"#,
      #"'quantization_config' is set ("gptq"), which Puna does not compute. Use the base with unquantised weights."#
    ),
    (#"{"attention_bias": true}"#, "'attention_bias' is true, which Puna does not compute. LLaMA's projections have no bias."),
    (#"{"mlp_bias": true}"#, "'mlp_bias' is true, which Puna does not compute. LLaMA's projections have no bias."),
    (#"{"mlp_bias": "no"}"#, "'mlp_bias' is \"no\"; expected true or false."),
    (#"{"hidden_act": "gelu"}"#, #"'hidden_act' is "gelu", which Puna does not compute. Only "silu" is known."#),
    (
      #"{"rope_scaling": {"type": "yarn", "factor": 4}}"#,
      #"'rope_scaling.rope_type' is "yarn", which Puna does not compute. Known are "default", "linear" and "llama3"."#
    ),
    (#"{"rope_scaling": {"type": "dynamic", "rope_type": "linear"}}"#, #"'rope_type' is "linear" and 'type' "dynamic" in 'rope_scaling'."#),
    (#"{"rope_scaling": 2}"#, "'rope_scaling' is 2; expected an object."),
    (#"{"rope_scaling": {"type": "linear"}}"#, "has no 'factor'."),
    (#"{"rope_scaling": {"type": "linear", "factor": -1}}"#, "'factor' is -1; expected a number above 0."),
    (
      #"{"rope_scaling": {"type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4, "original_max_position_embeddings": 9}}"#,
      "'low_freq_factor' (4.0) must be below 'high_freq_factor' (4.0) in 'rope_scaling'."
    ),
    (#"{"rope_theta": 10000, "rope_parameters": {"rope_theta": 5}}"#, "'rope_theta' is 10000.0 and, in 'rope_parameters', 5.0."),
    (
      #"{"rope_parameters": {"rope_type": "default"}, "rope_scaling": {"type": "linear", "factor": 2}}"#,
      "'rope_parameters' and 'rope_scaling' disagree."
    ),
    (#"{"partial_rotary_factor": 0.5}"#, "'partial_rotary_factor' is 0.5, which Puna does not compute. LLaMA rotates whole heads."),
    (#"{"hidden_size": null}"#, "has no 'hidden_size'."),
    (#"{"vocab_size": 0}"#, "'vocab_size' is 0; expected a whole number from 1 to 16777216."),
    (#"{"vocab_size": -1}"#, "'vocab_size' is -1; expected a whole number from 1 to 16777216."),
    (#"{"vocab_size": 1e300}"#, "'vocab_size' is 1e+300; expected a whole number from 1 to 16777216."),
    (#"{"num_hidden_layers": 1000000000}"#, "'num_hidden_layers' is 1000000000; expected a whole number from 1 to 4096."),
    (#"{"intermediate_size": "12"}"#, "'intermediate_size' is \"12\"; expected a whole number from 1 to 4194304."),
    (#"{"intermediate_size": 12.5}"#, "'intermediate_size' is 12.5; expected a whole number from 1 to 4194304."),
    (#"{"num_key_value_heads": 3}"#, "'num_attention_heads' is 2, which 'num_key_value_heads' (3) does not divide."),
    (#"{"head_dim": 3}"#, "'head_dim' is 3; expected an even number, since rotary positions turn pairs."),
    (
      #"{"num_attention_heads": 3, "num_key_value_heads": null}"#,
      "'hidden_size' is 8, which 'num_attention_heads' (3) does not divide, and there is no 'head_dim'."
    ),
    (
      #"{"num_attention_heads": 8, "num_key_value_heads": null}"#,
      "'hidden_size' 8 over 'num_attention_heads' 8 is an odd head dimension; rotary positions turn pairs."
    ),
    (#"{"rms_norm_eps": 0}"#, "'rms_norm_eps' is 0; expected a number above 0."),
    (#"{"tie_word_embeddings": 1}"#, "'tie_word_embeddings' is 1; expected true or false."),
    (#"{"eos_token_id": 10}"#, "'eos_token_id' is 10; expected a token id below 10, or a list of them."),
    (#"{"eos_token_id": [2, "x"]}"#, "'eos_token_id' is [2,\"x\"]; expected a token id below 10, or a list of them."),
    (#"{"bos_token_id": [1]}"#, "'bos_token_id' is [1]; expected a token id below 10."),
    (#"{"max_position_embeddings": 0}"#, "'max_position_embeddings' is 0; expected a whole number from 1 to 1073741824."),
  ])
  func refusals(members: String, message: String) throws {
    #expect(try problems(members).map { $0.text(in: "m") } == ["m/config.json: \(message)"])
  }

  @Test func allProblemsComeAtOnce() throws {
    let error = BaseError(
      path: "models/x", problems: try problems(#"{"mlp_bias": true, "vocab_size": 0, "rms_norm_eps": null, "head_dim": 5}"#))
    #expect(
      error.description == """
        models/x: 3 problems:
          models/x/config.json: 'mlp_bias' is true, which Puna does not compute. LLaMA's projections have no bias.
          models/x/config.json: 'vocab_size' is 0; expected a whole number from 1 to 16777216.
          models/x/config.json: 'head_dim' is 5; expected an even number, since rotary positions turn pairs.
        """)
  }
}
