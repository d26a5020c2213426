import Adapters
import Bases
import CPUBackend
import Checkpoints
import Datasets
import FineTuning
import Llama
import Recipes
import Tensors
import Tokenizers

/// A recipe with everything it names opened and checked: what a run needs before its folder is made.
struct TrainingRun: Sendable {
  let recipe: Recipe
  let base: Base
  let examples: TrainingSet
  let instructionSet: InstructionSet
  let precision: Precision
  let lora: LoRAOptions
  /// Everything below the trained adapter, and which rows of embedding and head grow and are trained.
  let vocabulary: RunVocabulary
  let notes: [String]
  private let initial: PEFTAdapter
  private let location: BaseLocation
  private let earlier: EarlierRun?
  /// What the process held before it read anything of the base, which is planned apart: all of it, and what is its own of that.
  private let heldBefore = (all: SystemMemory.residentWithFiles, own: SystemMemory.resident)

  var tokenizer: (any Tokenizer)? { vocabulary.tokenizer }
  /// Of the network that is trained.
  var configuration: LlamaConfiguration { vocabulary.configuration }

  /// - Parameter earlier: the run that this one goes on with, or repeats.
  init(_ recipe: Recipe, allowsOtherBase: Bool, following earlier: EarlierRun? = nil) throws {
    self.recipe = recipe
    self.earlier = earlier
    location = BaseLocation(name: recipe.base)
    let base = try location.open()
    self.base = base
    instructionSet = try earlier?.instructionSet ?? InstructionSet.chosen()
    switch recipe.compute.precision {
    // What it became at the start holds.
    case .auto: precision = earlier?.precision ?? (instructionSet.multipliesBFloat16 ? .bfloat16 : .float32)
    case .bfloat16: precision = .bfloat16
    case .float32: precision = .float32
    }
    guard precision == .float32 || instructionSet.multipliesBFloat16 else {
      throw CPUBackendError.precisionNeedsInstructions(instructionSet)
    }
    func open(_ adapters: [(path: String, weight: Double)]) throws -> AdapterStack {
      try AdapterStack.open(adapters, for: base, use: .network, allowOtherBase: allowsOtherBase)
    }
    // An adapter that is continued stands on what it was trained over, as one that is stacked does.
    let continuedStack = try open(recipe.lora.startFrom.map { [($0, 1)] } ?? [])
    let continued = continuedStack.inputs.last
    let below = try continuedStack.droppingLast().under(open(recipe.adapters.map { ($0.path, $0.weight) }))
    var notes = below.notes
    if let continued {
      lora = try recipe.lora.continuing(continued.adapter, at: continued.adapter.path)
    } else {
      lora = recipe.lora
    }
    vocabulary = try RunVocabulary(recipe, location, AdaptedBase(base, below), continued: continued)
    notes += vocabulary.notes
    try vocabulary.check(
      below.inputs + [continued].compactMap { $0 }, base: location,
      place: recipe.location(of: recipe.vocabulary == nil ? "tokenizer" : "vocabulary.tokenizer"))
    let configuration = vocabulary.configuration
    if recipe.data.maximumLength > configuration.maximumPositions {
      notes.append(
        """
        data.max_length is \(recipe.data.maximumLength), above the \(configuration.maximumPositions) positions of the base; a longer row \
        is an error.
        """)
    }
    if let continued, !continued.adapter.modules.isEmpty {
      initial = continued.adapter
    } else {
      initial = PEFTAdapter(initializing: lora, basePath: recipe.base, seed: recipe.training.seed, configuration: configuration)
        .saving(continued?.adapter.savedWeights ?? [:])
    }
    examples = try TrainingSet(
      recipe.data, batchSize: recipe.training.batchSize, seed: recipe.training.seed, tokenizer: vocabulary.tokenizer,
      vocabularySize: configuration.vocabularySize, maximumPositions: configuration.maximumPositions,
      tokenCache: recipe.data.tokenCache.cache)
    self.notes = notes
  }

  /// Steps that were made before.
  var firstStep: Int { earlier?.checkpoint?.state.step ?? 0 }
  /// The folder that the run goes on from.
  var resumedCheckpoint: String? { earlier?.checkpoint?.path }

  var stepCount: Int { recipe.training.stepCount(stepsPerEpoch: examples.stepsPerEpoch) }

  /// Numbers that are trained.
  var trainedParameters: TrainedParameters {
    TrainedParameters(
      lowRank: initial.modules.reduce(0) { $0 + $1.a.count + $1.b.count }, vocabulary: vocabulary.trained, configuration: configuration)
  }

  /// What of this run takes memory.
  private var planned: MemoryPlan.Model {
    var columns: [Int: Int] = [:]
    for module in ([initial] + vocabulary.adapted.adapters.map(\.adapter)).flatMap(\.modules) {
      columns[module.layer, default: 0] += (module.rank + 31) / 32 * 32
    }
    let dropping = lora.dropout > 0 ? initial.modules.filter { $0.layer == initial.modules.first?.layer }.count : 0
    var model = MemoryPlan.Model(
      configuration, base: base.byteCount, trainedParameters: trainedParameters.lowRank,
      activationBytes: precision == .bfloat16 ? 2 : 4, branchColumns: columns.values.max() ?? 0, droppingBranches: dropping,
      program: heldBefore.all + examples.plannedByteCount)
    model.trainedRowParameters = trainedParameters.vocabulary
    model.frozenRows = vocabulary.frozenRowCount * configuration.hiddenSize * MemoryLayout<Float>.size
    // New rows that stay as they begin are in memory already.
    model.program += max(0, SystemMemory.resident - heldBefore.own - model.frozenRows)
    return model
  }

  /// Rows in flight and recomputation, as the recipe and this machine's memory allow.
  func planMemory() throws -> MemoryPlan {
    // What `auto` became decides how sums are made.
    if let earlier, let rows = earlier.rows, let recomputes = earlier.recomputes,
      recipe.training.microBatchTokens == earlier.recipe.training.microBatchTokens
    {
      return MemoryPlan(
        planned, rows: rows,
        recomputes: recipe.training.recompute == .auto ? recomputes : recipe.training.recompute == .always)
    }
    let limit: Int
    switch recipe.compute.memory {
    case .auto: limit = Int(0.8 * Double(SystemMemory.available))
    case .bytes(let bytes): limit = bytes
    case .share(let share): limit = Int(share * Double(SystemMemory.available))
    }
    let most = recipe.training.microBatchTokens ?? MemoryPlan.mostRows
    return try MemoryPlan.choose(
      planned, limit: limit, most: most,
      least: min(most, recipe.training.microBatchTokens ?? min(recipe.data.maximumLength, 512)), recompute: recipe.training.recompute)
  }

  /// What is wrong with the recipe in view of its data.
  func check() throws {
    if case .steps(let warmUp) = recipe.training.warmUp, warmUp > stepCount {
      throw Failure(
        "\(recipe.location(of: "training.warmup_steps")): training.warmup_steps is \(warmUp), but the run has only \(stepCount) steps.")
    }
  }

  /// What differs from a run of this recipe.
  func comparison(with earlier: EarlierRun) throws -> RunComparison { try RunComparison(earlier, resolved, try record()) }

  /// The recipe with what the adapter that is continued decides.
  private var resolved: Recipe {
    var resolved = recipe
    resolved.lora = lora
    return resolved
  }

  /// Makes the run folder, or takes that of the earlier run up.
  func makeJob(overwrites: Bool) throws -> FineTuner.Job {
    try check()
    let plan = try planMemory()
    let validation = try examples.validationExamples()
    let sampler = try sampler(validation)
    let warnings = warnings()
    let folder: RunFolder
    var resumptionWarnings: [TrainingWarning] = []
    // Last: what fails before leaves an earlier run as it was.
    if let earlier, let checkpoint = earlier.checkpoint {
      let comparison = try comparison(with: earlier)
      try comparison.requireTheSame(recipe.output)
      for text in comparison.notes { note(text) }
      resumptionWarnings = comparison.otherMachine.map { [TrainingWarning(.instructionSet, step: firstStep, $0)] } ?? []
      folder = try RunFolder(resuming: recipe.output, from: checkpoint)
    } else {
      var record = try record()
      (record.microBatchTokens, record.recompute) = (plan.rows, plan.recomputes)
      folder = try RunFolder(creating: recipe.output, overwrites: overwrites)
      try record.write(to: folder.path)
    }
    try folder.write(resolved.resolvedYAML(), to: "recipe.yaml")
    let run = self
    var job = FineTuner.Job(
      options: recipe.training, plan: plan, examples: examples, validation: validation, folder: folder,
      makeModel: { try run.makeModel() }, save: { try run.save($0, $1, to: $2) }, answerSamples: sampler)
    job.checkpoint = earlier?.checkpoint
    job.warnings = warnings
    job.resumptionWarnings = resumptionWarnings
    switch recipe.samples {
    case .auto, .none: break
    case .heldOut, .questions: job.answersEveryValidation = true
    }
    job.isInterrupted = { Interruption.isAsked }
    return job
  }

  /// On the thread that is to own it.
  /// - Parameter layers: the first blocks alone, for measuring.
  func makeModel(layers: Int? = nil) throws -> (model: LlamaModel, adapter: LoRAAdapter) {
    let grown = vocabulary.grown
    var configuration = grown.configuration
    configuration.layerCount = min(layers ?? configuration.layerCount, configuration.layerCount)
    func modules(_ adapter: PEFTAdapter) -> [LoRAAdapter.Module] { adapter.loraModules.filter { $0.layer < configuration.layerCount } }
    let backend = try CPUBackend(precision: precision, threads: recipe.compute.threads, instructionSet: instructionSet)
    let weights = BaseWeights(configuration: configuration, weights: grown.weights)
    let adapter = try LoRAAdapter(
      training: modules(initial), vocabulary: vocabulary.trained, of: weights, dropout: lora.dropout, on: backend)
    let below = vocabulary.adapted.adapters.map {
      LoRAAdapter(modules($0.adapter), weight: $0.weight, configuration: configuration, on: backend)
    }
    return (try LlamaModel(weights: weights, adapters: below + [adapter], on: backend), adapter)
  }

  /// Writes what is trained as PEFT's files, with the tokenizer where the vocabulary is not the base's.
  private func save(_ trained: LoRAAdapter, _ backend: any ComputeBackend, to folder: String) throws {
    let adapter = initial.replacingValues(with: trained.modules(from: backend)).acceptable(toPEFT: configuration)
    if configuration.vocabularySize != base.configuration.vocabularySize, let path = vocabulary.tokenizerPath {
      var files = try ModelFiles(tokenizer: path)
      _ = try files.completeTokenizer(of: path)
      try AtomicFile.createFolder(folder)
      try files.write(to: folder)
    }
    try adapter.write(to: folder, saving: vocabulary.savedMatrices(trained, backend, keeping: initial.savedWeights))
  }

  private func record() throws -> RunRecord {
    var record = RunRecord(
      version: Puna.version, instructionSet: instructionSet.rawValue, precision: precision.rawValue, seed: recipe.training.seed,
      base: recipe.base, baseFingerprint: base.fingerprint())
    record.adapters = vocabulary.adapted.adapters.map {
      RunRecord.AdapterReference(path: $0.adapter.path, weight: $0.weight, fingerprint: $0.adapter.fingerprint())
    }
    record.tokenizerFingerprint = try tokenizer?.fingerprint()
    if configuration.vocabularySize != base.configuration.vocabularySize || lora.embeddings.trainsAny {
      record.vocabulary = RunRecord.Vocabulary(
        rows: configuration.vocabularySize, baseRows: base.configuration.vocabularySize,
        initialize: vocabulary.growth?.initialization.rawValue, trainedInput: lora.embeddings.input.rawValue,
        trainedOutput: lora.embeddings.output.rawValue, tied: configuration.tiesEmbeddings)
    }
    record.startFrom = lora.startFrom
    if lora.startFrom != nil { record.startFromFingerprint = initial.fingerprint() }
    record.processor = MachineReport.processorName
    record.templates = try Set(examples.templates.compactMap { $0 }.map(\.name)).sorted().compactMap { name in
      try examples.templates.compactMap { $0 }.first { $0.name == name }.map { RunRecord.Template(name: name, text: try $0.json()) }
    }
    record.data = RunRecord.DataFacts(
      files: examples.paths, trainingRows: examples.rowsPerEpoch, validationRows: examples.validationRowCount)
    record.data?.fingerprints = examples.fingerprints
    return record
  }
}
