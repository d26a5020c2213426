import Foundation

/// Bytes of pieces by id, and ids by bytes: flat arrays and an open-addressing hash table.
struct PieceTable: Sendable {
  private var bytes: [UInt8] = []
  /// Piece i lies between ends i and i + 1.
  private var ends: [Int32] = [0]
  private var slots: [Int32]
  private var findableCount = 0
  private let hash = ByteHash()

  var count: Int { ends.count - 1 }

  init(minimumCapacity: Int = 0) {
    var slotCount = 16
    while slotCount < minimumCapacity * 2 { slotCount *= 2 }
    slots = [Int32](repeating: -1, count: slotCount)
    ends.reserveCapacity(minimumCapacity + 1)
  }

  /// The bytes of piece `id`.
  ///
  /// - Precondition: `id` is one of the table's.
  subscript(id: Int32) -> ArraySlice<UInt8> { bytes[Int(ends[Int(id)])..<Int(ends[Int(id) + 1])] }

  /// Adds the next piece. One that is not findable has an id only. False, and nothing added, when the bytes are in the table already or
  /// the table is full.
  mutating func append(_ piece: UnsafeBufferPointer<UInt8>, isFindable: Bool = true) -> Bool {
    guard bytes.count + piece.count <= Int(Int32.max), count < Int(Int32.max) else { return false }
    if isFindable {
      let slot = slot(of: piece)
      guard slots[slot] < 0 else { return false }
      slots[slot] = Int32(count)
      findableCount += 1
    }
    bytes.append(contentsOf: piece)
    ends.append(Int32(bytes.count))
    if findableCount * 2 > slots.count { grow() }
    return true
  }

  mutating func append(_ piece: some Collection<UInt8>, isFindable: Bool = true) -> Bool {
    Array(piece).withUnsafeBufferPointer { append($0, isFindable: isFindable) }
  }

  @inline(__always) func id(of piece: UnsafeBufferPointer<UInt8>) -> Int32? {
    let id = slots[slot(of: piece)]
    return id < 0 ? nil : id
  }

  func id(of piece: some Collection<UInt8>) -> Int32? { Array(piece).withUnsafeBufferPointer { id(of: $0) } }

  /// Where the piece is, or the empty slot where it would go.
  @inline(__always) private func slot(of piece: UnsafeBufferPointer<UInt8>) -> Int {
    var slot = Int(truncatingIfNeeded: hash(piece)) & (slots.count - 1)
    while slots[slot] >= 0, !matches(slots[slot], piece) { slot = (slot + 1) & (slots.count - 1) }
    return slot
  }

  @inline(__always) private func matches(_ id: Int32, _ piece: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = Int(ends[Int(id)])
    guard Int(ends[Int(id) + 1]) - start == piece.count else { return false }
    return bytes.withUnsafeBufferPointer { bytes in
      guard let known = bytes.baseAddress, let piece = piece.baseAddress else { return true }
      return memcmp(known + start, piece, Int(ends[Int(id) + 1]) - start) == 0
    }
  }

  private mutating func grow() {
    let old = slots
    slots = [Int32](repeating: -1, count: old.count * 2)
    for id in old where id >= 0 {
      let range = Int(ends[Int(id)])..<Int(ends[Int(id) + 1])
      slots[bytes.withUnsafeBufferPointer { bytes in slot(of: UnsafeBufferPointer(rebasing: bytes[range])) }] = id
    }
  }
}
