/// One row of data as the model sees it, or one document of a block of text.
public struct MaskedSequence: Sendable, Equatable {
  /// Where a row stands, for messages and previews.
  public struct Origin: Sendable, Hashable {
    /// Index of its file among the sources; the validation file comes after them.
    public let source: Int
    /// From 1; of text, the block.
    public let row: Int
    /// From 1: which of the documents of a block of text it is.
    public let part: Int

    public init(source: Int, row: Int, part: Int = 1) {
      self.source = source
      self.row = row
      self.part = part
    }
  }

  public let ids: [Int32]
  /// Indices into `ids` of the tokens that are learnt, in rising order, none of them 0: nothing predicts a first token.
  public let supervised: [Range<Int>]
  public let origin: Origin

  /// - Precondition: the ranges are not empty, rise without overlap and lie in 1 ..< ids.count.
  public init(ids: [Int32], supervised: [Range<Int>], origin: Origin = Origin(source: 0, row: 0)) {
    var end = 1
    for range in supervised {
      precondition(range.lowerBound >= end && !range.isEmpty, "supervised ranges must rise from 1")
      end = range.upperBound
    }
    precondition(supervised.isEmpty || end <= ids.count, "supervised ranges must lie within the ids")
    self.ids = ids
    self.supervised = supervised
    self.origin = origin
  }

  public var supervisedCount: Int { supervised.reduce(0) { $0 + $1.count } }
}
