/// A forest of token segments laid end to end in one matrix of rows: the only batch there is (DESIGN: packed batches).
///
/// A row sees its own segment up to itself and everything on the way to its root; its position counts from the root.
/// Sequences that begin alike share the rows of their beginning; there is no padding.
public struct PackedBatch: Sendable {
  public enum Parent: Sendable, Equatable {
    case none
    /// An earlier segment of the same batch.
    case segment(Int)
    /// Keys and values kept from earlier batches: the index of a resident segment of the cache that is passed along.
    case resident(Int)
  }

  /// A run of rows with consecutive positions.
  public struct Segment: Sendable, Equatable {
    /// Rows of the batch.
    public let rows: Range<Int>
    public let parent: Parent
    /// Position of the first row, counted from the root.
    public let position: Int
    /// Which adapters apply: 0 is the base alone, 1 all adapters of the model; a model may define more.
    public let adapterSet: Int

    public init(rows: Range<Int>, parent: Parent, position: Int, adapterSet: Int = 1) {
      self.rows = rows
      self.parent = parent
      self.position = position
      self.adapterSet = adapterSet
    }
  }

  /// A token whose probability is asked for at a row. A row may have several targets, or none.
  public struct Target: Sendable, Equatable {
    public let row: Int
    public let token: Int32

    public init(row: Int, token: Int32) {
      self.row = row
      self.token = token
    }
  }

  /// Token of each row.
  public let tokens: [Int32]
  /// In row order; a parent comes before its children; together they cover all rows.
  public let segments: [Segment]
  /// In row order.
  public let targets: [Target]

  public var rowCount: Int { tokens.count }

  public init(tokens: [Int32], segments: [Segment], targets: [Target]) {
    var end = 0
    for (index, segment) in segments.enumerated() {
      precondition(segment.rows.lowerBound == end && !segment.rows.isEmpty, "segments must cover the rows in order")
      if case .segment(let parent) = segment.parent {
        precondition(parent >= 0 && parent < index, "a parent comes before its children")
        precondition(
          segment.position == segments[parent].position + segments[parent].rows.count
            && segment.adapterSet == segments[parent].adapterSet,
          "a segment continues its parent, under the same adapters")
      }
      end = segment.rows.upperBound
    }
    precondition(end == tokens.count, "segments must cover the rows")
    for (previous, target) in zip(targets, targets.dropFirst()) { precondition(previous.row <= target.row, "targets in row order") }
    if let last = targets.last { precondition(last.row < tokens.count && targets[0].row >= 0, "target outside the batch") }
    self.tokens = tokens
    self.segments = segments
    self.targets = targets
  }

  /// Position of each row, counted from its root.
  public var positions: [Int32] {
    segments.flatMap { segment in segment.rows.indices.map { Int32(segment.position + $0 - segment.rows.lowerBound) } }
  }

  /// A hash of the tokens from the root to each row: equal beginnings have equal hashes wherever they are packed, so that dropout
  /// masks follow the text. (Segments under a resident parent start from that parent's index and position.)
  public var rowHashes: [UInt64] {
    var hashes = [UInt64](repeating: 0, count: tokens.count)
    for segment in segments {
      var hash: UInt64
      switch segment.parent {
      case .none: hash = 0x9E37_79B9_7F4A_7C15
      case .segment(let parent): hash = hashes[segments[parent].rows.upperBound - 1]
      case .resident(let index): hash = 0xD1B5_4A32_D192_ED03 &* UInt64(index + 1) &+ UInt64(segment.position)
      }
      for row in segment.rows {
        // One round of splitmix64 per token.
        hash = (hash ^ UInt64(UInt32(bitPattern: tokens[row]))) &+ 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        hash ^= hash >> 31
        hashes[row] = hash
      }
    }
    return hashes
  }
}
