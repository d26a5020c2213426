import Foundation
import TestSupport
import Testing

/// The mistakes of tired people: each has its message, and a status that scripts can rely on.
@Suite(.serialized) struct MistakeTests {
  struct Mistake: CustomTestStringConvertible, Sendable {
    let name: String
    let status: Int32
    /// A line, or the beginning of one, of what appears on standard error.
    let message: String
    let arguments: [String]
    let prepare: @Sendable (Workspace) throws -> Void

    var testDescription: String { name }

    init(
      _ name: String, _ message: String, status: Int32 = 1, arguments: [String] = ["train", "r.yaml"],
      prepare: @escaping @Sendable (Workspace) throws -> Void = { _ in }
    ) {
      self.name = name
      self.message = message
      self.status = status
      self.arguments = arguments
      self.prepare = prepare
    }
  }

  @Test(arguments: commandLines + recipes + rows + bases + values + adapters + outputs + generation) func mistake(mistake: Mistake) throws {
    let workspace = try Workspace()
    try mistake.prepare(workspace)
    let result = try workspace.run(mistake.arguments)
    #expect(result.status == mistake.status)
    let lines = result.error.split(separator: "\n").map { $0.hasPrefix("puna: ") ? $0.dropFirst(6) : $0 }
    #expect(lines.contains { $0.hasPrefix(mistake.message) }, "found: \(result.error)")
    #expect(!result.error.contains("Fatal error") && !result.error.contains("Stack dump"))
    #expect(!workspace.exists("out/adapter_config.json"), "a failed run must not leave an adapter")
  }

  static let logits = ["logits", "--base", "base", "--output", "o.safetensors"]

  static let commandLines = [
    Mistake("no recipe", "Error: Missing expected argument '<recipe>'", status: 2, arguments: ["train"]),
    Mistake(
      "unknown flag", "Error: Unknown option '--overwrit'. Did you mean '--overwrite'?", status: 2,
      arguments: ["train", "r.yaml", "--overwrit"]),
    Mistake("unknown command", "Error: 2 unexpected arguments: 'trian', 'r.yaml'", status: 2, arguments: ["trian", "r.yaml"]),
    Mistake(
      "no threads", "Error: --threads is 0; expected a whole number from 1.", status: 2, arguments: ["train", "r.yaml", "--threads", "0"]),
    Mistake(
      "unknown precision", "Error: The value 'float16' is invalid for '--precision <precision>'.", status: 2,
      arguments: ["train", "r.yaml", "--precision", "float16"]),
    Mistake("nothing to compute", "Error: Give either --tokens or --prompt.", status: 2, arguments: logits),
    Mistake(
      "not a token id", "--tokens: 'x' is not a token id; expected whole numbers separated by commas.",
      arguments: logits + ["--tokens", "1,x"]),
    Mistake(
      "id outside the vocabulary", "Token id 60 is outside the vocabulary of base: 0 to 59.", arguments: logits + ["--tokens", "1,60"]),
    Mistake("no tokenizer", "base has no tokenizer; use --tokens.", arguments: logits + ["--prompt", "hi"]),
    Mistake("nothing to tokenize", "Error: Give one of --text, --file and --decode.", status: 2, arguments: ["tokenize", "starter"]),
    Mistake("tokenizer nowhere", "nowhere: no such file.", arguments: ["tokenize", "nowhere", "--text", "a"]),
    Mistake(
      "no rows to preview", "Error: --rows is 0; expected a whole number from 1.", status: 2,
      arguments: ["preview", "r.yaml", "--rows", "0"]),
  ]

  static let recipes = [
    Mistake("no such recipe", "nowhere.yaml: there is no such file.", arguments: ["train", "nowhere.yaml"]),
    Mistake("unknown key", "r.yaml:4: unknown key 'rnak' in 'lora'. Did you mean 'rank'?") { try $0.recipe(lora: "{rnak: 2}") },
    Mistake("wrong type", "r.yaml:4: lora.rank is 'eight'; expected a whole number from 1.") { try $0.recipe(lora: "{rank: eight}") },
    Mistake("second of two problems", "r.yaml:4: lora.dropout is 1.5; expected a number from 0 to below 1.") {
      try $0.recipe(lora: "{rank: 0, dropout: 1.5}")
    },
    Mistake("epochs and steps", "r.yaml:5: training.epochs and training.max_steps are both given; keep one.") {
      try $0.recipe(training: "{max_steps: 1, epochs: 2}")
    },
    Mistake("neither epochs nor steps", "r.yaml:5: 'training.epochs' is missing; expected training.epochs or training.max_steps.") {
      try $0.recipe(training: "{batch_size: 2}")
    },
    Mistake("not YAML", "r.yaml:5:9: not valid YAML: did not find expected ',' or '}' while parsing a flow mapping from line 4.") {
      try $0.recipe(lora: "{rank: 2")
    },
    Mistake(
      "override of an unknown key", "command line: lora.rnak=3: unknown key 'rnak' in 'lora'. Did you mean 'rank'?",
      arguments: ["train", "r.yaml", "lora.rnak=3"]),
    Mistake("warm-up longer than the run", "r.yaml:5: training.warmup_steps is 7, but the run has only 1 steps.") {
      try $0.recipe(training: "{epochs: 1, batch_size: 2, warmup_steps: 7}")
    },
    Mistake("no such base", "r.yaml:1: base is 'nowhere', but there is no such folder; models are not downloaded.") {
      try $0.recipe(base: "nowhere")
    },
    Mistake("no such data", "r.yaml:3: data.train is 'nowhere.json', but there is no such file.") { try $0.recipe(train: "nowhere.json") },
    Mistake("nothing to continue", "r.yaml:4: lora.start_from is 'nowhere', but there is no such folder.") {
      try $0.recipe(lora: "{start_from: nowhere}")
    },
    Mistake(
      "continued with another rank", "adapter: lora.rank is 8, but the adapter that lora.start_from continues has 3. Leave lora.rank out."
    ) { try $0.recipe(lora: "{start_from: adapter, rank: 8}") },
    Mistake("unknown template", "r.yaml:4: data.template is 'alpacca'; expected alpaca, alpaca-lora,") {
      try $0.recipe(base: "starter", data: "  template: alpacca\n")
    },
    Mistake("too little memory", "Training needs about ") { try $0.recipe(more: "compute: {memory: 1MB}\n") },
  ]

  static let rows = [
    Mistake("not JSON", "data.json:1:15 (byte 14): not JSON: expected ',' or ']' after a value, found '}'.") {
      try $0.write(#"[{"ids": [1, 2}]"#, to: "data.json")
    },
    Mistake(
      "no output", "data.json: row 1 has no 'output'. Expected objects with 'instruction', 'output' and optional 'input'."
    ) { try $0.write(#"[{"instruction": "a"}]"#, to: "data.json") },
    Mistake(
      "no instruction", "data.json: row 2 has no 'instruction'. Expected objects with 'instruction', 'output' and optional 'input'."
    ) { try $0.write(#"[{"instruction": "a", "output": "b"}, {"output": "b"}]"#, to: "data.json") },
    Mistake("instruction of another type", "data.json: row 1 has a number as 'instruction'; expected a string.") {
      try $0.write(#"[{"instruction": 3, "output": "b"}]"#, to: "data.json")
    },
    Mistake("text without a tokenizer", "data.json: rows of text need a tokenizer, and the base has none. Set 'tokenizer' in the recipe.") {
      try $0.write(#"[{"instruction": "a", "output": "b"}]"#, to: "data.json")
    },
    Mistake("empty file", "data.json: the file is empty.") { try $0.write("", to: "data.json") },
    Mistake("no rows", "data.json: the array is empty: there are no rows.") { try $0.write("[]", to: "data.json") },
    Mistake("an object", "data.json: the file is one object (with 'a'). Expected an array of rows, or one row per line.") {
      try $0.write(#"{"a": 1}"#, to: "data.json")
    },
    Mistake("not UTF-8", "data.json:1:20 (byte 19): not JSON: invalid UTF-8 (byte 0xFF).") {
      try $0.write(Array(#"[{"instruction": "a"#.utf8) + [0xFF] + Array(#"", "output": "b"}]"#.utf8), to: "data.json")
    },
    Mistake("an empty conversation", "data.json: row 1 has no turn of the assistant: there is nothing to learn.") {
      try $0.write(#"[{"messages": []}]"#, to: "data.json")
    },
    Mistake("all rows masked", "None of the 1 rows of an epoch has a token to learn") {
      try $0.write(#"[{"ids": [1, 5, 6], "prompt_length": 3}]"#, to: "data.json")
    },
    Mistake("id outside the vocabulary", "data.json: row 1 has ids[1] = 60, outside the vocabulary of 60.") {
      try $0.write(#"[{"ids": [1, 60], "prompt_length": 1}]"#, to: "data.json")
    },
    Mistake("prompt longer than the row", "data.json: row 1 has a 'prompt_length' of 3, but only 2 ids.") {
      try $0.write(#"[{"ids": [1, 5], "prompt_length": 3}]"#, to: "data.json")
    },
    Mistake(
      "longer than the positions", "data.json: row 1 has 71 tokens, but the model has 64 positions. Set data.max_length to at most that."
    ) {
      try $0.write("[{\"ids\": [1\(String(repeating: ", 5", count: 70))], \"prompt_length\": 1}]", to: "data.json")
    },
    Mistake("too long, by the recipe", "data.json: row 1 has 6 tokens, but data.max_length is 4 and data.too_long is 'error'.") {
      try $0.recipe(data: "  max_length: 4\n  too_long: error\n")
    },
    Mistake("nothing left to train on", "data.validation takes 2 rows, but there are only 2: none is left to train on.") {
      try $0.recipe(data: "  validation: 2\n")
    },
  ]

  static let bases = [
    Mistake("no config.json", "base: has no config.json.") { try $0.remove("base/config.json") },
    Mistake("config.json is not JSON", "base/config.json:1: unreadable JSON at byte 6: expected a value, found '}'.") {
      try $0.write(#"{"a": }"#, to: "base/config.json")
    },
    Mistake("another architecture", "base/config.json: 'model_type' is \"mistral\", which Puna does not compute. Only \"llama\" is known.")
    {
      try $0.edit("base/config.json", #""model_type": "llama""#, #""model_type": "mistral""#)
    },
    Mistake(
      "quantised", "base/config.json: 'quantization_config' is set, which Puna does not compute. Use the base with unquantised weights."
    ) { try $0.edit("base/config.json", #""model_type""#, #""quantization_config": {"bits": 4}, "model_type""#) },
    Mistake("biases", "base/config.json: 'attention_bias' is true, which Puna does not compute. LLaMA's projections have no bias.") {
      try $0.edit("base/config.json", #""attention_bias": false"#, #""attention_bias": true"#)
    },
    Mistake("another activation", "base/config.json: 'hidden_act' is \"gelu\", which Puna does not compute. Only \"silu\" is known.") {
      try $0.edit("base/config.json", #""silu""#, #""gelu""#)
    },
    Mistake(
      "heads that do not divide",
      "  base/config.json: 'hidden_size' is 24, which 'num_attention_heads' (7) does not divide, and there is no 'head_dim'."
    ) {
      try $0.edit("base/config.json", #""head_dim": 8,"#, "")
      try $0.edit("base/config.json", #""num_attention_heads": 6"#, #""num_attention_heads": 7"#)
    },
    Mistake("heads in uneven groups", "base/config.json: 'num_attention_heads' is 6, which 'num_key_value_heads' (4) does not divide.") {
      try $0.edit("base/config.json", #""num_key_value_heads": 2"#, #""num_key_value_heads": 4"#)
    },
    Mistake("unknown scaling", "base/config.json: 'rope_parameters.rope_type' is \"yarn\", which Puna does not compute.") {
      try $0.edit("base/config.json", #""rope_type": "llama3""#, #""rope_type": "yarn""#)
    },
    Mistake(
      "vocabulary larger than the embedding",
      "  base/model-00001-of-00004.safetensors: 'model.embed_tokens.weight' is [60, 24]; config.json implies [61, 24]."
    ) { try $0.edit("base/config.json", #""vocab_size": 60"#, #""vocab_size": 61"#) },
    Mistake(
      "a tensor of another shape",
      "  base/model-00002-of-00004.safetensors: 'model.layers.0.mlp.down_proj.weight' is [24, 40]; config.json implies [24, 41]."
    ) { try $0.edit("base/config.json", #""intermediate_size": 40"#, #""intermediate_size": 41"#) },
    Mistake("missing layer", "base: 'model.layers.2.self_attn.q_proj.weight', 'model.layers.2.self_attn.k_proj.weight',") {
      try $0.edit("base/config.json", #""num_hidden_layers": 2"#, #""num_hidden_layers": 3"#)
    },
    Mistake("surplus layer", "base: 'model.layers.1.input_layernorm.weight', 'model.layers.1.mlp.down_proj.weight',") {
      try $0.edit("base/config.json", #""num_hidden_layers": 2"#, #""num_hidden_layers": 1"#)
    },
    Mistake(
      "a shard cut short",
      "base/model-00002-of-00004.safetensors: is cut short: its header describes 8792 bytes, found 8692. Copy or download it again."
    ) {
      let file = $0.folder.file("base/model-00002-of-00004.safetensors")
      try Data(contentsOf: URL(fileURLWithPath: file)).dropLast(100).write(to: URL(fileURLWithPath: file))
    },
    Mistake(
      "an absent shard",
      "base/model.safetensors.index.json: names 'model-00003-of-00004.safetensors' for 'model.layers.1.mlp.gate_proj.weight', but that file is"
    ) { try $0.remove("base/model-00003-of-00004.safetensors") },
    Mistake(
      "an index that leaves the folder",
      "base/model.safetensors.index.json: names '../../etc/passwd' for 'model.norm.weight'; shards must be plain file names in the same folder."
    ) {
      try $0.edit(
        "base/model.safetensors.index.json", #""model.norm.weight": "model-00004-of-00004.safetensors""#,
        #""model.norm.weight": "../../etc/passwd""#)
    },
  ]

  static let values = [
    Mistake(
      "NaN in a weight",
      "step 1: the loss is nan and the gradient's norm nan. Training stopped; nothing of this step was kept. Rows: data.json, row"
    ) {
      let file = URL(fileURLWithPath: $0.folder.file("base/model-00004-of-00004.safetensors"))
      var bytes = try Data(contentsOf: file)
      // The last element, bfloat16.
      bytes.replaceSubrange(bytes.count - 2..<bytes.count, with: [0xC0, 0x7F])
      try bytes.write(to: file)
    }
  ]

  static let onlyMerges = "Such an adapter does not run beside its base: fold it in with `puna merge` and use the merged model."

  static let adapters = [
    Mistake(
      "weight-decomposed", "adapter/adapter_config.json: 'use_dora' is true. \(onlyMerges)",
      arguments: logits + ["--adapter", "adapter", "--tokens", "1"]
    ) { try $0.edit("adapter/adapter_config.json", #""use_dora": false"#, #""use_dora": true"#) },
    Mistake("a weight-decomposed one continued", "adapter/adapter_config.json: 'use_dora' is true. \(onlyMerges)") {
      try $0.edit("adapter/adapter_config.json", #""use_dora": false"#, #""use_dora": true"#)
      try $0.recipe(lora: "{start_from: adapter}")
    },
    Mistake(
      "one with whole weights below that has none",
      "adapter/adapter_model.safetensors: 'base_model.model.lm_head.weight' is missing."
    ) {
      try $0.edit("adapter/adapter_config.json", #""modules_to_save": null"#, #""modules_to_save": ["lm_head"]"#)
      try $0.recipe(more: "adapters: [adapter]\n")
    },
    Mistake(
      "no weights", "adapter: has neither adapter_model.safetensors nor adapter_model.bin.",
      arguments: logits + ["--adapter", "adapter", "--tokens", "1"]
    ) { try $0.remove("adapter/adapter_model.safetensors") },
    Mistake(
      "for a base of another shape",
      "  adapter/adapter_model.safetensors: 'base_model.model.model.layers.0.self_attn.o_proj.lora_A.weight' is [3, 48]; adapter_config.json",
      arguments: ["logits", "--base", "starter", "--adapter", "adapter", "--tokens", "1", "--output", "o.safetensors"]),
    Mistake(
      "trained on another base", "adapter was trained on a base with fingerprint 0000..., but base has ",
      arguments: logits + ["--adapter", "adapter", "--tokens", "1"]
    ) {
      _ = try $0.run(["train", "r.yaml", "output=made"])
      let record = try $0.read("made/run.json")
      let changed = record.replacing(/"base_fingerprint" : "[0-9a-f]+"/, with: "\"base_fingerprint\" : \"0000\"")
      try $0.write(changed, to: "adapter/run.json")
    },
  ]

  static let outputs = [
    Mistake("output exists", "out exists already. Pass --resume to go on with it, --overwrite to replace it, or choose another output.") {
      try $0.write("", to: "out/x")
    },
    Mistake(
      "output holds other things", "out holds 'x', which no run wrote. Choose another output, or move that away first.",
      arguments: ["train", "r.yaml", "--overwrite"]
    ) { try $0.write("", to: "out/x") },
    Mistake("output below a file", "data.json/out: cannot be made: data.json is a file, not a folder.") {
      try $0.recipe(output: "data.json/out")
    },
  ]
}
