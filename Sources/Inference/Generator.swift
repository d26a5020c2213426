import Llama
import Tensors

/// What is to be continued.
public struct Prompt: Sendable, Equatable {
  /// Never empty.
  public let tokens: [Int32]
  /// Counts answers to the same prompt: each has random numbers of its own.
  public let sample: Int

  public init(_ tokens: [Int32], sample: Int = 0) {
    precondition(!tokens.isEmpty, "a prompt has at least one token")
    self.tokens = tokens
    self.sample = sample
  }
}

/// The tokens that were added to a prompt.
public struct Answer: Sendable, Equatable {
  public enum Ending: Sendable, Equatable {
    /// An id that ends answers came; it is not part of the answer.
    case endOfSequence
    /// Whoever got the tokens wanted no more.
    case stopped
    case maximumTokens
    /// The model has no position for a further token.
    case positions
  }

  public var tokens: [Int32]
  public var ending: Ending

  public init(_ tokens: [Int32] = [], ending: Ending) {
    self.tokens = tokens
    self.ending = ending
  }
}

public struct GenerationOptions: Sendable {
  public var sampler: Sampler
  /// Most tokens of an answer.
  public var maximumTokens: Int
  /// Ids that end an answer.
  public var stops: Set<Int32>
  /// Ids from this on are never taken: rows of the embedding that the tokenizer does not know. Nil: the model's vocabulary.
  public var vocabularySize: Int?

  public init(sampler: Sampler = Sampler(), maximumTokens: Int = 256, stops: Set<Int32> = [], vocabularySize: Int? = nil) {
    self.sampler = sampler
    self.maximumTokens = maximumTokens
    self.stops = stops
    self.vocabularySize = vocabularySize
  }
}

/// What can go wrong while generating.
public enum GenerationError: Error, Equatable, CustomStringConvertible {
  /// `position` of the token that was to be taken, from 0.
  case notANumber(position: Int)

  public var description: String {
    switch self {
    case .notANumber(let position):
      "The logits for the token at position \(position) are not finite numbers. Do the weights hold NaN? 'puna inspect --verify' looks."
    }
  }
}

/// Continues prompts, many at once over one KV cache.
///
/// Every answer has a place in the cache; each step is one batch with the new rows of all that go on, and a prompt that waits takes the
/// place of an answer that ended. What all prompts begin with is computed once. In float32 an answer does not depend on the others.
public struct Generator {
  private let model: LlamaModel
  private let options: GenerationOptions

  /// Answers that grow together, rows of a batch, and bytes of the cache.
  private static let mostTogether = 16
  private static let mostRows = 2048
  private static let mostBytes = 2 << 30

  public init(_ model: LlamaModel, _ options: GenerationOptions) {
    self.model = model
    self.options = options
  }

  private struct Growing {
    let index: Int
    let resident: Int
    /// Prompt and answer.
    var history: [Int32]
    let promptCount: Int
    /// Not in the cache yet.
    var input: [Int32]
    var random: Philox
  }

  /// - Parameters:
  ///   - onToken: gets each token with its prompt's index as it comes; false ends the answer.
  ///   - onAnswer: gets each answer when it ends.
  /// - Precondition: no prompt is longer than the model's positions.
  /// - Throws: `GenerationError`, and what the closures throw.
  public func generate(
    _ prompts: [Prompt], onToken: (_ index: Int, _ token: Int32) throws -> Bool = { _, _ in true },
    onAnswer: (_ index: Int, _ answer: Answer) throws -> Void = { _, _ in }
  ) throws -> [Answer] {
    var answers = prompts.map { _ in Answer(ending: .stopped) }
    var waiting: [Int] = []
    for (index, prompt) in prompts.enumerated() {
      if room(after: prompt) > 0 {
        waiting.append(index)
      } else {
        answers[index].ending = ending(ofFull: prompt)
        try onAnswer(index, answers[index])
      }
    }
    guard !waiting.isEmpty else { return answers }
    waiting.reverse()
    let shared = sharedBeginning(waiting.map { prompts[$0].tokens })
    let size = waiting.map { prompts[$0].tokens.count - shared.count + room(after: prompts[$0]) }.max() ?? 0
    let count = max(1, min(waiting.count, Generator.mostTogether, Generator.mostBytes / (size * bytesPerRow)))
    let cache = KVCache(capacity: shared.count + count * size, configuration: model.configuration, on: model.backend)
    let root = resident(of: cache, limit: shared.count)
    if !shared.isEmpty { run([(shared, root)], cache) }
    var free = (0..<count).map { _ in resident(of: cache, continuing: shared.isEmpty ? nil : root, limit: size) }
    var active: [Growing] = []
    while !active.isEmpty || !waiting.isEmpty {
      var rows = active.count
      while let index = waiting.last, let place = free.last {
        let input = Array(prompts[index].tokens[shared.count...])
        guard rows == 0 || rows + input.count <= Generator.mostRows else { break }
        waiting.removeLast()
        free.removeLast()
        rows += input.count
        active.append(begin(prompts[index], index: index, resident: place, input: input))
      }
      var remaining: [Growing] = []
      for (var growing, token) in zip(active, try step(active, cache)) {
        if let ending = try take(token, &growing, room: room(after: prompts[growing.index]), onToken) {
          answers[growing.index] = Answer(Array(growing.history[growing.promptCount...]), ending: ending)
          cache.keep(0, of: growing.resident)
          free.append(growing.resident)
          try onAnswer(growing.index, answers[growing.index])
        } else {
          remaining.append(growing)
        }
      }
      active = remaining
    }
    return answers
  }

  /// Continues one prompt; rows that `held` has from earlier prompts with the same beginning are not computed again.
  ///
  /// - Precondition: the prompt is not longer than the model's positions.
  /// - Throws: `GenerationError`, and what `onToken` throws.
  public func generate(_ prompt: Prompt, holding held: HeldPrompt, onToken: (_ token: Int32) throws -> Bool) throws -> Answer {
    let room = room(after: prompt)
    guard room > 0 else { return Answer(ending: ending(ofFull: prompt)) }
    let (cache, kept) = held.prepare(for: prompt.tokens, limit: prompt.tokens.count + room, model)
    var growing = begin(prompt, index: 0, resident: held.resident, input: Array(prompt.tokens[kept...]))
    while true {
      let token = try step([growing], cache)[0]
      held.tokens = growing.history
      if let ending = try take(token, &growing, room: room, { try onToken($1) }) {
        return Answer(Array(growing.history[growing.promptCount...]), ending: ending)
      }
    }
  }

  // MARK: - Steps

  private func begin(_ prompt: Prompt, index: Int, resident: Int, input: [Int32]) -> Growing {
    Growing(
      index: index, resident: resident, history: prompt.tokens, promptCount: prompt.tokens.count, input: input,
      random: options.sampler.random(for: prompt.tokens, sample: prompt.sample))
  }

  /// Adds a token to an answer; nil when it goes on.
  private func take(
    _ choice: Choice, _ growing: inout Growing, room: Int, _ onToken: (Int, Int32) throws -> Bool
  ) throws -> Answer.Ending? {
    growing.random = choice.random
    if options.stops.contains(choice.token) { return .endOfSequence }
    growing.history.append(choice.token)
    growing.input = [choice.token]
    guard try onToken(growing.index, choice.token) else { return .stopped }
    guard growing.history.count - growing.promptCount == room else { return nil }
    return room < options.maximumTokens ? .positions : .maximumTokens
  }

  private typealias Choice = (token: Int32, random: Philox)

  /// Appends the inputs to the cache and takes the token after each.
  private func step(_ active: [Growing], _ cache: KVCache) throws -> [Choice] {
    let (batch, rows) = batch(active.map { ($0.input, $0.resident) }, cache)
    let width = model.configuration.vocabularySize
    let known = min(options.vocabularySize ?? width, width)
    if options.sampler.isGreedy, known == width {
      return zip(model.mostLikelyTokens(batch, rows: rows, cache: cache), active).map { ($0, $1.random) }
    }
    let logits = model.backend.read(model.logits(batch, rows: rows, cache: cache))
    return try active.enumerated().map { index, growing in
      var random = growing.random
      let row = Array(logits[index * width..<index * width + known])
      guard let token = options.sampler.choose(from: row, history: growing.history, &random) else {
        throw GenerationError.notANumber(position: growing.history.count)
      }
      return (token, random)
    }
  }

  private func run(_ inputs: [(tokens: [Int32], resident: Int)], _ cache: KVCache) {
    let (batch, rows) = batch(inputs, cache)
    _ = model.mostLikelyTokens(batch, rows: rows, cache: cache)
  }

  /// The inputs end to end, and the last row of each.
  private func batch(_ inputs: [(tokens: [Int32], resident: Int)], _ cache: KVCache) -> (batch: PackedBatch, rows: [Int32]) {
    var tokens: [Int32] = []
    var segments: [PackedBatch.Segment] = []
    for (input, resident) in inputs {
      segments.append(
        PackedBatch.Segment(
          rows: tokens.count..<tokens.count + input.count, parent: .resident(resident), position: cache.nextPosition(of: resident)))
      tokens += input
    }
    return (PackedBatch(tokens: tokens, segments: segments, targets: []), segments.map { Int32($0.rows.upperBound - 1) })
  }

  // MARK: - Room

  private func room(after prompt: Prompt) -> Int {
    let left = model.configuration.maximumPositions - prompt.tokens.count
    precondition(left >= 0, "a prompt longer than the model's positions")
    return min(options.maximumTokens, left)
  }

  private func ending(ofFull prompt: Prompt) -> Answer.Ending { options.maximumTokens > 0 ? .positions : .maximumTokens }

  private var bytesPerRow: Int {
    2 * model.configuration.layerCount * model.configuration.keyValueWidth * model.backend.activationType.byteCount
  }

  private func resident(of cache: KVCache, continuing parent: Int? = nil, limit: Int) -> Int {
    guard let resident = cache.makeResident(continuing: parent, limit: limit) else { preconditionFailure("the cache was made to fit") }
    return resident
  }

  /// What several prompts all begin with, but for the last token of the shortest; none where it is too short to matter.
  private func sharedBeginning(_ prompts: [[Int32]]) -> [Int32] {
    guard prompts.count > 1, let first = prompts.first else { return [] }
    let count = prompts.dropFirst().reduce(first.count - 1) { count, prompt in
      min(count, prompt.count - 1, zip(first, prompt).prefix { $0 == $1 }.count)
    }
    return count < 8 ? [] : Array(first[..<count])
  }
}

/// The keys and values of the prompt that was answered last, with its answer: the next prompt of a conversation begins with them.
public final class HeldPrompt {
  private var cache: KVCache?
  fileprivate private(set) var resident = 0
  /// In the cache, one for each row.
  fileprivate(set) var tokens: [Int32] = []
  /// Rows that the last prompt did not need to compute.
  public private(set) var keptCount = 0

  public init() {}

  /// - Parameter limit: rows that the prompt and its answer take.
  /// - Returns: a cache with room, and how many of the prompt's tokens are in it; never all.
  fileprivate func prepare(for prompt: [Int32], limit: Int, _ model: LlamaModel) -> (cache: KVCache, kept: Int) {
    if let cache, cache.capacity >= limit {
      keptCount = min(zip(tokens, prompt).prefix { $0 == $1 }.count, prompt.count - 1)
      cache.keep(keptCount, of: resident)
      tokens = Array(prompt[..<keptCount])
      return (cache, keptCount)
    }
    // Twice as large each time, so that a conversation is computed again a few times only.
    let capacity = min(max(limit, 2 * (cache?.capacity ?? 512)), model.configuration.maximumPositions)
    let grown = KVCache(capacity: capacity, configuration: model.configuration, on: model.backend)
    guard let place = grown.makeResident(limit: capacity) else { preconditionFailure("the cache was made to fit") }
    (cache, resident, tokens, keptCount) = (grown, place, [], 0)
    return (grown, 0)
  }
}
