import Datasets
import FineTuning
import Inference
import Llama
import Recipes
import Tokenizers

/// An instruction to be answered while a run goes on.
private struct AskedSample {
  let prompt: [Int32]
  let instruction: String
  let input: String
  let reference: String?
}

extension TrainingRun {
  typealias Sampler = @Sendable (_ model: LlamaModel, _ step: Int) throws -> SampleReport

  /// Parameters · tokens that answering samples may cost where the recipe leaves it open: some seconds on two cores.
  private static let budget = 100_000_000_000
  /// Tokens of a reference up to which an answer can be expected to match it.
  private static let shortAnswer = 64
  private static let longestAnswer = 128

  /// Answers the instructions that the recipe asks for; `nil` when there are none.
  ///
  /// - Throws: `Failure` when the recipe asks for what is not there.
  func sampler(_ validation: [MaskedSequence]) throws -> Sampler? {
    let samples: [AskedSample]
    var most = TrainingRun.longestAnswer
    switch recipe.samples {
    case .none: return nil
    case .auto:
      most = TrainingRun.shortAnswer + 8
      samples = try shortOnes(of: validation, most: most)
    case .heldOut(let count): samples = try firstOnes(count, of: validation)
    case .questions(let questions): samples = try questions.enumerated().map { try asked($1, number: $0 + 1) }
    }
    guard !samples.isEmpty, let tokenizer else { return nil }
    let stops = examples.responseEnds.union(configuration.endOfSequence + [tokenizer.endOfSequence].compactMap { $0 })
    let options = GenerationOptions(maximumTokens: most, stops: stops, vocabularySize: tokenizer.vocabularySize)
    return { model, step in
      let answers = try Generator(model, options).generate(samples.map { Prompt($0.prompt) })
      return SampleReport(
        step: step,
        samples: try zip(samples, answers).map { sample, answer in
          SampleReport.Sample(
            instruction: sample.instruction, input: sample.input, reference: sample.reference, answer: try tokenizer.decode(answer.tokens))
        })
    }
  }

  /// Held-out rows with short answers, as many as cost no more than a moment.
  private func shortOnes(of validation: [MaskedSequence], most: Int) throws -> [AskedSample] {
    guard tokenizer != nil else { return [] }
    var samples: [AskedSample] = []
    var tokens = 0
    for row in validation where row.supervisedCount <= TrainingRun.shortAnswer {
      guard let sample = try asked(row), sample.prompt.count + most <= configuration.maximumPositions else { continue }
      tokens += sample.prompt.count + most
      if tokens * configuration.parameterCount > TrainingRun.budget { break }
      samples.append(sample)
    }
    return samples
  }

  private func firstOnes(_ count: Int, of validation: [MaskedSequence]) throws -> [AskedSample] {
    var samples: [AskedSample] = []
    for row in validation where samples.count < count {
      guard let sample = try asked(row), sample.prompt.count < configuration.maximumPositions else { continue }
      samples.append(sample)
    }
    guard samples.count == count else {
      throw Failure(
        "\(recipe.location(of: "samples")): samples asks for \(count) held-out rows, but only \(samples.count) of the \(validation.count) "
          + "held out ask something that leaves room for an answer. Rows of tokens and text ask nothing.")
    }
    return samples
  }

  private func asked(_ row: MaskedSequence) throws -> AskedSample? {
    try examples.question(of: row.origin).map {
      AskedSample(prompt: $0.prompt, instruction: $0.instruction, input: $0.input ?? "", reference: $0.output)
    }
  }

  private func asked(_ question: SampleOptions.Question, number: Int) throws -> AskedSample {
    let place = recipe.location(of: recipe.states("samples[\(number - 1)]") ? "samples[\(number - 1)]" : "samples")
    guard let tokenizer else {
      throw Failure("\(place): samples need a tokenizer, and the base has none. Set 'tokenizer' in the recipe, or samples: none.")
    }
    let prompt = try examples.prompt(
      instruction: question.instruction, input: question.input, template: recipe.data.template, tokenizer: tokenizer)
    let positions = configuration.maximumPositions
    guard !prompt.isEmpty, prompt.count < positions else {
      throw Failure(
        "\(place): entry \(number) of samples takes \(Terminal.grouped(prompt.count)) tokens; the base has \(Terminal.grouped(positions)) "
          + "positions for it and an answer.")
    }
    return AskedSample(prompt: prompt, instruction: question.instruction, input: question.input, reference: nil)
  }
}
