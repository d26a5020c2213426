import Llama

/// How many numbers a run trains, and what share of the model that is.
public struct TrainedParameters: Sendable, Equatable {
  /// Of low-rank matrices.
  public let lowRank: Int
  /// Of rows of embedding and head.
  public let vocabulary: Int
  /// Of the model with its adapter; a matrix that is trained as a whole counts once.
  public let modelCount: Int
  /// What PEFT counts besides: it keeps the whole of a matrix that it trains beside the original.
  private let copies: Int

  /// - Parameters:
  ///   - lowRank: numbers in A and B.
  ///   - configuration: of the model, its vocabulary as it is trained.
  public init(lowRank: Int, vocabulary: TrainedVocabulary, configuration: LlamaConfiguration) {
    self.lowRank = lowRank
    self.vocabulary = vocabulary.rowCount * configuration.hiddenSize
    modelCount = configuration.parameterCount + lowRank
    let matrices = TrainedVocabulary.Matrix.allCases.filter { vocabulary[$0] != nil }.count
    copies = matrices * configuration.vocabularySize * configuration.hiddenSize
  }

  public var count: Int { lowRank + vocabulary }
  public var percentage: Double { 100 * Double(count) / Double(modelCount) }
  /// As PEFT's `print_trainable_parameters` has it, for which all rows of a matrix are trained if some are; nil where it is the same.
  public var percentageOfPEFT: Double? { copies > 0 ? 100 * Double(lowRank + copies) / Double(modelCount + copies) : nil }
}
