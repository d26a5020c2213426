import Bases
import Checkpoints
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// `params.json` as Meta ships them, and what is refused.
struct MetaParametersTests {
  private func parameters(_ text: String) throws -> MetaParameters {
    try MetaParameters(JSONValue(parsing: MappedBytes(text), path: "params.json"), file: "params.json")
  }

  private func configuration(_ text: String, vocabulary: Int = 32_000) throws -> LlamaConfiguration {
    try parameters(text).configuration(vocabularySize: vocabulary, tiesEmbeddings: false)
  }

  private func problems(_ text: String) throws -> [String] {
    try #require(throws: BaseProblems.self) { try parameters(text) }.problems.map { $0.text(in: "m") }
  }

  @Test(
    arguments: [
      // LLaMA 7B, 65B; Llama 2 7B, 70B; Code Llama 7B; Llama 3 8B; 3.1 405B
      (#"{"dim": 4096, "multiple_of": 256, "n_heads": 32, "n_layers": 32, "norm_eps": 1e-06, "vocab_size": -1}"#, 11_008, 2048),
      (#"{"dim": 8192, "multiple_of": 256, "n_heads": 64, "n_layers": 80, "norm_eps": 1e-05, "vocab_size": -1}"#, 22_016, 2048),
      (#"{"dim": 4096, "multiple_of": 256, "n_heads": 32, "n_layers": 32, "norm_eps": 1e-05, "vocab_size": -1}"#, 11_008, 4096),
      (
        #"{"dim": 8192, "multiple_of": 4096, "ffn_dim_multiplier": 1.3, "n_heads": 64, "n_kv_heads": 8, "n_layers": 80, "norm_eps": 1e-05}"#,
        28_672, 4096
      ),
      (#"{"dim": 5120, "n_heads": 40, "n_layers": 40, "norm_eps": 1e-05, "rope_theta": 1000000}"#, 13_824, 16_384),
      (
        #"{"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "ffn_dim_multiplier": 1.3, "multiple_of": 1024, "rope_theta": 500000.0}"#,
        14_336, 8192
      ),
      (
        #"{"dim": 16384, "ffn_dim_multiplier": 1.2, "multiple_of": 4096, "n_heads": 128, "n_kv_heads": 8, "n_layers": 126, "norm_eps": 1e-05,"#
          + #" "rope_theta": 500000.0, "use_scaled_rope": true, "vocab_size": 128256}"#, 53_248, 131_072
      ),
      (#"{"dim": 4096, "n_heads": 32, "n_layers": 32, "max_seq_len": 777, "n_kv_heads": null}"#, 11_008, 777),
      (#"{"model": {"dim": 4096, "n_heads": 32, "n_layers": 32, "norm_eps": 1e-06}, "tokenizer": "llama"}"#, 11_008, 2048),
    ])
  func widthsAndPositionsByGeneration(text: String, width: Int, positions: Int) throws {
    let found = try configuration(text)
    #expect(found.intermediateSize == width && found.maximumPositions == positions)
    #expect(found.headDimension == 128 && found.beginOfSequence == 1 && found.endOfSequence == [2])
  }

  @Test func scaledRotaryPositions() throws {
    func scaling(_ members: String) throws -> RotaryScaling {
      try configuration(#"{"n_heads": 32, "vocab_size": 128256, "use_scaled_rope": true, \#(members)}"#, vocabulary: 128_256).ropeScaling
    }
    func llama3(_ factor: Double) -> RotaryScaling {
      .llama3(factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8192)
    }
    #expect(try scaling(#""dim": 4096, "n_layers": 32"#) == llama3(8))
    #expect(try scaling(#""dim": 2048, "n_layers": 16"#) == llama3(32))
    #expect(try scaling(#""dim": 3072, "n_layers": 28"#) == llama3(32))
    #expect(try scaling(#""dim": 2048, "n_layers": 22"#) == llama3(8))
    #expect(try scaling(#""dim": 2048, "n_layers": 16, "rope_scaling_factor": 8"#) == llama3(8))
    #expect(
      try scaling(
        #""dim": 4096, "n_layers": 32, "rope_scaling_factor": 16, "rope_low_freq_factor": 2, "rope_high_freq_factor": 3,"#
          + #" "rope_original_max_seq_len": 64"#)
        == .llama3(factor: 16, lowFrequencyFactor: 2, highFrequencyFactor: 3, originalPositions: 64))
  }

  @Test func llama3sVocabularyHasItsIds() throws {
    let found = try configuration(#"{"dim": 64, "n_layers": 1, "n_heads": 4, "vocab_size": 128256}"#, vocabulary: 128_256)
    #expect(found.beginOfSequence == 128_000 && found.endOfSequence == [128_001, 128_008, 128_009])
    #expect(found.ropeTheta == 500_000 && found.maximumPositions == 8192 && found.normEpsilon == 1e-5)
  }

  @Test(arguments: [
    (#""moe_args": {"num_experts": 16}"#, "'moe_args' is {\"num_experts\":16}, which Puna does not compute."),
    (#""quantization_args": {"scheme": "int8"}"#, "'quantization_args' is {\"scheme\":\"int8\"}, which Puna does not compute."),
    (#""vision_chunk_size": 448"#, "'vision_chunk_size' is 448, which Puna does not compute."),
    (#""sliding_window": 4096"#, "'sliding_window' is 4096, which Puna does not compute."),
  ])
  func keysOfOtherNetworks(member: String, message: String) throws {
    #expect(
      try problems(#"{"dim": 64, "n_layers": 1, "n_heads": 4, "moe": false, "lora_args": null, "max_batch_size": 32, \#(member)}"#) == [
        "m/params.json: \(message) Known are the keys of LLaMA 1, 2 and 3; remove it if it changes nothing."
      ])
  }

  @Test(arguments: [
    (#"{"dim": 64, "n_layers": 1}"#, ["has no 'n_heads'."]),
    (#"{"dim": 64, "n_layers": 1, "n_heads": 6}"#, ["'dim' is 64, which 'n_heads' (6) does not divide into heads of even size."]),
    (#"{"dim": 64, "n_layers": 1, "n_heads": 8, "n_kv_heads": 3}"#, ["'n_heads' is 8, which 'n_kv_heads' (3) does not divide."]),
    (#"{"dim": 64, "n_layers": 1, "n_heads": 8, "head_dim": 16}"#, ["'head_dim' is 16, but 'dim' over 'n_heads' is 8."]),
    (#"{"dim": 64, "n_layers": 1, "n_heads": 8, "vocab_size": -2}"#, ["'vocab_size' is -2; expected a whole number from 1 to 16777216."]),
    (
      #"{"dim": 64, "n_layers": 1, "n_heads": 8, "ffn_dim_multiplier": 1e300}"#,
      ["'ffn_dim_multiplier' makes the feed-forward layer wider than 4194304."]
    ),
    (
      #"{"dim": 64, "n_layers": 1, "n_heads": 8, "rope_scaling_factor": 8}"#,
      ["has 'rope_scaling_factor', but 'use_scaled_rope' is not true."]
    ),
    (#"[1]"#, ["is no JSON object."]),
    (
      #"{"dim": 1e9, "n_layers": "two", "n_heads": 0, "norm_eps": -1}"#,
      [
        "'dim' is 1000000000.0; expected a whole number from 1 to 1048576.",
        "'n_layers' is \"two\"; expected a whole number from 1 to 4096.",
        "'n_heads' is 0; expected a whole number from 1 to 16384.", "'norm_eps' is -1; expected a number above 0.",
      ]
    ),
  ])
  func valuesThatCannotBe(text: String, messages: [String]) throws {
    #expect(try problems(text) == messages.map { "m/params.json: " + $0 })
  }
}
