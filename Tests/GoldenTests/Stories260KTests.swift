import Bases
import CPUBackend
import Checkpoints
import Foundation
import Inference
import JSON
import Llama
import Tensors
import TestSupport
import Testing
import Tokenizers

/// A real trained model: generation in float32, and what bfloat16 costs.
@Suite(.serialized, .enabled(if: SharedFiles.exist, "no ../shared beside the package"))
struct Stories260KTests {
  let folder = SharedFiles.file("data/stories260k")

  func model(_ precision: Precision, layout: String = "hf") throws -> LlamaModel {
    let base = try Base.open("\(folder)/\(layout)")
    let weights = BaseWeights(configuration: base.configuration, weights: base.weights)
    return try LlamaModel(weights: weights, on: CPUBackend(precision: precision, threads: 2))
  }

  @Test(arguments: ["hf", "meta"]) func greedyContinuation(layout: String) throws {
    let expected = (try JSONValue(file: "\(folder)/greedy_ids.json").array ?? []).compactMap(\.integer).map(Int32.init)
    try #require(expected.count > 100)
    let begin = expected[0] == 1 ? 1 : 0
    let generator = Generator(try model(.float32, layout: layout), GenerationOptions(maximumTokens: expected.count - begin))
    let answer = try generator.generate([Prompt([1])])[0].tokens
    #expect(answer == Array(expected[begin...]))
    let tokenizer = try openTokenizer(at: "\(folder)/\(layout)")
    let text = try String(contentsOfFile: "\(folder)/greedy.txt", encoding: .utf8)
    #expect(
      try tokenizer.decode(answer).trimmingCharacters(in: .whitespacesAndNewlines) == text.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  @Test func answersDoNotDependOnOthers() throws {
    let generator = Generator(try model(.float32), GenerationOptions(maximumTokens: 40))
    let prompts = [[1], [1, 403, 407], [1, 261, 378, 432]].map { Prompt($0) }
    let together = try generator.generate(prompts)
    for (prompt, answer) in zip(prompts, together) { #expect(try generator.generate([prompt]) == [answer]) }
  }

  @Test(.enabled(if: InstructionSet.best.multipliesBFloat16, "this processor has no bfloat16 products"))
  func bfloat16LossIsCloseToFloat32() throws {
    let text = try String(contentsOfFile: SharedFiles.file("data/stories260k/greedy.txt"), encoding: .utf8)
    let ids = try openTokenizer(at: "\(folder)/hf").encodeSequence(text)
    let batch = PackedBatch(
      tokens: ids, segments: [PackedBatch.Segment(rows: 0..<ids.count, parent: .none, position: 0)],
      targets: ids.indices.dropFirst().map { PackedBatch.Target(row: $0 - 1, token: ids[$0]) })
    let losses = try Precision.allCases.map { precision in
      let model = try model(precision)
      return -model.backend.read(model.score(batch).logProbabilities).reduce(0.0) { $0 + Double($1) } / Double(ids.count - 1)
    }
    #expect(abs(losses[0] - losses[1]) < 0.005 * losses[1])
  }
}
