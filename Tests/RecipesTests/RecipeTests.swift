import Configuration
import Foundation
import Recipes
import Testing

@Suite struct RecipeTests {
  @Test func defaults() throws {
    let recipe = try Recipe.parse(recipe(), name: "x.yaml")
    #expect(recipe.base == "models/b" && recipe.tokenizer == nil && recipe.adapters == [] && recipe.output == "adapters/o")
    #expect(recipe.data.train == [.init(path: "data/a.json", format: .auto, template: "alpaca", weight: 1)])
    #expect(recipe.data.validation == .none && recipe.data.format == .auto && recipe.data.template == "alpaca")
    #expect(recipe.data.maximumLength == 512 && recipe.data.tooLong == .truncate)
    #expect(!recipe.data.trainOnPrompt && recipe.data.shuffle && recipe.data.tokenCache == .auto)
    #expect(recipe.lora.targetModules == [.q, .k, .v, .o] && recipe.lora.rank == 8 && recipe.lora.alpha == 16)
    #expect(recipe.lora.dropout == 0 && !recipe.lora.usesRSLoRA && recipe.lora.startFrom == nil && recipe.lora.stated == [])
    let training = recipe.training
    #expect(training.duration == .epochs(1) && training.batchSize == 16 && training.microBatchTokens == nil)
    #expect(training.learningRate == 3e-4 && training.schedule == .cosine && training.warmUp == .fraction(0.03))
    #expect(training.finalLearningRateRatio == 0.1 && training.betas == .init(first: 0.9, second: 0.95) && training.epsilon == 1e-8)
    #expect(training.weightDecay == 0.1 && training.clipGradientNorm == 1 && training.seed == 42 && training.recompute == .auto)
    #expect(training.evaluateEvery == 200 && training.saveEvery == 200 && training.keepCheckpoints == 3)
    #expect(training.earlyStopping == nil && recipe.samples == .auto)
    #expect(recipe.compute.precision == .auto && recipe.compute.threads == nil && recipe.compute.memory == .auto)
  }

  /// Every key with a value other than its default.
  static let full = """
    base: starter
    tokenizer: models/tokenizer.model
    adapters:
      - adapters/one
      - adapters/two=0.5
      - {path: "adapters/three=3", weight: -2}
    data:
      train:
        - data/a.json
        - {path: data/b.jsonl, format: tokens, template: templates/own.json, weight: 0.25}
      validation: 0.05
      format: alpaca
      template: vigogne
      max_length: 1_024
      too_long: drop
      train_on_prompt: yes
      shuffle: false
      token_cache: my tokens
    lora:
      target_modules: [down_proj, q_proj]
      rank: 64
      alpha: 128
      dropout: 0.05
      rslora: true
    training:
      max_steps: 1000
      batch_size: 128
      micro_batch_tokens: 512
      learning_rate: 2e-5
      schedule: linear
      warmup_steps: 100
      final_learning_rate_ratio: 0
      betas: [0.9, 0.999]
      epsilon: 1e-6
      weight_decay: 0
      clip_gradient_norm: none
      seed: 18446744073709551615
      recompute: always
    compute: {precision: float32, threads: 2, memory: 16GB}
    evaluate_every: 50
    save_every: 100
    keep_checkpoints: 1
    early_stopping: {patience: 4, minimum_improvement: 0.005}
    samples: [Name a camel., {instruction: "Which one?", input: "a: b"}]
    output: "runs/a b"
    """

  @Test func everyKeyArrives() throws {
    let recipe = try Recipe.parse(Self.full, name: "x.yaml")
    #expect(recipe.base == Recipe.starter && recipe.tokenizer == "models/tokenizer.model" && recipe.output == "runs/a b")
    #expect(
      recipe.adapters == [
        .init(path: "adapters/one"), .init(path: "adapters/two", weight: 0.5), .init(path: "adapters/three=3", weight: -2),
      ])
    #expect(
      recipe.data.train == [
        .init(path: "data/a.json", format: .alpaca, template: "vigogne"),
        .init(path: "data/b.jsonl", format: .tokens, template: "templates/own.json", weight: 0.25),
      ])
    #expect(recipe.data.validation == .fraction(0.05) && recipe.data.maximumLength == 1024 && recipe.data.tooLong == .drop)
    #expect(recipe.data.trainOnPrompt && !recipe.data.shuffle && recipe.data.tokenCache == .folder("my tokens"))
    #expect(recipe.lora.targetModules == [.q, .down] && recipe.lora.rank == 64 && recipe.lora.alpha == 128)
    #expect(recipe.lora.dropout == 0.05 && recipe.lora.usesRSLoRA)
    let training = recipe.training
    #expect(training.duration == .steps(1000) && training.batchSize == 128 && training.microBatchTokens == 512)
    #expect(training.learningRate == 2e-5 && training.schedule == .linear && training.warmUp == .steps(100))
    #expect(training.finalLearningRateRatio == 0 && training.betas == .init(first: 0.9, second: 0.999) && training.epsilon == 1e-6)
    #expect(training.weightDecay == 0 && training.clipGradientNorm == nil && training.seed == .max && training.recompute == .always)
    #expect(training.evaluateEvery == 50 && training.saveEvery == 100 && training.keepCheckpoints == 1)
    #expect(training.earlyStopping == .init(patience: 4, minimumImprovement: 0.005))
    #expect(
      recipe.samples == .questions([.init(instruction: "Name a camel."), .init(instruction: "Which one?", input: "a: b")]))
    #expect(recipe.compute.precision == .float32 && recipe.compute.threads == 2 && recipe.compute.memory == .bytes(16_000_000_000))
  }

  @Test(arguments: [
    [], ["base=none-such", "tokenizer=none-such"], ["data.validation=data/v.json"], ["data.validation='0.1'"], ["data.validation=250"],
    ["lora.start_from=adapters/x"], ["lora.start_from='none'", "lora={}"], ["compute.memory=0.8"], ["compute.memory=1"],
    ["compute.memory=auto"],
    ["training.warmup_steps=0"], ["training.warmup_steps=0.1"], ["training.clip_gradient_norm=0.1"], ["base='模型/羊: 驼'"],
    ["vocabulary={tokenizer: t.model}", "base=b", "tokenizer=b"], ["lora={target_modules: none, train_embeddings: {output: new_rows}}"],
    ["lora={train_embeddings: {input: all, output: all, tie: true}}"], ["vocabulary=none"],
    ["data.token_cache=none"], ["data.token_cache=auto"], ["data.token_cache='auto'"],
    ["samples=none"], ["samples=auto"], ["data.validation=9", "samples=3"], ["samples=Say yes."],
    ["samples=[{instruction: a, input: none}]"],
    ["data.validation=9", "early_stopping={patience: 2}"], ["early_stopping=none"],
    ["training.learning_rate=0.30000000000000004"], ["output=\"a\\nb\""],
  ])
  func theResolvedRecipeReadsBackAsItIs(_ overrides: [String]) throws {
    for text in [Self.full, recipe(), recipe("lora: {rank: 4, alpha: 3}")] {
      let recipe = try Recipe.parse(text, name: "x.yaml", overrides: overrides)
      let again = try Recipe.parse(recipe.resolvedYAML(), name: "resolved.yaml")
      #expect(again == recipe)
      #expect(again.resolvedYAML() == recipe.resolvedYAML())
    }
  }

  @Test func whatIsStatedBesideAnAdapterToContinueIsKnown() throws {
    let text = recipe("lora: {start_from: adapters/x, rank: 8, target_modules: [q_proj]}")
    let recipe = try Recipe.parse(text, name: "x.yaml", overrides: ["lora.alpha=16"])
    #expect(recipe.lora.stated == ["rank", "target_modules", "alpha"])
    #expect(!recipe.resolvedYAML().contains("dropout"))
  }

  @Test func aVocabularyAndTrainedEmbeddings() throws {
    let recipe = try Recipe.parse(
      recipe(
        """
        vocabulary: {tokenizer: merged.model, initialize: subword_mean}
        lora: {target_modules: none, train_embeddings: {input: new_rows, output: all}}
        """), name: "x.yaml")
    #expect(recipe.vocabulary?.tokenizer == "merged.model" && recipe.vocabulary?.initialization == .subwordMean)
    #expect(recipe.lora.targetModules == [] && recipe.lora.embeddings.input == .newRows && recipe.lora.embeddings.output == .all)
    #expect(!recipe.lora.embeddings.tie)
    let plain = try Recipe.parse("base: b\noutput: o\ndata: {train: d}\ntraining: {epochs: 1}", name: "y.yaml")
    #expect(plain.vocabulary == nil && !plain.lora.embeddings.trainsAny)
  }

  @Test func theCommandLineChoosesBetweenEpochsAndSteps() throws {
    #expect(try Recipe.parse(recipe(), name: "x", overrides: ["training.max_steps=7"]).training.duration == .steps(7))
    let steps = recipe(training: "max_steps: 7")
    #expect(try Recipe.parse(steps, name: "x", overrides: ["training.epochs=2"]).training.duration == .epochs(2))
  }

  @Test func valuesOnTheCommandLineAreYAML() throws {
    let recipe = try Recipe.parse(
      recipe(), name: "x",
      overrides: ["data.train=[a.json, {path: b.json, weight: 2}]", "training.clip_gradient_norm=none", "lora.rank=16"])
    #expect(recipe.data.train == [.init(path: "a.json"), .init(path: "b.json", weight: 2)])
    #expect(recipe.training.clipGradientNorm == nil && recipe.lora.rank == 16)
  }

  @Test func everyKeyIsFoundAgain() throws {
    let recipe = try Recipe.parse(Self.full, name: "recipes/x.yaml", overrides: ["lora.rank=16"])
    #expect("\(recipe.location(of: "training.warmup_steps"))" == "recipes/x.yaml:31")
    #expect("\(recipe.location(of: "lora.rank"))" == "command line: lora.rank=16")
    #expect("\(recipe.location(of: "lora.start_from"))" == "recipes/x.yaml")
    #expect(recipe.states("data.shuffle") && !recipe.states("lora.start_from") && recipe.name == "recipes/x.yaml")
  }

  @Test func missingFilesAreReportedWithTheOtherProblems() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "puna-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "x.yaml").path
    let text = """
      base: \(folder.path)/base
      tokenizer: \(folder.path)/t.model
      adapters: [\(file), {path: \(folder.path)/a}]
      data:
        train: [\(folder.path), {path: \(file), template: \(folder.path)/t.json}]
        validation: \(folder.path)/v.json
      lora: {start_from: \(folder.path)/s}
      training: {epochs: one}
      output: \(folder.path)/o
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    let expected = [
      "1: base is 'F/base', but there is no such folder; models are not downloaded.",
      "2: tokenizer is 'F/t.model', but there is no such file.",
      "3: entry 1 of adapters is 'F/x.yaml', which is a file; expected a folder.",
      "3: path of entry 2 of adapters is 'F/a', but there is no such folder.",
      "5: entry 1 of data.train is 'F', which is a folder; expected a file.",
      "5: template of entry 2 of data.train is 'F/t.json', but there is no such file.",
      "6: data.validation is 'F/v.json', but there is no such file.",
      "7: lora.start_from is 'F/s', but there is no such folder.",
      "8: training.epochs is 'one'; expected a whole number from 1.",
    ]
    let error = #expect(throws: ConfigurationError.self) { try Recipe.read(file) }
    let problems = error?.problems.map { $0.description.replacing("\(file):", with: "").replacing(folder.path, with: "F") }
    #expect(problems == expected)

    let whole = try Recipe.read(file, overrides: ["training.epochs=1"], checksFiles: false)
    #expect(throws: ConfigurationError.self) { try whole.checkFiles() }
    #expect((try? Recipe.read(file, overrides: ["training.epochs=1"])) == nil)
  }

  @Test func theStarterNeedsNoFiles() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "puna-\(UUID().uuidString).json")
    try Data("[]".utf8).write(to: folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Recipe.parse(recipe(), name: "x", overrides: ["base=starter", "data.train=\(folder.path)"]).checkFiles()
  }
}
