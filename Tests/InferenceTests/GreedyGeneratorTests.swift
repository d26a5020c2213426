import CPUBackend
import Inference
import Llama
import Tensors
import TestSupport
import Testing

@Suite(.serialized) struct GreedyGeneratorTests {
  let tiny = TinyModel(TinyModel.small)

  /// The reference, which has no cache, asked for one token after another.
  private func expected(_ prompt: [Int32], _ count: Int, stops: Set<Int32> = []) -> [Int32] {
    let reference = tiny.reference(Double.self)
    var tokens = prompt.map(Int.init)
    var answer: [Int32] = []
    while answer.count < count, let logits = reference.logits(tokens).last, let largest = logits.max(),
      let next = logits.firstIndex(of: largest)
    {
      if stops.contains(Int32(next)) { break }
      answer.append(Int32(next))
      tokens.append(next)
    }
    return answer
  }

  @Test(arguments: InstructionSet.allCases.filter(\.isAvailable)) func equalsTheReference(instructionSet: InstructionSet) throws {
    let model = try LlamaModel(
      weights: tiny.weights, on: CPUBackend(precision: .float32, threads: 2, instructionSet: instructionSet))
    let prompts: [[Int32]] = [[1], [1, 5, 6, 7], [1, 5, 9], [1, 20, 3, 3, 3, 8, 2]]
    // Two groups of prompts, and one per group.
    for rows in [2048, 5, 1] {
      let answers = GreedyGenerator(model).generate(prompts, maximumTokens: 12, stops: [], rowsInFlight: rows)
      #expect(answers == prompts.map { expected($0, 12) })
    }
  }

  @Test func stopsAreNotPartOfAnswers() throws {
    let model = try LlamaModel(weights: tiny.weights, on: CPUBackend(precision: .float32, threads: 2))
    let prompts: [[Int32]] = [[1], [1, 5, 6, 7]]
    let free = expected(prompts[0], 6)
    let stop = try #require(free.last { $0 != free[0] })
    let answers = GreedyGenerator(model).generate(prompts, maximumTokens: 6, stops: [stop])
    #expect(answers == prompts.map { expected($0, 6, stops: [stop]) })
    #expect(!answers[0].contains(stop) && answers[0].count < 6)
    #expect(GreedyGenerator(model).generate(prompts, maximumTokens: 0, stops: []) == [[], []])
  }
}
