import Bases
import Checkpoints
import Llama
import Tensors
import TestSupport
import Testing

struct FingerprintTests {
  @Test func shardingChangesNothing() throws {
    let tiny = TinyBase()
    let fingerprint = try tiny.open().fingerprint()
    #expect(fingerprint.count == 64)
    for shardCount in [2, 3, 7] { #expect(try tiny.open(shardCount: shardCount).fingerprint() == fingerprint) }
    var reversed = tiny
    reversed.tensors.reverse()
    #expect(try reversed.open().fingerprint() == fingerprint)
  }

  @Test func everySmallTensorCounts() throws {
    let tiny = TinyBase()
    let fingerprint = try tiny.open().fingerprint()
    for index in tiny.tensors.indices {
      var other = tiny
      other.tensors[index].bytes[0] ^= 1
      #expect(try other.open().fingerprint() != fingerprint)
    }
  }

  /// The definition in words, put together by hand.
  @Test func theBytesAreThoseOfTheDefinition() throws {
    let tiny = TinyBase()
    var hash = SHA256()
    for tensor in tiny.tensors.sorted(by: { $0.name < $1.name }) {
      hash.update("\(tensor.name) \(tensor.dtype) \(tensor.shape)\n")
      tensor.bytes.withUnsafeBytes { hash.update($0) }
    }
    #expect(try tiny.open().fingerprint() == hash.hexDigest())
  }

  @Test func largeTensorsAreReadInSixteenPlaces() {
    #expect(Fingerprint.ranges(byteCount: 65_536) == [0..<65_536])
    let ranges = Fingerprint.ranges(byteCount: 1_000_003)
    #expect(ranges.count == 16)
    #expect(ranges.allSatisfy { $0.count == 4096 })
    #expect(ranges.first == 0..<4096 && ranges.last?.upperBound == 1_000_003)
    #expect(ranges[1].lowerBound == (1_000_003 - 4096) / 15)
  }

  // MARK: - Layouts

  /// A weight of 8 x 4 elements of two bytes: row r, column c holds 10 r + c.
  private static let plain = StoredWeight(name: "w", shape: [8, 4], segments: [segment(rows: 0..<8, columns: 0..<4)])

  /// A block stored apart, its rows as `stored` lists them and padded to `stride` elements.
  private static func segment(
    rows: Range<Int>, columns: Range<Int>, stride: Int? = nil, order: WeightSegment.RowOrder = .asStored, stored: [Int]? = nil
  ) -> WeightSegment {
    let stride = stride ?? columns.count
    var bytes: [UInt8] = []
    for row in stored ?? Array(rows) {
      for column in columns { bytes += [UInt8(10 * row + column), 0] }
      bytes += [UInt8](repeating: 255, count: 2 * (stride - columns.count))
    }
    return WeightSegment(
      bytes: MappedBytes(bytes), dtype: .bfloat16, rows: rows, columns: columns, rowByteStride: 2 * stride, rowOrder: order)
  }

  @Test(arguments: [
    [segment(rows: 0..<8, columns: 2..<4), segment(rows: 0..<8, columns: 0..<2)],
    [segment(rows: 3..<8, columns: 0..<4), segment(rows: 0..<3, columns: 0..<4)],
    [segment(rows: 0..<8, columns: 0..<4, stride: 7)],
    [segment(rows: 0..<8, columns: 0..<4, order: .metaRotary(headDimension: 4), stored: [0, 2, 1, 3, 4, 6, 5, 7])],
    [segment(rows: 0..<8, columns: 0..<4, order: .metaRotary(headDimension: 8), stored: [0, 4, 1, 5, 2, 6, 3, 7])],
    [
      segment(rows: 0..<4, columns: 0..<4, order: .metaRotary(headDimension: 4), stored: [0, 2, 1, 3]),
      segment(rows: 4..<8, columns: 0..<4, order: .metaRotary(headDimension: 4), stored: [4, 6, 5, 7]),
    ],
  ])
  func anyLayoutHasTheSameBytes(segments: [WeightSegment]) {
    func bytes(_ weight: StoredWeight, _ range: Range<Int>) -> [UInt8] {
      var bytes: [UInt8] = []
      weight.withBytes(at: range) { bytes += Array($0) }
      return bytes
    }
    let weight = StoredWeight(name: "w", shape: [8, 4], segments: segments)
    let ranges = (0..<64).flatMap { start in (start...64).map { start..<$0 } }
    #expect(ranges.allSatisfy { bytes(weight, $0) == bytes(FingerprintTests.plain, $0) })
    #expect(Fingerprint.compute([weight]) == Fingerprint.compute([FingerprintTests.plain]))
  }
}
