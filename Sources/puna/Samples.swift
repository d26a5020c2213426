import Datasets
import FineTuning
import Inference
import Llama
import Tokenizers

extension TrainingRun {
  /// Parameters · tokens that answering samples may cost: a few seconds here.
  private static let budget = 100_000_000_000

  /// Answers held-out instructions before and after training, as many as cost no more than a moment; `nil` when that is none.
  func sampler(_ validation: [MaskedSequence]) throws -> (@Sendable (_ model: LlamaModel, _ step: Int) throws -> SampleReport)? {
    guard let tokenizer else { return nil }
    let stops = Set(base.configuration.endOfSequence + [tokenizer.endOfSequence].compactMap { $0 })
    var questions: [(prompt: [Int32], sample: SampleReport.Sample)] = []
    var limit = 0
    var tokens = 0
    for row in validation {
      guard let text = examples.text(of: row.origin), let encoder = examples.encoder(of: row.origin) else { continue }
      let prompt = try encoder.encodePrompt(instruction: text.instruction, input: text.input)
      let answer = row.supervised.reduce(0) { $0 + $1.count }
      tokens += prompt.count + answer
      if tokens * base.configuration.parameterCount > TrainingRun.budget || prompt.count + answer > base.configuration.maximumPositions {
        break
      }
      limit = max(limit, answer)
      questions.append(
        (prompt, SampleReport.Sample(instruction: text.instruction, input: text.input ?? "", reference: text.output, answer: "")))
    }
    guard !questions.isEmpty else { return nil }
    let asked = questions
    let most = limit + 8
    return { model, step in
      let answers = GreedyGenerator(model).generate(asked.map(\.prompt), maximumTokens: most, stops: stops)
      let samples = try zip(asked, answers).map { question, answer in
        SampleReport.Sample(
          instruction: question.sample.instruction, input: question.sample.input, reference: question.sample.reference,
          answer: try tokenizer.decode(answer))
      }
      return SampleReport(step: step, samples: samples)
    }
  }
}
