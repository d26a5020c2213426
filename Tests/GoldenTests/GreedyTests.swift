import Bases
import CPUBackend
import Foundation
import Inference
import JSON
import Llama
import Tensors
import TestSupport
import Testing

/// Greedy continuations of 200 tokens, or as many as there are positions, beside transformers' (Tools/goldens/greedy.py).
@Suite(.serialized) struct GreedyTests {
  private struct Expected: Decodable {
    let prompt: [Int32]
    let answer: [Int32]
  }

  private func expected(_ golden: GoldenCase) throws -> [Expected] {
    let file = URL(fileURLWithPath: GoldenCase.own[0].path).deletingLastPathComponent().appendingPathComponent("greedy.json")
    return try JSONDecoder().decode([String: [Expected]].self, from: Data(contentsOf: file))[golden.description] ?? []
  }

  @Test(arguments: GoldenCase.all.filter { $0.description != "shards" }) func equalTransformers(_ golden: GoldenCase) throws {
    let base = try Base.open("\(golden.path)/base")
    let weights = BaseWeights(configuration: base.configuration, weights: base.weights)
    let model = try LlamaModel(weights: weights, on: CPUBackend(precision: .float32, threads: 2))
    let expected = try expected(golden)
    #expect(expected.count == 4)
    let generator = Generator(model, GenerationOptions(maximumTokens: 200))
    let together = try generator.generate(expected.map { Prompt($0.prompt) })
    for (answer, expected) in zip(together, expected) {
      #expect(answer.tokens == expected.answer, "\(golden), \(expected.prompt.count) ids, together")
      #expect(try generator.generate([Prompt(expected.prompt)]) == [answer], "\(golden), \(expected.prompt.count) ids, alone")
    }
  }
}
