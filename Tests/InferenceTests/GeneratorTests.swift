import CPUBackend
import Inference
import Llama
import Tensors
import TestSupport
import Testing

@Suite(.serialized) struct GeneratorTests {
  let tiny = TinyModel(TinyModel.small)
  /// More than grow together, with a common beginning of eight tokens, and some equal to others.
  let prompts = (0..<40).map { index in Prompt([1, 9, 8, 7, 6, 5, 4, 3] + (0...index % 5).map { Int32(2 + (index * 7 + $0 * 3) % 20) }) }

  func model(threads: Int = 2) throws -> LlamaModel {
    try LlamaModel(weights: tiny.weights, on: CPUBackend(precision: .float32, threads: threads))
  }

  /// The reference, which has no cache, asked for one token after another.
  func expected(_ prompt: Prompt, _ count: Int, stops: Set<Int32> = []) -> [Int32] {
    let reference = tiny.reference(Double.self)
    var tokens = prompt.tokens.map(Int.init)
    while tokens.count < prompt.tokens.count + count, let logits = reference.logits(tokens).last, let largest = logits.max(),
      let next = logits.firstIndex(of: largest), !stops.contains(Int32(next))
    { tokens.append(next) }
    return tokens[prompt.tokens.count...].map(Int32.init)
  }

  @Test(arguments: InstructionSet.allCases.filter(\.isAvailable))
  func greedyAnswersEqualTheReference(instructionSet: InstructionSet) throws {
    let backend = try CPUBackend(precision: .float32, threads: 2, instructionSet: instructionSet)
    let generator = Generator(try LlamaModel(weights: tiny.weights, on: backend), GenerationOptions(maximumTokens: 12))
    let others = [[1], [1, 5, 6, 7], [1, 5, 9], [1, 20, 3, 3, 3, 8, 2]].map { Prompt($0) }
    for prompts in [prompts, others, [others[0]]] {
      #expect(try generator.generate(prompts).map(\.tokens) == prompts.map { expected($0, 12) })
    }
  }

  @Test func stopsEndAnswersAndMakeRoomForOthers() throws {
    let stop = try #require(expected(prompts[0], 12).last)
    let generator = Generator(try model(), GenerationOptions(maximumTokens: 12, stops: [stop]))
    var ended: [Int] = []
    let answers = try generator.generate(prompts, onAnswer: { index, _ in ended.append(index) })
    #expect(answers.map(\.tokens) == prompts.map { expected($0, 12, stops: [stop]) })
    #expect(ended.sorted() == Array(prompts.indices) && ended != Array(prompts.indices))
    #expect(answers[0].ending == .endOfSequence && answers.allSatisfy { !$0.tokens.contains(stop) })
    #expect(answers.allSatisfy { ($0.ending == .maximumTokens) == ($0.tokens.count == 12) })
  }

  @Test(arguments: [1, 2]) func drawnAnswersDoNotDependOnOthersOrThreads(threads: Int) throws {
    let sampler = Sampler(temperature: 1.5, topK: 15, topP: 0.95, minP: 0.01, repetitionPenalty: 1.1, seed: 5)
    let generator = Generator(try model(threads: threads), GenerationOptions(sampler: sampler, maximumTokens: 10))
    let together = try generator.generate(prompts)
    #expect(try generator.generate(prompts.reversed()) == together.reversed())
    for index in [0, 17, 39] {
      #expect(try generator.generate([prompts[index]]) == [together[index]])
      #expect(try generator.generate(prompts[index], holding: HeldPrompt(), onToken: { _ in true }) == together[index])
    }
    let otherThreads = Generator(try model(threads: 3 - threads), GenerationOptions(sampler: sampler, maximumTokens: 10))
    #expect(try otherThreads.generate(prompts) == together)
  }

  @Test func seedsAndSamplesDiffer() throws {
    func answer(seed: UInt64, sample: Int = 0) throws -> [Int32] {
      let options = GenerationOptions(sampler: Sampler(temperature: 2, seed: seed), maximumTokens: 20)
      return try Generator(model(), options).generate([Prompt([1, 5], sample: sample)])[0].tokens
    }
    let answers = try [answer(seed: 1), answer(seed: 2), answer(seed: 1, sample: 1)]
    #expect(Set(answers).count == 3)
    #expect(try answer(seed: 1) == answers[0])
  }

  @Test func answersEndAtTheLastPosition() throws {
    let prompt = Prompt([1] + [Int32](repeating: 4, count: 119))
    let answers = try Generator(model(), GenerationOptions(maximumTokens: 50)).generate([
      prompt, Prompt([1] + [Int32](repeating: 4, count: 127)), Prompt([1]),
    ])
    #expect(answers.map(\.tokens.count) == [8, 0, 50])
    #expect(answers.map(\.ending) == [.positions, .positions, .maximumTokens])
    #expect(try Generator(model(), GenerationOptions(maximumTokens: 0)).generate([Prompt([1])]) == [Answer(ending: .maximumTokens)])
  }

  @Test func whoGetsTokensMayEndAnAnswer() throws {
    let generator = Generator(try model(), GenerationOptions(maximumTokens: 12))
    var streamed: [Int: [Int32]] = [:]
    let answers = try generator.generate(
      Array(prompts[..<3]),
      onToken: { index, token in
        streamed[index, default: []].append(token)
        return index != 1 || streamed[1]?.count != 4
      })
    #expect(answers.map(\.tokens) == [expected(prompts[0], 12), Array(expected(prompts[1], 12)[..<4]), expected(prompts[2], 12)])
    #expect(answers[1].ending == .stopped)
    #expect((0..<3).map { streamed[$0] } == answers.map(\.tokens))
  }

  @Test func idsThatTheTokenizerDoesNotKnowAreNeverTaken() throws {
    let free = expected(prompts[0], 12)
    let largest = try #require(free.max())
    for temperature: Float in [0, 1.5] {
      let options = GenerationOptions(
        sampler: Sampler(temperature: temperature), maximumTokens: 12, vocabularySize: Int(largest))
      #expect(try Generator(model(), options).generate([prompts[0]])[0].tokens.allSatisfy { $0 < largest })
    }
  }

  /// A conversation: each prompt goes on after the last answer, or parts from it somewhere.
  @Test func heldRowsGiveTheSameAnswers() throws {
    let generator = Generator(try model(), GenerationOptions(maximumTokens: 9))
    let held = HeldPrompt()
    var prompt: [Int32] = [1, 5, 6, 7]
    var kept: [Int] = []
    for step in 0..<6 {
      let answer = try generator.generate(Prompt(prompt), holding: held, onToken: { _ in true })
      #expect(answer.tokens == expected(Prompt(prompt), 9))
      kept.append(held.keptCount)
      // The fourth time the last answer is taken back.
      prompt = step == 3 ? Array(prompt.dropLast(6)) + [3, 3, 3] : prompt + answer.tokens + [Int32(step), 2]
    }
    // All but the last token of the answer before, which nothing followed; and what comes before the first other token.
    #expect(kept == [0, 12, 23, 34, 31, 42])
  }

  @Test func notANumberIsAnError() throws {
    var weights: [String: StoredWeight] = [:]
    for tensor in TinyModel.small.expectedTensors {
      let values = tiny.tensors[tensor.name, default: []]
      weights[tensor.name] = StoredWeight(
        name: tensor.name, shape: tensor.shape, values: tensor.name == "model.norm.weight" ? values.map { _ in .nan } : values)
    }
    let model = try LlamaModel(
      weights: BaseWeights(configuration: TinyModel.small, weights: weights), on: CPUBackend(precision: .float32, threads: 1))
    let generator = Generator(model, GenerationOptions(sampler: Sampler(temperature: 1)))
    #expect(throws: GenerationError.notANumber(position: 2)) { try generator.generate([Prompt([1, 2])]) }
  }
}
