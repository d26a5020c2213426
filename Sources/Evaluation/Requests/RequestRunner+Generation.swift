import Inference
import Tokenizers

extension RequestRunner {
  /// So many answers to one prompt are a group of their own: the whole prompt is what they share.
  private static let manyAnswers = 8

  func generate(_ prompts: [EncodedRequests.Prompt], _ advance: Advance, _ onResponse: OnResponse) throws {
    for group in RequestRunner.groups(prompts) { try generateTogether(group, advance, onResponse) }
  }

  /// Prompts whose answers can grow together.
  private static func groups(_ prompts: [EncodedRequests.Prompt]) -> [[EncodedRequests.Prompt]] {
    struct Key: Hashable {
      let maximumTokens: Int
      let temperature: Float
      /// Of a prompt that is alone.
      let request: Int?
    }
    var places: [Key: Int] = [:]
    var groups: [[EncodedRequests.Prompt]] = []
    for prompt in prompts {
      let generation = prompt.generation
      let key = Key(
        maximumTokens: generation.maximumTokens, temperature: generation.temperature,
        request: generation.answerCount >= manyAnswers ? prompt.request : nil)
      if let place = places[key] {
        groups[place].append(prompt)
      } else {
        places[key] = groups.count
        groups.append([prompt])
      }
    }
    return groups
  }

  /// One answer that grows.
  private struct Growing {
    /// Its prompt's place in the group.
    let owner: Int
    let sample: Int
    /// Says when it ends.
    var text: AnswerText
  }

  private func generateTogether(_ group: [EncodedRequests.Prompt], _ advance: Advance, _ onResponse: OnResponse) throws {
    guard let generation = group.first?.generation else { return }
    // The end of sequence also ends an answer that spells it.
    let end = try model.tokenizer.endOfSequence.map { [try model.tokenizer.piece($0)] } ?? []
    var growing = group.enumerated().flatMap { owner, prompt in
      (0..<prompt.generation.answerCount).map { sample in
        Growing(
          owner: owner, sample: sample,
          text: AnswerText(model.tokenizer, stops: prompt.generation.stops + end, continues: prompt.generation.keepsLeadingSpace))
      }
    }
    var answers = group.map { [String](repeating: "", count: $0.generation.answerCount) }
    var missing = answers.map(\.count)
    let options = GenerationOptions(
      sampler: Sampler(temperature: generation.temperature, seed: seed), maximumTokens: generation.maximumTokens, stops: model.ends,
      vocabularySize: model.tokenizer.vocabularySize)
    _ = try Generator(model.network, options).generate(
      growing.map { Prompt(group[$0.owner].tokens, sample: $0.sample) },
      onToken: { index, token in
        counts.tokensGenerated += 1
        _ = try growing[index].text.append(token)
        try advance(1)
        return !growing[index].text.isStopped
      },
      onAnswer: { index, answer in
        let (owner, sample) = (growing[index].owner, growing[index].sample)
        let prompt = group[owner]
        answers[owner][sample] = try text(of: answer.tokens, prompt.generation, end)
        try advance(generation.maximumTokens - answer.tokens.count)
        missing[owner] -= 1
        guard missing[owner] == 0 else { return }
        counts.requests += 1
        count(cut: prompt.cutCount)
        try onResponse(prompt.request, .answers(answers[owner]))
      })
  }

  /// An answer, cut as lm-evaluation-harness cuts it: by one stop text after the other, each at its first place.
  private func text(of tokens: [Int32], _ generation: GenerationRequest, _ end: [String]) throws -> String {
    var stream = TextStream(model.tokenizer, continues: generation.keepsLeadingSpace)
    var text = try tokens.map { try stream.append($0) }.joined() + stream.finish()
    for stop in generation.stops + end where !stop.isEmpty {
      if let place = text.utf8.firstRange(of: stop.utf8) { text = String(text[..<place.lowerBound]) }
    }
    return text
  }
}
