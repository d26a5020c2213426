import Datasets
import FineTuning
import Inference
import Llama
import Tokenizers

extension TrainingRun {
  /// Parameters · tokens that answering samples may cost: some seconds on two cores.
  private static let budget = 100_000_000_000
  /// Tokens of a reference up to which an answer can be expected to match it.
  private static let longestAnswer = 64

  /// Answers held-out instructions before and after training, as many as cost no more than a moment; `nil` when that is none.
  func sampler(_ validation: [MaskedSequence]) throws -> (@Sendable (_ model: LlamaModel, _ step: Int) throws -> SampleReport)? {
    guard let tokenizer else { return nil }
    let stops = Set(base.configuration.endOfSequence + [tokenizer.endOfSequence].compactMap { $0 })
    let most = TrainingRun.longestAnswer + 8
    var questions: [(prompt: [Int32], sample: SampleReport.Sample)] = []
    var tokens = 0
    for row in validation where row.supervisedCount <= TrainingRun.longestAnswer {
      guard let text = try examples.question(of: row.origin) else { continue }
      let prompt = text.prompt
      guard prompt.count + most <= base.configuration.maximumPositions else { continue }
      tokens += prompt.count + most
      if tokens * base.configuration.parameterCount > TrainingRun.budget { break }
      questions.append(
        (
          prompt,
          SampleReport.Sample(instruction: text.instruction, input: text.input ?? "", reference: text.output, answer: "")
        ))
    }
    guard !questions.isEmpty else { return nil }
    let asked = questions
    return { model, step in
      let generator = Generator(model, GenerationOptions(maximumTokens: most, stops: stops))
      let answers = try generator.generate(asked.map { Prompt($0.prompt) })
      let samples = try zip(asked, answers).map { question, answer in
        SampleReport.Sample(
          instruction: question.sample.instruction, input: question.sample.input, reference: question.sample.reference,
          answer: try tokenizer.decode(answer.tokens))
      }
      return SampleReport(step: step, samples: samples)
    }
  }
}
