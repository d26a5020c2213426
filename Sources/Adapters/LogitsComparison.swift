/// Logits of base and adapters beside those of the merged model, on the same tokens, in float32.
public struct LogitsComparison: Sendable, Equatable {
  /// One text, or one run of random tokens.
  public struct Prompt: Sendable, Equatable {
    public let tokens: [Int32]
    public let text: String?
    /// The most likely next token after each, of base and adapters.
    public let greedyOfAdapters: [Int32]
    public let greedyOfMerged: [Int32]

    public init(tokens: [Int32], text: String?, greedyOfAdapters: [Int32], greedyOfMerged: [Int32]) {
      self.tokens = tokens
      self.text = text
      self.greedyOfAdapters = greedyOfAdapters
      self.greedyOfMerged = greedyOfMerged
    }
  }

  public let prompts: [Prompt]
  public let largestDifference: Double
  public let meanDifference: Double
  /// Root of the mean square.
  public let difference: Double
  /// What the same amount of rounding explains: see `bound`.
  public let explained: Double
  /// Of the logits themselves, for comparison.
  public let size: Double

  public init(
    prompts: [Prompt], largestDifference: Double, meanDifference: Double, difference: Double, explained: Double, size: Double
  ) {
    self.prompts = prompts
    self.largestDifference = largestDifference
    self.meanDifference = meanDifference
    self.difference = difference
    self.explained = explained
    self.size = size
  }

  public var tokenCount: Int { prompts.reduce(0) { $0 + $1.tokens.count } }
  public var equalGreedyCount: Int {
    prompts.reduce(0) { $0 + zip($1.greedyOfAdapters, $1.greedyOfMerged).count { $0 == $1 } }
  }

  /// The largest root mean square difference that the output's type explains.
  ///
  /// The merged weights are off by their rounding, whose norm the proof measured for every tensor. `explained` is what noise of just these
  /// norms, laid over base and adapters, does to the same logits; four times that is beyond chance. To it comes what float32 itself loses
  /// on the way, where a product is summed in another order: about 2^-24 √depth of a logit's size, of which 64 times are allowed.
  public var bound: Double { 4 * explained + 64 * 0x1p-24 * 8 * size }

  public var isExplained: Bool { difference <= bound }
}
