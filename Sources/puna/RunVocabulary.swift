import Adapters
import Bases
import Configuration
import Llama
import Recipes
import Tensors
import Tokenizers

/// The vocabulary of a run: tokenizer, rows of embedding and head, and which of these are trained.
struct RunVocabulary {
  let tokenizer: (any Tokenizer)?
  /// A tokenizer file or folder that is not the base's own; nil for that.
  let tokenizerPath: String?
  /// The base with everything below the trained adapter, and with the weights that a continued one saved.
  let adapted: AdaptedBase
  /// Rows that are added to it; nil for none.
  let growth: VocabularyGrowth?
  let trained: TrainedVocabulary
  let notes: [String]
  /// With those new rows in memory that stay as they begin; the others are made when a network begins, and given up then.
  private let keptGrown: AdaptedBase?

  /// - Parameter continued: the adapter of `lora.start_from`.
  /// - Throws: `Failure` with the table of what has how many rows where parts do not fit; `TokenizerError`.
  init(_ recipe: Recipe, _ location: BaseLocation, _ adapted: AdaptedBase, continued: AdapterStack.Input?) throws {
    var notes: [String] = []
    let earlierPath = continued?.tokenizerPath ?? adapted.adapterTokenizerPath
    let below = continued.map { adapted.continuing($0.adapter) } ?? adapted
    let rows = below.configuration.vocabularySize
    var growth: VocabularyGrowth?
    if let options = recipe.vocabulary {
      let earlier = try earlierPath.map { try openTokenizer(at: $0) } ?? location.openTokenizer()
      guard let new = try location.openTokenizer(at: options.tokenizer) else {
        throw Failure("\(recipe.location(of: "vocabulary.tokenizer")): \(options.tokenizer) has no tokenizer.")
      }
      growth = try RunVocabulary.growth(recipe, options, from: earlier, to: new, rows: rows, below, &notes)
      (tokenizer, tokenizerPath) = (new, options.tokenizer)
    } else {
      tokenizerPath = recipe.tokenizer ?? earlierPath
      tokenizer = try tokenizerPath.map { try location.openTokenizer(at: $0) } ?? location.openTokenizer()
      if let tokenizer, tokenizer.vocabularySize != rows {
        let text = "the tokenizer has \(tokenizer.vocabularySize) ids, the embedding of \(recipe.base) \(rows) rows"
        guard tokenizer.vocabularySize < rows else {
          throw RunVocabulary.misfit(recipe, "tokenizer", below, tokenizerPath ?? recipe.base, tokenizer, rows)
        }
        notes.append("\(text); the surplus rows are never used.")
      }
    }
    self.growth = growth
    let (parted, trained) = try RunVocabulary.trained(recipe, below, growth, &notes)
    (self.adapted, self.trained) = (parted, trained)
    let untrained = TrainedVocabulary.Matrix.all(of: parted.configuration).filter { trained[$0] == nil }
    keptGrown = growth != nil && !untrained.isEmpty ? parted.growing(by: growth, untrained) : nil
    self.notes = notes
  }

  /// Looks whether everything below was trained with this tokenizer, or with one that it goes on from, as far as the records of runs tell.
  ///
  /// - Throws: `Failure` naming the adapter whose ids would mean something else.
  func check(_ inputs: [AdapterStack.Input], base location: BaseLocation, place: Location) throws {
    guard let tokenizer else { return }
    if let problem = try location.tokenizerProblem(of: inputs, with: tokenizer) {
      throw Failure("\(place): \(problem) Take the tokenizer of that stage, or one that was merged from it.")
    }
  }

  // MARK: - The network and the files

  /// Of the network that is trained.
  var configuration: LlamaConfiguration {
    var configuration = adapted.configuration
    configuration.vocabularySize = growth?.rowCount ?? configuration.vocabularySize
    return configuration
  }

  /// With the rows that are added.
  var grown: AdaptedBase { (keptGrown ?? adapted).growing(by: growth) }

  /// New rows that stay as they begin.
  var frozenRowCount: Int {
    guard let growth else { return 0 }
    return TrainedVocabulary.Matrix.all(of: adapted.configuration).filter { trained[$0] == nil }.count * growth.added.count
  }

  /// Embedding and head as the adapter saves them, where they are not what is below it, and the other weights that a continued one saved.
  func savedMatrices(
    _ adapter: LoRAAdapter, _ backend: any ComputeBackend, keeping kept: [String: StoredWeight]
  ) -> [PEFTAdapter.SavedMatrix] {
    let isTied = adapted.configuration.tiesEmbeddings
    let names = TrainedVocabulary.Matrix.allCases.map(\.weightName)
    let saved = TrainedVocabulary.Matrix.allCases.filter { matrix in
      growth != nil || trained[matrix] != nil || kept[matrix.weightName] != nil || (isTied && trained.embedding != nil)
    }
    let weights = keptGrown?.weights ?? adapted.weights
    let matrices = saved.compactMap { matrix -> PEFTAdapter.SavedMatrix? in
      let source = isTied ? TrainedVocabulary.Matrix.embedding : matrix
      guard let stored = weights[source.weightName] else { return nil }
      let rows = adapter.trainedRows(of: source)
      let count = growth?.rowCount ?? stored.shape[0]
      return PEFTAdapter.SavedMatrix(weightName: matrix.weightName, shape: [count, stored.shape[1]]) { range in
        let frozen = range.clamped(to: 0..<(rows?.first ?? count))
        let below = frozen.flatMap { stored.floats(ofRow: $0) }
        guard let rows, range.upperBound > rows.first else { return below }
        let begin = rows.parameter.offset + (max(range.lowerBound, rows.first) - rows.first) * rows.parameter.columns
        let end = rows.parameter.offset + (range.upperBound - rows.first) * rows.parameter.columns
        return below + backend.read(rows.parameter.set.values, begin..<end)
      }
    }
    return matrices + kept.filter { !names.contains($0.key) }.map { PEFTAdapter.SavedMatrix($0.value) }
  }

  // MARK: - Growing

  private static func growth(
    _ recipe: Recipe, _ options: VocabularyOptions, from earlier: (any Tokenizer)?, to new: any Tokenizer, rows: Int, _ below: AdaptedBase,
    _ notes: inout [String]
  ) throws -> VocabularyGrowth? {
    let place = recipe.location(of: "vocabulary.tokenizer")
    guard new.vocabularySize >= rows else { throw misfit(recipe, "vocabulary.tokenizer", below, options.tokenizer, new, rows) }
    if let earlier {
      if let difference = try TokenizerSuccession(earlier, new).text {
        throw Failure(
          "\(place): \(options.tokenizer) does not go on from the tokenizer of \(recipe.base): \(difference). Merge the two: "
            + "puna tokenizer merge --base ... --add \(options.tokenizer) --output ...")
      }
      if earlier.vocabularySize < rows, new.vocabularySize > earlier.vocabularySize {
        notes.append(
          "ids \(Terminal.grouped(earlier.vocabularySize)) to \(Terminal.grouped(min(rows, new.vocabularySize) - 1)) are new to the tokenizer, "
            + "but have rows already: those stay what they are, and count as the base's.")
      }
    } else {
      notes.append("\(recipe.base) has no tokenizer: whether \(options.tokenizer) keeps the meaning of its ids cannot be checked.")
    }
    guard new.vocabularySize > rows else {
      notes.append("\(options.tokenizer) has \(Terminal.grouped(rows)) ids, as many as there are rows: nothing grows.")
      return nil
    }
    var spellings: [[Int32]] = []
    if options.initialization == .subwordMean {
      guard let earlier else {
        throw Failure(
          "\(recipe.location(of: "vocabulary.initialize")): subword_mean needs the tokenizer of \(recipe.base), which has none.")
      }
      spellings = try (Int32(rows)..<Int32(new.vocabularySize)).map { try spelling(of: $0, new, by: earlier) }
    }
    return VocabularyGrowth(
      first: rows, rowCount: new.vocabularySize, initialization: options.initialization, spellings: spellings, seed: recipe.training.seed)
  }

  /// The ids that spelled a new piece before; empty where it has no text, or none that could be spelled.
  private static func spelling(of id: Int32, _ new: any Tokenizer, by earlier: any Tokenizer) throws -> [Int32] {
    var isAtStart = false
    let text = try new.bytes(of: id, atStart: &isAtStart)
    guard !text.isEmpty, String(validating: text, as: UTF8.self) != nil else { return [] }
    // In the middle of a text: no space is put before it.
    let ids = try (earlier as? any PartwiseTokenizer)?.encodeContinuation(utf8: text) ?? earlier.encode(utf8: text)
    return try ids.contains { try earlier.kind($0) == .unknown } ? [] : ids
  }

  private static func misfit(
    _ recipe: Recipe, _ key: String, _ below: AdaptedBase, _ path: String, _ tokenizer: any Tokenizer, _ rows: Int
  ) -> Failure {
    let (ids, count) = (Terminal.grouped(tokenizer.vocabularySize), Terminal.grouped(rows))
    var table = VocabularyTable(below)
    table.add("tokenizer \(path)", tokenizer.vocabularySize)
    let advice =
      tokenizer.vocabularySize > rows
      ? "Use the tokenizer that belongs to this base, or let embedding and head grow: vocabulary: {tokenizer: \(path)}."
      : "A vocabulary grows, and does not shrink: take the tokenizer of the last stage or one that was merged from it."
    return Failure(
      "\(recipe.location(of: key)): the tokenizer has \(ids) ids, but embedding and head have \(count) rows.\n\(table.text)\n\(advice)")
  }

  // MARK: - What is trained

  private static func trained(
    _ recipe: Recipe, _ below: AdaptedBase, _ growth: VocabularyGrowth?, _ notes: inout [String]
  ) throws -> (AdaptedBase, TrainedVocabulary) {
    let options = recipe.lora.embeddings
    let all = growth?.rowCount ?? below.configuration.vocabularySize
    let known = below.base.configuration.vocabularySize
    func range(_ rows: EmbeddingOptions.Rows, _ key: String) throws -> Range<Int>? {
      switch rows {
      case .none: return nil
      case .all: return 0..<all
      case .newRows:
        guard all > known else {
          throw Failure(
            "\(recipe.location(of: key)): \(key) is new_rows, but there are none: the base has \(Terminal.grouped(known)) rows, and so has "
              + "this run. Give vocabulary.tokenizer a larger tokenizer, or train all.")
        }
        return known..<all
      }
    }
    let input = try range(options.input, "lora.train_embeddings.input")
    let output = try range(options.output, "lora.train_embeddings.output")
    let isTied = below.configuration.tiesEmbeddings
    if options.tie {
      guard isTied else {
        throw Failure(
          "\(recipe.location(of: "lora.train_embeddings.tie")): lora.train_embeddings.tie keeps embedding and head one matrix, but they are two "
            + "in \(recipe.base)\(below.base.configuration.tiesEmbeddings ? " with what is on it" : "").")
      }
      return (below, TrainedVocabulary(embedding: input))
    }
    guard isTied, input != nil || output != nil else { return (below, TrainedVocabulary(embedding: input, head: output)) }
    notes.append(
      "the head of \(recipe.base) is its embedding; trained, they become two matrices, as with PEFT. lora.train_embeddings.tie: true keeps "
        + "them one.")
    var parted = below
    parted.partHead()
    return (parted, TrainedVocabulary(embedding: input, head: output))
  }
}
