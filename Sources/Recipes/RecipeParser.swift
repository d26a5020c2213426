import Adapters
import Configuration
import Datasets
import FineTuning

/// Walks a recipe section by section. Problems go to the reader; what it returns counts only if there were none.
struct RecipeParser {
  let reader: ConfigurationReader
  /// Files that the recipe names, kept even when other keys are wrong so that missing ones are reported with them.
  var files: [ExpectedFile] = []

  init(_ reader: ConfigurationReader) { self.reader = reader }

  func recipe() -> Recipe {
    var parser = self
    return parser.parse()
  }

  private mutating func parse() -> Recipe {
    let top = reader.top
    let base = top.text("base", expecting: "the folder of a base model, or starter")
    if top.value("base") == nil { top.noteMissing("base", expecting: "the folder of a base model, or starter") }
    if let base, base != Recipe.starter { expect(.base, "base", base, at: top.location(of: "base")) }
    let tokenizer = top.text("tokenizer", expecting: "the path of a tokenizer or of a folder with one")
    if let tokenizer, tokenizer != base { expect(.fileOrFolder, "tokenizer", tokenizer, at: top.location(of: "tokenizer")) }
    let vocabulary = vocabulary(top)
    let adapters = stackedAdapters(top)
    let data = data(top.section("data"))
    let lora = lora(top.section("lora"))
    var training = training(top.section("training"))
    training.evaluateEvery = top.integer("evaluate_every", from: 1, default: training.evaluateEvery)
    training.saveEvery = top.integer("save_every", from: 1, default: training.saveEvery)
    training.keepCheckpoints = top.integer("keep_checkpoints", from: 1, default: training.keepCheckpoints)
    training.earlyStopping = earlyStopping(top)
    let samples = samples(top)
    let compute = compute(top.section("compute"))
    let output = top.text("output", expecting: "a folder for what the run writes")
    if top.value("output") == nil { top.noteMissing("output", expecting: "a folder for what the run writes") }

    var recipe = Recipe(
      base: base ?? "", data: data, training: training, output: output ?? "", locations: reader.locations, expectedFiles: files)
    recipe.tokenizer = tokenizer == base ? nil : tokenizer
    recipe.vocabulary = vocabulary
    recipe.adapters = adapters
    recipe.lora = lora
    recipe.compute = compute
    recipe.samples = samples
    for problem in recipe.contradictions { reader.note(problem.text, at: problem.location) }
    return recipe
  }

  mutating func expect(_ kind: ExpectedFile.Kind, _ label: String, _ path: String, at location: Location) {
    files.append(ExpectedFile(kind: kind, label: label, path: path, location: location))
  }

  // MARK: - Adapters

  mutating func stackedAdapters(_ top: ConfigurationSection, key: String = "adapters") -> [Recipe.StackedAdapter] {
    var adapters: [Recipe.StackedAdapter] = []
    for item in top.items(key, expecting: "the folder of an adapter, or {path, weight}") ?? [] {
      let adapter: Recipe.StackedAdapter
      let label: String
      let location: Location
      switch item {
      case .text(let text, let itemLabel, let place):
        (label, location) = (itemLabel, place)
        // `path=weight`, as on the command line.
        guard let equals = text.lastIndex(of: "=") else {
          adapter = Recipe.StackedAdapter(path: text)
          break
        }
        let weight = String(text[text.index(after: equals)...])
        guard let number = ConfigurationValue.number(weight), number != 0, equals > text.startIndex else {
          reader.note("\(label) is '\(text)'; expected PATH=WEIGHT with a number other than 0 as weight.", at: place)
          continue
        }
        adapter = Recipe.StackedAdapter(path: String(text[..<equals]), weight: number)
      case .section(let section):
        (label, location) = (section.label("path"), section.location(of: "path"))
        let path = section.text("path", expecting: "the folder of an adapter")
        if section.value("path") == nil { section.noteMissing("path", expecting: "the folder of an adapter") }
        let weight = section.read("weight", expecting: "a number other than 0", default: 1) { $0.number.flatMap { $0 == 0 ? nil : $0 } }
        guard let path else { continue }
        adapter = Recipe.StackedAdapter(path: path, weight: weight)
      }
      expect(.folder, label, adapter.path, at: location)
      adapters.append(adapter)
    }
    return adapters
  }

  // MARK: - Vocabulary

  private mutating func vocabulary(_ top: ConfigurationSection) -> VocabularyOptions? {
    guard let value = top.value("vocabulary"), !value.isWord("none") else { return nil }
    let section = top.section("vocabulary")
    guard case .section = value.content else { return nil }
    let expectation = "the path of a tokenizer or of a folder with one"
    if section.value("tokenizer") == nil { section.noteMissing("tokenizer", expecting: expectation) }
    let tokenizer = section.text("tokenizer", expecting: expectation)
    if let tokenizer { expect(.fileOrFolder, section.label("tokenizer"), tokenizer, at: section.location(of: "tokenizer")) }
    var options = VocabularyOptions(tokenizer: tokenizer ?? "")
    options.initialization = section.choice("initialize", default: options.initialization)
    return options
  }

  // MARK: - LoRA

  private mutating func lora(_ section: ConfigurationSection) -> LoRAOptions {
    var options = LoRAOptions()
    let trainsNoModule = section.value("target_modules")?.isWord("none") ?? false
    options.targetModules = trainsNoModule ? [] : section.choices("target_modules", default: options.targetModules)
    options.rank = section.integer("rank", from: 1, default: options.rank)
    options.alpha = section.number("alpha", .above(0), default: options.alpha)
    options.dropout = section.number("dropout", .from(0).below(1), default: options.dropout)
    options.usesRSLoRA = section.flag("rslora", default: options.usesRSLoRA)
    let embeddings = section.section("train_embeddings")
    options.embeddings.input = embeddings.choice("input", default: options.embeddings.input)
    options.embeddings.output = embeddings.choice("output", default: options.embeddings.output)
    options.embeddings.tie = embeddings.flag("tie", default: options.embeddings.tie)
    options.startFrom = section.text("start_from", expecting: "the folder of an adapter", or: "none")
    if let startFrom = options.startFrom {
      expect(.folder, section.label("start_from"), startFrom, at: section.location(of: "start_from"))
      // Alone, the recipe's values hold whether it states them or not.
      options.stated = Set(["target_modules", "rank", "alpha", "dropout", "rslora"].filter { section.value($0) != nil })
    }
    return options
  }

  // MARK: - Training

  private func training(_ section: ConfigurationSection) -> TrainingOptions {
    var options = TrainingOptions(duration: duration(section))
    options.batchSize = section.integer("batch_size", from: 1, default: options.batchSize)
    options.microBatchTokens = section.integer("micro_batch_tokens", from: 1, or: "auto", default: options.microBatchTokens)
    options.learningRate = section.number("learning_rate", .above(0), default: options.learningRate)
    options.schedule = section.choice("schedule", default: options.schedule)
    options.warmUp = section.read(
      "warmup_steps", expecting: "a whole number of steps from 1, or a fraction of all steps from 0 to below 1", default: options.warmUp
    ) { value in
      if let steps = value.integer(from: 1, upTo: Int(Int32.max)) { return .steps(steps) }
      return value.number(in: .from(0).below(1)).map { .fraction($0) }
    }
    options.finalLearningRateRatio = section.number(
      "final_learning_rate_ratio", .from(0).upTo(1), default: options.finalLearningRateRatio)
    options.betas = section.read("betas", expecting: "two numbers from 0 to below 1, such as [0.9, 0.95]", default: options.betas) {
      value in
      guard case .list(let items) = value.content, items.count == 2 else { return nil }
      let numbers = items.compactMap { $0.number(in: .from(0).below(1)) }
      return numbers.count == 2 ? TrainingOptions.Betas(first: numbers[0], second: numbers[1]) : nil
    }
    options.epsilon = section.number("epsilon", .above(0), default: options.epsilon)
    options.weightDecay = section.number("weight_decay", .from(0), default: options.weightDecay)
    options.clipGradientNorm = section.number("clip_gradient_norm", .above(0), or: "none", default: options.clipGradientNorm)
    options.seed = section.integer("seed", from: 0, upTo: UInt64.max, default: options.seed)
    options.recompute = section.choice("recompute", default: options.recompute)
    return options
  }

  private func duration(_ section: ConfigurationSection) -> TrainingOptions.Duration {
    let epochs = section.integer("epochs", from: 1, default: 1)
    let steps = section.integer("max_steps", from: 1, default: 1)
    switch (section.value("epochs") != nil, section.value("max_steps") != nil) {
    case (true, false): return .epochs(epochs)
    case (false, true): return .steps(steps)
    case (false, false):
      section.noteMissing("epochs", expecting: "training.epochs or training.max_steps")
      return .epochs(1)
    case (true, true):
      // One on the command line takes the place of the other in the file.
      switch (section.location(of: "epochs"), section.location(of: "max_steps")) {
      case (.commandLine, .file): return .epochs(epochs)
      case (.file, .commandLine): return .steps(steps)
      default: section.note("training.epochs and training.max_steps are both given; keep one.", at: "max_steps")
      }
      return .steps(steps)
    }
  }

  // MARK: - Compute

  private func compute(_ section: ConfigurationSection) -> ComputeOptions {
    var options = ComputeOptions()
    options.precision = section.choice("precision", default: options.precision)
    options.threads = section.integer("threads", from: 1, upTo: 4096, or: "auto", default: options.threads)
    let expectation = "auto, \(ByteCount.expectation), or a share of what is available, such as 0.8"
    options.memory = section.read("memory", expecting: expectation, default: options.memory) { value in
      if value.isWord("auto") { return .auto }
      if let share = value.number(in: .above(0).upTo(1)) { return .share(share) }
      // Fewer bytes than this were meant as some larger unit.
      return value.plainText.flatMap(ByteCount.parse).flatMap { $0 >= 1_000_000 ? .bytes($0) : nil }
    }
    return options
  }
}
