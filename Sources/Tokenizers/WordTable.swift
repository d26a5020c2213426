import Foundation

/// Words that were encoded before, with their ids: an open-addressing hash table over flat arrays, so that looking up a word
/// allocates nothing.
struct WordTable: Sendable {
  private struct Entry {
    let hash: UInt64
    let keyOffset: Int32
    let keyCount: Int32
    let idOffset: Int32
    let idCount: Int32
  }

  /// Longer words are rarely met again.
  static let maximumKeyCount = 64
  /// Beyond this nothing is added: by Zipf's law what comes late is rare. About 10 MB.
  private static let maximumEntryCount = 1 << 17

  private var slots = [Int32](repeating: -1, count: 1 << 12)
  private var entries: [Entry] = []
  private var keys: [UInt8] = []
  private var ids: [Int32] = []
  let hash = ByteHash()

  /// Appends the ids of `key` if it is known.
  func append(_ key: UnsafeBufferPointer<UInt8>, hash: UInt64, to result: inout [Int32]) -> Bool {
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] >= 0 {
      let entry = entries[Int(slots[slot])]
      if entry.hash == hash, entry.keyCount == key.count, matches(entry, key) {
        result.append(contentsOf: ids[Int(entry.idOffset)..<Int(entry.idOffset + entry.idCount)])
        return true
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return false
  }

  private func matches(_ entry: Entry, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
    keys.withUnsafeBufferPointer { known in
      guard let known = known.baseAddress, let key = key.baseAddress else { return entry.keyCount == 0 }
      return memcmp(known + Int(entry.keyOffset), key, Int(entry.keyCount)) == 0
    }
  }

  /// - Precondition: `key` is not in the table.
  mutating func insert(_ key: UnsafeBufferPointer<UInt8>, hash: UInt64, ids newIDs: ArraySlice<Int32>) {
    guard entries.count < WordTable.maximumEntryCount, key.count <= WordTable.maximumKeyCount else { return }
    if entries.count * 2 >= slots.count { grow() }
    entries.append(
      Entry(
        hash: hash, keyOffset: Int32(keys.count), keyCount: Int32(key.count), idOffset: Int32(ids.count), idCount: Int32(newIDs.count)))
    keys.append(contentsOf: key)
    ids.append(contentsOf: newIDs)
    place(entries.count - 1)
  }

  private mutating func place(_ index: Int) {
    var slot = Int(truncatingIfNeeded: entries[index].hash) & (slots.count - 1)
    while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = Int32(index)
  }

  private mutating func grow() {
    slots = [Int32](repeating: -1, count: slots.count * 2)
    for index in entries.indices { place(index) }
  }
}
