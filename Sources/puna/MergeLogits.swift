import Adapters
import Bases
import CPUBackend
import Foundation
import Llama
import Tensors
import Tokenizers

/// Runs base and adapters, the same with noise as large as the merge's rounding, and what was merged, on fixed prompts in float32.
struct MergeLogits {
  let merge: Merge
  let result: Merge.Result
  let backend: any ComputeBackend

  private static let texts = ["The llama stood on the high plain and looked at", "Below is an instruction that describes a task."]
  private static let randomRuns = 4
  private static let runLength = 12
  private static let seed: UInt64 = 4

  /// Nil, and a note that says why, where the network does not compute what was merged.
  func compare() throws -> (LogitsComparison?, notes: [String]) {
    guard !merge.inputs.isEmpty else { return (nil, []) }
    let adapters = merge.inputs.map(\.adapter)
    if adapters.contains(where: { $0.modules.contains { $0.magnitude != nil } || !$0.vocabularyDeltas.isEmpty }) {
      return (nil, ["the network does not run DoRA or adapters of embedding and head: elements were compared, logits were not."])
    }
    let (prompts, notes) = prompts()
    let tokens = prompts.flatMap(\.tokens)
    let expected = try logits(of: prompts, merge.referenceWeights(result), merge.inputs.map { ($0.adapter.loraModules, $0.weight) })
    let noisy = try logits(
      of: prompts, merge.referenceWeights(result), merge.inputs.map { ($0.adapter.loraModules, $0.weight) } + [(noise(), 1)])
    let merged = try logits(of: prompts, result.merged.weights, [])

    let width = result.merged.configuration.vocabularySize
    var compared: [LogitsComparison.Prompt] = []
    var row = 0
    for prompt in prompts {
      func greedy(_ logits: [Float]) -> [Int32] { (row..<row + prompt.tokens.count).map { largest(logits[$0 * width..<($0 + 1) * width]) } }
      compared.append(
        .init(tokens: prompt.tokens, text: prompt.text, greedyOfAdapters: greedy(expected), greedyOfMerged: greedy(merged)))
      row += prompt.tokens.count
    }
    precondition(row == tokens.count && merged.count == row * width, "a row of logits for each token")
    let differences = zip(expected, merged).lazy.map { abs(Double($0) - Double($1)) }
    return (
      LogitsComparison(
        prompts: compared, largestDifference: differences.reduce(0, max), meanDifference: differences.reduce(0, +) / Double(merged.count),
        difference: rootMeanSquare(zip(expected, merged).lazy.map { Double($0) - Double($1) }),
        explained: rootMeanSquare(zip(expected, noisy).lazy.map { Double($0) - Double($1) }),
        size: rootMeanSquare(expected.lazy.map(Double.init))), notes
    )
  }

  private typealias Prompt = (tokens: [Int32], text: String?)

  /// Random tokens from a fixed seed, and texts where the output has a tokenizer.
  private func prompts() -> ([Prompt], notes: [String]) {
    let configuration = result.merged.configuration
    var random = Philox(seed: MergeLogits.seed, stream: RandomStream.sampling)
    let length = min(MergeLogits.runLength, configuration.maximumPositions)
    var prompts: [Prompt] = (0..<MergeLogits.randomRuns).map { _ in
      ((0..<length).map { _ in Int32.random(in: 0..<Int32(configuration.vocabularySize), using: &random) }, nil)
    }
    guard ["tokenizer.model", "tokenizer.json"].contains(where: { FileManager.default.fileExists(atPath: "\(result.merged.path)/\($0)") })
    else { return (prompts, []) }
    do {
      let tokenizer = try openTokenizer(at: result.merged.path)
      for text in MergeLogits.texts {
        let ids = Array(try tokenizer.encodeSequence(text).prefix(configuration.maximumPositions))
        guard !ids.isEmpty, ids.allSatisfy({ $0 >= 0 && Int($0) < configuration.vocabularySize }) else {
          return (prompts, ["the tokenizer has ids beyond the embedding's \(configuration.vocabularySize) rows; no text was compared."])
        }
        prompts.append((ids, text))
      }
      return (prompts, [])
    } catch {
      return (prompts, ["logits were compared on random tokens only: \(error)"])
    }
  }

  private func logits(
    of prompts: [Prompt], _ weights: [String: StoredWeight], _ adapters: [(modules: [LoRAAdapter.Module], weight: Double)]
  ) throws -> [Float] {
    let configuration = result.merged.configuration
    let model = try LlamaModel(
      weights: BaseWeights(configuration: configuration, weights: weights),
      adapters: adapters.map { LoRAAdapter($0.modules, weight: $0.weight, configuration: configuration, on: backend) }, on: backend)
    var segments: [PackedBatch.Segment] = []
    for prompt in prompts {
      let begin = segments.last?.rows.upperBound ?? 0
      segments.append(PackedBatch.Segment(rows: begin..<begin + prompt.tokens.count, parent: .none, position: 0))
    }
    let tokens = prompts.flatMap(\.tokens)
    let batch = PackedBatch(tokens: tokens, segments: segments, targets: [])
    return backend.read(model.logits(batch, rows: tokens.indices.map(Int32.init)))
  }

  /// Random low-rank matrices beside every merged projection, whose product has the norm of the projection's rounding error: what such an
  /// error does to logits, without another copy of the weights.
  private func noise() -> [LoRAAdapter.Module] {
    let configuration = result.merged.configuration
    let changes = Dictionary(uniqueKeysWithValues: result.changes.map { ($0.name, $0) })
    let rank = 4
    var random = Philox(seed: MergeLogits.seed, stream: RandomStream.sampling + 1)
    /// Uniform with mean 0 and variance 1.
    func values(_ count: Int, _ scale: Double) -> [Float] {
      (0..<count).map { _ in Float(scale * 12.0.squareRoot()) * (random.nextUniform() - 0.5) }
    }
    return (0..<configuration.layerCount).flatMap { layer in
      Projection.allCases.compactMap { projection -> LoRAAdapter.Module? in
        guard let change = changes[projection.weightName(layer: layer)], change.isMerged, change.roundingNorm > 0 else { return nil }
        let (outputs, inputs) = projection.shape(in: configuration)
        let scale = change.roundingNorm / Double(rank * outputs * inputs).squareRoot()
        return LoRAAdapter.Module(
          layer: layer, projection: projection, rank: rank, scale: 1, a: values(rank * inputs, 1), b: values(outputs * rank, scale))
      }
    }
  }

  private func largest(_ logits: ArraySlice<Float>) -> Int32 {
    var best = logits.startIndex
    for index in logits.indices where logits[index] > logits[best] { best = index }
    return Int32(best - logits.startIndex)
  }

  private func rootMeanSquare(_ values: some Sequence<Double>) -> Double {
    var (sum, count) = (0.0, 0)
    for value in values {
      sum += value * value
      count += 1
    }
    return (sum / Double(max(1, count))).squareRoot()
  }
}
