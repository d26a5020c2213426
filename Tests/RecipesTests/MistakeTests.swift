import Recipes
import Testing

@Suite struct MistakeTests {
  @Test func aRightRecipeHasNoMistake() { #expect(Mistake.top("").found() == []) }

  @Test(arguments: keys + numbers + values + watching + contradictions + syntax + overrides)
  func everyMistakeGetsItsMessage(_ mistake: Mistake) { #expect(mistake.found() == mistake.messages) }

  @Test func allProblemsComeAtOnceInTheOfLines() {
    let text = """
      base: models/b
      data:
        train: data/a.json
        maxlength: 256
      lora:
        rnak: 8
        rank: eight
        rank: 16
        dropout: 1.5
      training: {epochs: 0, schedule: cosin}
      compute: {threads: 0}
      save_evry: 10
      """
    let mistake = Mistake(text: text, overrides: ["lora.alhpa=3", "training.seed=x"], messages: [])
    #expect(
      mistake.found() == [
        "x.yaml: 'output' is missing; expected a folder for what the run writes.",
        "x.yaml:4: unknown key 'maxlength' in 'data'. Did you mean 'max_length'?",
        "x.yaml:6: unknown key 'rnak' in 'lora'. Did you mean 'rank'?",
        "x.yaml:7: lora.rank is 'eight'; expected a whole number from 1.",
        "x.yaml:8: duplicate key 'rank'; line 7 has it already.",
        "x.yaml:9: lora.dropout is 1.5; expected a number from 0 to below 1.",
        "x.yaml:10: training.epochs is 0; expected a whole number from 1.",
        "x.yaml:10: training.schedule is 'cosin'; expected cosine, linear or constant. Did you mean 'cosine'?",
        "x.yaml:11: compute.threads is 0; expected a whole number from 1, or auto.",
        "x.yaml:12: unknown key 'save_evry'. Did you mean 'save_every'?",
        "command line: training.seed=x: training.seed is 'x'; expected a whole number from 0.",
        "command line: lora.alhpa=3: unknown key 'alhpa' in 'lora'. Did you mean 'alpha'?",
      ])
  }

  static let keys: [Mistake] = [
    .top("outptu: o", "x.yaml:7: unknown key 'outptu'. Did you mean 'output'?"),
    .top("early_stoping: 3", "x.yaml:7: unknown key 'early_stoping'. Did you mean 'early_stopping'?"),
    .top("vocabulry: v", "x.yaml:7: unknown key 'vocabulry'. Did you mean 'vocabulary'?"),
    .top("vocabulary: v", "x.yaml:7: vocabulary is 'v'; expected keys below it."),
    .top(
      "vocabulary: {initialize: zeros}",
      "x.yaml:7: 'vocabulary.tokenizer' is missing; expected the path of a tokenizer or of a folder with one.",
      "x.yaml:7: vocabulary.initialize is 'zeros'; expected mean, subword_mean or random."),
    .top(
      "vocabulary: {tokenizer: t}\ntokenizer: u",
      "x.yaml:8: tokenizer is 'u', but vocabulary.tokenizer 't' takes its place. Leave one out."),
    .lora("train_embeddings: {input: new}", "x.yaml:8: lora.train_embeddings.input is 'new'; expected none, new_rows or all."),
    .lora("train_embeddings: all", "x.yaml:8: lora.train_embeddings is 'all'; expected keys below it."),
    .lora(
      "train_embeddings: {input: all, tie: true}",
      "x.yaml:8: lora.train_embeddings.tie keeps embedding and head one matrix, but input is all and output none; expected new_rows or all "
        + "for both."),
    .lora("modules_to_save: [lm_head]", "x.yaml:8: unknown key 'modules_to_save' in 'lora'. Did you mean 'lora.train_embeddings'?"),
    .lora("target_modules: none", "x.yaml:8: lora.target_modules is none, and lora.train_embeddings trains nothing either."),
    .top("7: 8", "x.yaml:7: unknown key '7'."),
    .lora("rnak: 8", "x.yaml:8: unknown key 'rnak' in 'lora'. Did you mean 'rank'?"),
    .lora("Rank: 8", "x.yaml:8: unknown key 'Rank' in 'lora'. Did you mean 'rank'?"),
    .top("rank: 8", "x.yaml:7: unknown key 'rank'. Did you mean 'lora.rank'?"),
    .lora("learning_rate: 1e-4", "x.yaml:8: unknown key 'learning_rate' in 'lora'. Did you mean 'training.learning_rate'?"),
    .training("lr: 1e-4", "x.yaml:7: unknown key 'lr' in 'training'. Did you mean 'training.learning_rate'?"),
    .data("cutoff_len: 256", "x.yaml:5: unknown key 'cutoff_len' in 'data'. Did you mean 'data.max_length'?"),
    .lora("lora_alpha: 16", "x.yaml:8: unknown key 'lora_alpha' in 'lora'. Did you mean 'lora.alpha'?"),
    .train(
      "train: [{pth: a.json, weight: 2}]",
      "x.yaml:4: 'path of entry 1 of data.train' is missing; expected the path of a data file.",
      "x.yaml:4: unknown key 'pth' in entry 1 of 'data.train'. Did you mean 'path'?"),
    .text(
      "{}", "x.yaml: 'base' is missing; expected the folder of a base model, or starter.",
      "x.yaml: 'data.train' is missing; expected the path of a data file, or a list of paths or of {path, format, template, weight}.",
      "x.yaml: 'training.epochs' is missing; expected training.epochs or training.max_steps.",
      "x.yaml: 'output' is missing; expected a folder for what the run writes."),
    .train(
      "shuffle: true",
      "x.yaml:3: 'data.train' is missing; expected the path of a data file, or a list of paths or of {path, format, template, weight}."),
    .text(recipe(training: "seed: 1"), "x.yaml:5: 'training.epochs' is missing; expected training.epochs or training.max_steps."),
    .lora("rank: 8\n  alpha: 16\n  rank: 4", "x.yaml:10: duplicate key 'rank'; line 8 has it already."),
    .top(
      "base: models/c\nbase: models/d", "x.yaml:7: duplicate key 'base'; line 1 has it already.",
      "x.yaml:8: duplicate key 'base'; line 1 has it already."),
    .top("data:\n  train: b.json\n  rnak: 3", "x.yaml:7: duplicate key 'data'; line 3 has it already."),
    .top("lora: {rank: 8, rank: 9}", "x.yaml:7: duplicate key 'rank'."),
  ]

  static let numbers: [Mistake] = [
    .lora("rank: eight", "x.yaml:8: lora.rank is 'eight'; expected a whole number from 1."),
    .lora("rank: \"8\"", "x.yaml:8: lora.rank is the quoted text '8'; expected a whole number from 1."),
    .lora("rank: 0", "x.yaml:8: lora.rank is 0; expected a whole number from 1."),
    .lora("rank: 8.5", "x.yaml:8: lora.rank is 8.5; expected a whole number from 1."),
    .lora("rank: 010", "x.yaml:8: lora.rank is '010'; expected a whole number from 1."),
    .lora("rank: 3000000000", "x.yaml:8: lora.rank is 3000000000; expected a whole number from 1 to 2147483647."),
    .lora("rank:", "x.yaml:8: lora.rank has no value; expected a whole number from 1."),
    .lora("rank: [8]", "x.yaml:8: lora.rank is a list; expected a whole number from 1."),
    .lora("rank: {r: 8}", "x.yaml:8: lora.rank is a section with keys of its own; expected a whole number from 1."),
    .lora("rank:\n    eight", "x.yaml:9: lora.rank is 'eight'; expected a whole number from 1."),
    .lora("alpha: 0", "x.yaml:8: lora.alpha is 0; expected a number above 0."),
    .lora("alpha: .inf", "x.yaml:8: lora.alpha is '.inf'; expected a number above 0."),
    .lora("dropout: 1", "x.yaml:8: lora.dropout is 1; expected a number from 0 to below 1."),
    .lora("dropout: -0.1", "x.yaml:8: lora.dropout is -0.1; expected a number from 0 to below 1."),
    .text(recipe(training: "epochs: 0"), "x.yaml:6: training.epochs is 0; expected a whole number from 1."),
    .text(recipe(training: "epochs: 1.5"), "x.yaml:6: training.epochs is 1.5; expected a whole number from 1."),
    .text(recipe(training: "max_steps: -5"), "x.yaml:6: training.max_steps is -5; expected a whole number from 1."),
    .training("batch_size: 0", "x.yaml:7: training.batch_size is 0; expected a whole number from 1."),
    .training("micro_batch_tokens: 0", "x.yaml:7: training.micro_batch_tokens is 0; expected a whole number from 1, or auto."),
    .training("micro_batch_tokens: none", "x.yaml:7: training.micro_batch_tokens is 'none'; expected a whole number from 1, or auto."),
    .training("learning_rate: 0", "x.yaml:7: training.learning_rate is 0; expected a number above 0."),
    .training("learning_rate: 1e999", "x.yaml:7: training.learning_rate is 1e999; expected a number above 0."),
    .training("learning_rate: 3e", "x.yaml:7: training.learning_rate is '3e'; expected a number above 0."),
    .training(
      "warmup_steps: 1.5",
      "x.yaml:7: training.warmup_steps is 1.5; expected a whole number of steps from 1, or a fraction of all steps from 0 to below 1."),
    .training(
      "warmup_steps: -1",
      "x.yaml:7: training.warmup_steps is -1; expected a whole number of steps from 1, or a fraction of all steps from 0 to below 1."),
    .training(
      "final_learning_rate_ratio: 1.1", "x.yaml:7: training.final_learning_rate_ratio is 1.1; expected a number from 0 to 1."),
    .training("betas: 0.9", "x.yaml:7: training.betas is 0.9; expected two numbers from 0 to below 1, such as [0.9, 0.95]."),
    .training("betas: [0.9]", "x.yaml:7: training.betas is a list; expected two numbers from 0 to below 1, such as [0.9, 0.95]."),
    .training("betas: [0.9, 1.0]", "x.yaml:7: training.betas is a list; expected two numbers from 0 to below 1, such as [0.9, 0.95]."),
    .training("epsilon: 0", "x.yaml:7: training.epsilon is 0; expected a number above 0."),
    .training("weight_decay: -0.1", "x.yaml:7: training.weight_decay is -0.1; expected a number from 0."),
    .training("clip_gradient_norm: 0", "x.yaml:7: training.clip_gradient_norm is 0; expected a number above 0, or none."),
    .training("clip_gradient_norm: off", "x.yaml:7: training.clip_gradient_norm is 'off'; expected a number above 0, or none."),
    .training("seed: -1", "x.yaml:7: training.seed is -1; expected a whole number from 0."),
    .training(
      "seed: 18446744073709551616",
      "x.yaml:7: training.seed is 18446744073709551616; expected a whole number from 0 to 18446744073709551615."),
    .data("max_length: 0", "x.yaml:5: data.max_length is 0; expected a whole number from 1."),
    .data("validation: 0", "x.yaml:5: data.validation is 0; expected none, a fraction below 1, a number of rows from 1, or a path."),
    .data("validation: 1.5", "x.yaml:5: data.validation is 1.5; expected none, a fraction below 1, a number of rows from 1, or a path."),
    .data(
      "validation: true", "x.yaml:5: data.validation is 'true'; expected none, a fraction below 1, a number of rows from 1, or a path."),
    .train("train: [{path: a.json, weight: 0}]", "x.yaml:4: weight of entry 1 of data.train is 0; expected a number above 0."),
    .top("evaluate_every: 0", "x.yaml:7: evaluate_every is 0; expected a whole number from 1."),
    .top("save_every: never", "x.yaml:7: save_every is 'never'; expected a whole number from 1."),
    .top("keep_checkpoints: 0", "x.yaml:7: keep_checkpoints is 0; expected a whole number from 1."),
    .top("early_stopping: 3", "x.yaml:7: early_stopping is 3; expected keys below it."),
    .top(
      "early_stopping: {minimum_improvement: 0.1}",
      "x.yaml:7: 'early_stopping.patience' is missing; expected a number of validations from 1.",
      "x.yaml:7: early_stopping looks at the validation loss, but data.validation is none. Hold rows out, such as 0.05."),
    .text(
      recipe("early_stopping:\n  patience: 0\n  minimum_improvement: -1", data: "train: data/a.json\n  validation: 9"),
      "x.yaml:9: early_stopping.patience is 0; expected a whole number from 1.",
      "x.yaml:10: early_stopping.minimum_improvement is -1; expected a number from 0."),
    .compute("threads: 0", "x.yaml:8: compute.threads is 0; expected a whole number from 1, or auto."),
    .compute("threads: 100000", "x.yaml:8: compute.threads is 100000; expected a whole number from 1 to 4096, or auto."),
    .compute(
      "memory: 16",
      "x.yaml:8: compute.memory is 16; expected auto, a number of bytes such as 16GB (10^9 each) or 16GiB (2^30 each), or a share of what is available, such as 0.8."
    ),
    .compute(
      "memory: 80%",
      "x.yaml:8: compute.memory is '80%'; expected auto, a number of bytes such as 16GB (10^9 each) or 16GiB (2^30 each), or a share of what is available, such as 0.8."
    ),
  ]

  static let values: [Mistake] = [
    .text("base: ''\n" + recipe().dropFirst(15), "x.yaml:1: base is ''; expected the folder of a base model, or starter."),
    .text("base: none\n" + recipe().dropFirst(15), "x.yaml:1: base is 'none'; expected the folder of a base model, or starter."),
    .top("tokenizer: [a]", "x.yaml:7: tokenizer is a list; expected the path of a tokenizer or of a folder with one."),
    .top("lora: 8", "x.yaml:7: lora is 8; expected keys below it."),
    .top("compute: [auto]", "x.yaml:7: compute is a list; expected keys below it."),
    .top("adapters: [a=x]", "x.yaml:7: entry 1 of adapters is 'a=x'; expected PATH=WEIGHT with a number other than 0 as weight."),
    .top("adapters: [a, b=0]", "x.yaml:7: entry 2 of adapters is 'b=0'; expected PATH=WEIGHT with a number other than 0 as weight."),
    .top("adapters: [[a]]", "x.yaml:7: entry 1 of adapters is a list; expected the folder of an adapter, or {path, weight}."),
    .top("adapters: [{weight: 1}]", "x.yaml:7: 'path of entry 1 of adapters' is missing; expected the folder of an adapter."),
    .top("adapters: [{path: a, weight: heavy}]", "x.yaml:7: weight of entry 1 of adapters is 'heavy'; expected a number other than 0."),
    .train(
      "train: []",
      "x.yaml:4: data.train is an empty list; expected the path of a data file, or a list of paths or of {path, format, template, weight}."),
    .train(
      "train: 0x\n  format: alpca", "x.yaml:5: data.format is 'alpca'; expected auto, alpaca, chat, text or tokens. Did you mean 'alpaca'?"),
    .train(
      "train: [{path: a.json, format: text, template: llama3}]",
      "x.yaml:4: template of entry 1 of data.train is 'llama3', but text has no template. Leave it out."),
    .train(
      "train: a.txt\n  format: text\n  template: llama3", "x.yaml:6: data.template is 'llama3', but text has no template. Leave it out."),
    .data(
      "template: alpaka",
      "x.yaml:5: data.template is 'alpaka'; expected alpaca, alpaca-lora, alpaca-short, vigogne, chinese-alpaca, chinese-alpaca-inference, chinese-alpaca-2, llama-factory, unsloth, llama2 or llama3, or the path of a template file. Did you mean 'alpaca'?"
    ),
    .data("too_long: cut", "x.yaml:5: data.too_long is 'cut'; expected truncate, drop or error."),
    .data("train_on_prompt: maybe", "x.yaml:5: data.train_on_prompt is 'maybe'; expected true or false."),
    .data("token_cache: 3", "x.yaml:5: data.token_cache is 3; expected auto, none, or a folder."),
    .data("token_cache: false", "x.yaml:5: data.token_cache is 'false'; expected auto, none, or a folder."),
    .data("token_cache: [a]", "x.yaml:5: data.token_cache is a list; expected auto, none, or a folder."),
    .data("token_cach: none", "x.yaml:5: unknown key 'token_cach' in 'data'. Did you mean 'token_cache'?"),
    .data("shuffle: 1", "x.yaml:5: data.shuffle is 1; expected true or false."),
    .lora(
      "target_modules: q_proj",
      "x.yaml:8: lora.target_modules is 'q_proj'; expected a list of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj or down_proj."),
    .lora(
      "target_modules: []",
      "x.yaml:8: lora.target_modules is an empty list; expected a list of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj or down_proj."),
    .lora(
      "target_modules: [q_proj, vproj]",
      "x.yaml:8: entry 2 of lora.target_modules is 'vproj'; expected q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj or down_proj. Did you mean 'v_proj'?"
    ),
    .lora("target_modules: [q_proj, q_proj]", "x.yaml:8: lora.target_modules names 'q_proj' twice."),
    .lora("rslora: 1", "x.yaml:8: lora.rslora is 1; expected true or false."),
    .lora("start_from: [a]", "x.yaml:8: lora.start_from is a list; expected the folder of an adapter, or none."),
    .training(
      "schedule: consine", "x.yaml:7: training.schedule is 'consine'; expected cosine, linear or constant. Did you mean 'cosine'?"),
    .training("recompute: true", "x.yaml:7: training.recompute is 'true'; expected auto, always or never."),
    .compute("precision: bf16", "x.yaml:8: compute.precision is 'bf16'; expected auto, bfloat16 or float32."),
  ]

  private static let samples =
    "auto, none, a number of held-out rows from 1 to 1000, or a list of instructions or of {instruction, input}"

  static let watching: [Mistake] = [
    .top("samples: 0", "x.yaml:7: samples is 0; expected \(samples)."),
    .top("samples: 2.5", "x.yaml:7: samples is 2.5; expected \(samples)."),
    .top("samples: true", "x.yaml:7: samples is 'true'; expected \(samples)."),
    .top("samples: []", "x.yaml:7: samples is an empty list; expected \(samples)."),
    .top("samples: [Say yes., [a]]", "x.yaml:7: entry 2 of samples is a list; expected an instruction, or {instruction, input}."),
    .top("samples: [{input: a}]", "x.yaml:7: 'instruction of entry 1 of samples' is missing; expected what is asked."),
    .top(
      "samples: [{instruction: a, inptu: b}]", "x.yaml:7: unknown key 'inptu' in entry 1 of 'samples'. Did you mean 'input'?"),
    .top("samples: 4", "x.yaml:7: samples asks for 4 held-out rows, but data.validation is none."),
    .top("early_stopping_patience: 3", "x.yaml:7: unknown key 'early_stopping_patience'. Did you mean 'early_stopping.patience'?"),
  ]

  static let contradictions: [Mistake] = [
    .training("max_steps: 100", "x.yaml:7: training.epochs and training.max_steps are both given; keep one."),
    .text(
      recipe(training: "max_steps: 300\n  warmup_steps: 500"), "x.yaml:7: training.warmup_steps is 500, but the run has only 300 steps."),
    .data(
      "validation: ./data/a.json",
      "x.yaml:5: data.validation is './data/a.json', which data.train also names; a loss on rows it trains on says nothing."),
    .train("train: [a.json, a.json]", "x.yaml:4: data.train names 'a.json' twice; {path: ..., weight: 2} takes two copies of it."),
    .text(
      "output: models/b\n" + recipe().split(separator: "\n", maxSplits: 2)[2] + "base: models/b",
      "x.yaml:1: output is 'models/b', which is the base."),
    .text(
      "output: models\n" + recipe().split(separator: "\n", maxSplits: 2)[2] + "base: models/b",
      "x.yaml:1: output is 'models', which holds the base 'models/b'; choose a folder of its own."),
    .override("output=data/a.json", messages: ["command line: output=data/a.json: output is 'data/a.json', which is training data."]),
    .lora("start_from: adapters/../adapters/o", "x.yaml:2: output is 'adapters/o', which is the adapter of lora.start_from."),
    .top(
      "adapters: [adapters/o/best]",
      "x.yaml:2: output is 'adapters/o', which holds a frozen adapter 'adapters/o/best'; choose a folder of its own."),
  ]
}
