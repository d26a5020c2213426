import Llama
import Tensors

/// Continues prompts with the most likely token, several prompts at once over one KV cache.
///
/// Every prompt becomes a resident segment; each further step is one batch with one row for every prompt that goes on. A prompt's answer
/// does not depend on the others.
public struct GreedyGenerator {
  private let model: LlamaModel

  public init(_ model: LlamaModel) { self.model = model }

  /// - Parameters:
  ///   - prompts: token ids, none empty.
  ///   - maximumTokens: most tokens to add to each prompt.
  ///   - stops: ids that end an answer; they are not part of it.
  ///   - rowsInFlight: most rows that prompts of one group take together; a longer prompt is a group of its own.
  /// - Returns: the tokens added to each prompt.
  public func generate(_ prompts: [[Int32]], maximumTokens: Int, stops: Set<Int32>, rowsInFlight: Int = 2048) -> [[Int32]] {
    precondition(prompts.allSatisfy { !$0.isEmpty }, "a prompt has at least one token")
    var answers: [[Int32]] = []
    var begin = 0
    while begin < prompts.count {
      var end = begin + 1
      var rows = prompts[begin].count
      while end < prompts.count, rows + prompts[end].count <= rowsInFlight {
        rows += prompts[end].count
        end += 1
      }
      answers += continueTogether(prompts[begin..<end], maximumTokens: maximumTokens, stops: stops)
      begin = end
    }
    return answers
  }

  private func continueTogether(_ prompts: ArraySlice<[Int32]>, maximumTokens: Int, stops: Set<Int32>) -> [[Int32]] {
    var answers = prompts.map { _ in [Int32]() }
    guard maximumTokens > 0 else { return answers }
    let capacity = prompts.reduce(0) { $0 + $1.count + maximumTokens }
    let cache = KVCache(capacity: capacity, configuration: model.configuration, on: model.backend)
    var active: [(answer: Int, resident: Int)] = []
    for (index, prompt) in prompts.enumerated() {
      guard let resident = cache.makeResident(limit: prompt.count + maximumTokens) else { preconditionFailure("the cache was made to fit") }
      active.append((index, resident))
    }
    var inputs = Array(prompts)
    while true {
      let next = step(inputs, residents: active.map(\.resident), cache)
      var remaining: [(answer: Int, resident: Int)] = []
      inputs = []
      for (sequence, token) in zip(active, next) where !stops.contains(token) {
        answers[sequence.answer].append(token)
        if answers[sequence.answer].count < maximumTokens {
          remaining.append(sequence)
          inputs.append([token])
        }
      }
      if remaining.isEmpty { return answers }
      active = remaining
    }
  }

  /// Appends the inputs to their residents and returns the token after each.
  private func step(_ inputs: [[Int32]], residents: [Int], _ cache: KVCache) -> [Int32] {
    var tokens: [Int32] = []
    var segments: [PackedBatch.Segment] = []
    for (input, resident) in zip(inputs, residents) {
      segments.append(
        PackedBatch.Segment(
          rows: tokens.count..<tokens.count + input.count, parent: .resident(resident), position: cache.nextPosition(of: resident)))
      tokens += input
    }
    let batch = PackedBatch(tokens: tokens, segments: segments, targets: [])
    return model.mostLikelyTokens(batch, rows: segments.map { Int32($0.rows.upperBound - 1) }, cache: cache)
  }
}
