import Tensors

/// Keys and values kept between batches: resident segments that later batches continue.
///
/// Every resident segment owns a run of rows; a batch's segment with that parent sees the rows filled so far and is appended to them.
public final class KVCache {
  /// One layer's keys (rotated) and values, [capacity, key-value width] activations.
  struct Layer {
    let keys: Tensor
    let values: Tensor
    /// Whether what was computed is kept.
    let grows: Bool

    /// Appends the rows of every segment that continues a resident one.
    func append(keys newKeys: Tensor, values newValues: Tensor, _ pass: Pass) {
      guard grows else { return }
      for segment in pass.layout.batch.segments {
        guard case .resident(let index) = segment.parent else { continue }
        let end = pass.layout.residents[index].rows.upperBound
        pass.backend.copyRows(segment.rows, of: newKeys, to: keys, at: end)
        pass.backend.copyRows(segment.rows, of: newValues, to: values, at: end)
      }
    }
  }

  public let capacity: Int
  public private(set) var residents: [ResidentSegment] = []
  private var limits: [Int] = []
  private var reserved = 0
  private let tensors: [(keys: Tensor, values: Tensor)]

  public init(capacity: Int, configuration: LlamaConfiguration, on backend: any ComputeBackend) {
    self.capacity = capacity
    tensors = (0..<configuration.layerCount).map { _ in
      func make() -> Tensor { backend.makeTensor(rows: capacity, columns: configuration.keyValueWidth, backend.activationType) }
      return (make(), make())
    }
  }

  /// Reserves room for a segment that will grow to at most `limit` rows.
  /// - Returns: its index, to be used as `.resident(index)`, or `nil` when the cache is full.
  public func makeResident(continuing parent: Int? = nil, limit: Int) -> Int? {
    guard reserved + limit <= capacity else { return nil }
    residents.append(ResidentSegment(parent: parent, rows: reserved..<reserved))
    limits.append(reserved + limit)
    reserved += limit
    return residents.count - 1
  }

  /// Position that the next row under a resident segment has.
  public func nextPosition(of resident: Int) -> Int {
    (residents[resident].parent.map { nextPosition(of: $0) } ?? 0) + residents[resident].rows.count
  }

  /// Forgets all but the first `count` rows of a resident segment that no other continues; their places are used again.
  public func keep(_ count: Int, of resident: Int) {
    let rows = residents[resident].rows
    precondition(count >= 0 && count <= rows.count, "rows that are not there")
    precondition(!residents.contains { $0.parent == resident && !$0.rows.isEmpty }, "rows that another segment continues")
    residents[resident].rows = rows.lowerBound..<rows.lowerBound + count
  }

  func layer(_ index: Int, grows: Bool) -> Layer { Layer(keys: tensors[index].keys, values: tensors[index].values, grows: grows) }

  /// Counts the rows that `batch` appended, after all layers have.
  func commit(_ batch: PackedBatch) {
    for segment in batch.segments {
      guard case .resident(let index) = segment.parent else { continue }
      let rows = residents[index].rows
      residents[index].rows = rows.lowerBound..<rows.upperBound + segment.rows.count
      precondition(residents[index].rows.upperBound <= limits[index], "a resident segment grew beyond its limit")
    }
  }
}
