import Glibc
import Tensors

/// How the next token is taken from a row of logits.
///
/// The steps come in transformers' order and keep what transformers keeps, ties included: repetition penalty, temperature, top-k, top-p,
/// min-p. What is left is drawn from with random numbers that depend on the seed and the prompt alone.
public struct Sampler: Sendable, Equatable {
  /// 0 takes the most likely token; the steps after the penalty then do nothing.
  public var temperature: Float
  /// Keeps the k largest logits, and those equal to the last of them.
  public var topK: Int?
  /// Keeps the fewest tokens, from the most likely on, whose probabilities add up to p (Holtzman et al., arXiv 1904.09751).
  public var topP: Double?
  /// Keeps tokens with at least p times the probability of the most likely one (Nguyen et al., arXiv 2407.01082).
  public var minP: Double?
  /// Divides positive logits of tokens that occurred, and multiplies negative ones (Keskar et al., arXiv 1909.05858); 1: none.
  public var repetitionPenalty: Float
  public var seed: UInt64

  public init(
    temperature: Float = 0, topK: Int? = nil, topP: Double? = nil, minP: Double? = nil, repetitionPenalty: Float = 1, seed: UInt64 = 0
  ) {
    precondition(temperature >= 0 && repetitionPenalty > 0 && (topK ?? 1) > 0, "a sampler out of range")
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.seed = seed
  }

  /// Whether the most likely token is always the one that is taken.
  var isGreedy: Bool { temperature == 0 && repetitionPenalty == 1 }

  /// The logits after every step; what was removed is −∞.
  ///
  /// - Parameter history: the tokens so far, prompt and answer.
  public func warp(_ logits: [Float], history: [Int32]) -> [Float] {
    var logits = logits
    if repetitionPenalty != 1 {
      for token in Set(history) where logits.indices.contains(Int(token)) {
        logits[Int(token)] = logits[Int(token)] < 0 ? logits[Int(token)] * repetitionPenalty : logits[Int(token)] / repetitionPenalty
      }
    }
    guard temperature > 0 else { return logits }
    if temperature != 1 { for index in logits.indices { logits[index] /= temperature } }
    if let topK, topK < logits.count { Sampler.keepLargest(topK, of: &logits) }
    if let topP, topP < 1 { Sampler.keepMostLikely(topP, of: &logits) }
    if let minP, minP > 0 {
      let least = minP * (Sampler.probabilities(logits).max() ?? 0)
      for (index, probability) in Sampler.probabilities(logits).enumerated() where probability < least { logits[index] = -.infinity }
    }
    return logits
  }

  /// The next token; `nil` when a logit is not a number, or all are −∞.
  public func choose(from logits: [Float], history: [Int32], _ random: inout Philox) -> Int32? {
    let warped = warp(logits, history: history)
    guard let largest = warped.max(), largest.isFinite, !warped.contains(where: \.isNaN) else { return nil }
    guard temperature > 0 else { return warped.firstIndex(of: largest).map(Int32.init) }
    let uniform = Double(random.next() >> 11) * 0x1p-53
    var last: Int32?
    var sum = 0.0
    for (index, probability) in Sampler.probabilities(warped).enumerated() where probability > 0 {
      sum += probability
      last = Int32(index)
      if uniform < sum { break }
    }
    return last
  }

  /// The random numbers of a prompt's answer: the same wherever the prompt stands among others.
  ///
  /// - Parameter sample: counts answers to the same prompt.
  func random(for prompt: [Int32], sample: Int) -> Philox {
    // FNV-1a over the ids.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for value in [UInt32(truncatingIfNeeded: sample)] + prompt.map({ UInt32(bitPattern: $0) }) {
      hash = (hash ^ UInt64(value)) &* 0x100_0000_01B3
    }
    return Philox(seed: seed, stream: RandomStream.sampling | (hash ^ hash >> 32) & 0xFFFF_FFFF)
  }

  private static func keepLargest(_ count: Int, of logits: inout [Float]) {
    // The largest so far, falling.
    var largest: [Float] = []
    for logit in logits where largest.count < count || logit > largest[count - 1] {
      var (low, high) = (0, largest.count)
      while low < high {
        let middle = (low + high) / 2
        if largest[middle] >= logit { low = middle + 1 } else { high = middle }
      }
      if largest.count == count { largest.removeLast() }
      largest.insert(logit, at: low)
    }
    guard let least = largest.last else { return }
    for index in logits.indices where logits[index] < least { logits[index] = -.infinity }
  }

  /// Removes from the least likely on as long as the removed ones add up to at most 1 − p; of equal ones, the first are removed first.
  private static func keepMostLikely(_ p: Double, of logits: inout [Float]) {
    let probabilities = probabilities(logits)
    // All below this together are less than 1 − p: only the others need sorting.
    let threshold = (1 - p) / Double(logits.count)
    var removed = 0.0
    var others: [Int] = []
    for (index, probability) in probabilities.enumerated() {
      if probability < threshold {
        removed += probability
        logits[index] = -.infinity
      } else {
        others.append(index)
      }
    }
    others.sort { (logits[$0], $0) < (logits[$1], $1) }
    for index in others.dropLast() {
      removed += probabilities[index]
      guard removed <= 1 - p else { return }
      logits[index] = -.infinity
    }
  }

  private static func probabilities(_ logits: [Float]) -> [Double] {
    let largest = Double(logits.max() ?? 0)
    var values = logits.map { exp(Double($0) - largest) }
    let sum = values.reduce(0, +)
    for index in values.indices { values[index] /= sum }
    return values
  }
}
