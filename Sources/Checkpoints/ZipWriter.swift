/// Writes a zip archive of stored entries as a stream, as PyTorch lays one out: every content begins at a multiple of 64 bytes, its checksum
/// follows it, and what 32 bits cannot hold stands in the 64-bit fields.
///
/// The layout is PyTorch's to the byte, because its readers may compute where a content begins instead of looking.
final class ZipWriter {
  private struct Entry {
    let name: String
    let offset: Int
    let byteCount: Int
    let isWide: Bool
    var checksum: UInt32 = 0
  }

  private let file: AtomicFile
  /// Sizes and offsets from here on go into 64-bit fields.
  private let limit: Int
  private var entries: [Entry] = []
  private var open: Entry?
  private var checksum = CRC32()
  /// Bytes of the open entry still to come.
  private(set) var remaining = 0

  private static let alignment = 64
  /// Sizes and checksum follow the content; names are UTF-8.
  private static let flags: UInt16 = 0x0808
  /// The first day that zip can say; zero would be no day.
  private static let date: UInt16 = 0x0021
  private static let wideVersion: UInt16 = 45

  /// - Parameter limit: for tests; what 32 bits cannot hold.
  /// - Throws: `CheckpointError` when the file cannot be written.
  init(_ path: String, limit: Int = Int(UInt32.max)) throws {
    file = try AtomicFile(path)
    self.limit = limit
  }

  /// Begins an entry of `byteCount` bytes, which `append` then takes.
  func begin(_ name: String, byteCount: Int) throws {
    precondition(open == nil && remaining == 0, "an entry begins within another")
    let offset = file.byteCount
    let entry = Entry(name: name, offset: offset, byteCount: byteCount, isWide: byteCount >= limit || offset >= limit)
    var extra = wideField(entry)
    // An extra field of four bytes and as many more as lead to the next multiple.
    let unpadded = offset + 30 + name.utf8.count + extra.count + 4
    let padding = (ZipWriter.alignment - unpadded % ZipWriter.alignment) % ZipWriter.alignment
    extra.text("FB")
    extra.number(UInt16(padding))
    extra.bytes += [UInt8](repeating: UInt8(ascii: "Z"), count: padding)

    var header = ByteText()
    header.number(0x0403_4b50 as UInt32)
    header.number(entry.isWide ? ZipWriter.wideVersion : 20)
    header.number(ZipWriter.flags)
    header.number(0 as UInt16)  // stored
    header.number(0 as UInt16)  // midnight
    header.number(ZipWriter.date)
    for _ in 0..<3 { header.number(0 as UInt32) }  // checksum and sizes
    header.number(UInt16(name.utf8.count))
    header.number(UInt16(extra.count))
    header.text(name)
    try file.append(header + extra)
    (open, remaining, checksum) = (entry, byteCount, CRC32())
  }

  /// The next bytes of the open entry.
  func append(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(bytes.count <= remaining, "more data than declared")
    checksum.update(bytes)
    try file.append(bytes)
    remaining -= bytes.count
  }

  /// Ends the open entry.
  func end() throws {
    guard var entry = open, remaining == 0 else { preconditionFailure("an entry ends before its data") }
    entry.checksum = checksum.value
    var footer = ByteText()
    footer.number(0x0807_4b50 as UInt32)
    footer.number(entry.checksum)
    for _ in 0..<2 {
      if entry.isWide { footer.number(UInt64(entry.byteCount)) } else { footer.number(UInt32(entry.byteCount)) }
    }
    try file.append(footer)
    entries.append(entry)
    open = nil
  }

  /// An entry at once.
  func add(_ name: String, _ content: [UInt8]) throws {
    try begin(name, byteCount: content.count)
    try content.withUnsafeBytes { try append($0) }
    try end()
  }

  /// Writes the directory and gives the file its name.
  func finish() throws {
    precondition(open == nil, "the archive ends within an entry")
    let begin = file.byteCount
    for entry in entries { try file.append(centralHeader(entry)) }
    let end = file.byteCount

    var record = ByteText()
    record.number(0x0606_4b50 as UInt32)
    record.number(44 as UInt64)  // bytes that follow
    record.number(ZipWriter.wideVersion)
    record.number(ZipWriter.wideVersion)
    record.number(0 as UInt64)  // one disk
    record.number(UInt64(entries.count))
    record.number(UInt64(entries.count))
    record.number(UInt64(end - begin))
    record.number(UInt64(begin))
    record.number(0x0706_4b50 as UInt32)
    record.number(0 as UInt32)
    record.number(UInt64(end))
    record.number(1 as UInt32)
    record.number(0x0605_4b50 as UInt32)
    record.number(0 as UInt32)
    record.number(UInt16(clamping: entries.count))
    record.number(UInt16(clamping: entries.count))
    record.number(narrow(end - begin))
    record.number(narrow(begin))
    record.number(0 as UInt16)  // no comment
    try file.append(record)
    try file.commit()
  }

  private func centralHeader(_ entry: Entry) -> ByteText {
    let extra = wideField(entry)
    var header = ByteText()
    header.number(0x0201_4b50 as UInt32)
    for _ in 0..<2 { header.number(entry.isWide ? ZipWriter.wideVersion : 20) }
    header.number(ZipWriter.flags)
    header.number(0 as UInt16)
    header.number(0 as UInt16)
    header.number(ZipWriter.date)
    header.number(entry.checksum)
    header.number(narrow(entry.byteCount))
    header.number(narrow(entry.byteCount))
    header.number(UInt16(entry.name.utf8.count))
    header.number(UInt16(extra.count))
    for _ in 0..<3 { header.number(0 as UInt16) }  // no comment, first disk, no attributes
    header.number(0 as UInt32)
    header.number(narrow(entry.offset))
    header.text(entry.name)
    return header + extra
  }

  /// All ones where the 64-bit field holds the number.
  private func narrow(_ number: Int) -> UInt32 { number >= limit ? .max : UInt32(number) }

  /// The numbers that 32 bits cannot hold; empty when there is none.
  private func wideField(_ entry: Entry) -> ByteText {
    var field = ByteText()
    guard entry.isWide else { return field }
    let numbers = (entry.byteCount >= limit ? [entry.byteCount, entry.byteCount] : []) + (entry.offset >= limit ? [entry.offset] : [])
    field.number(1 as UInt16)
    field.number(UInt16(8 * numbers.count))
    for number in numbers { field.number(UInt64(number)) }
    return field
  }
}

/// Bytes put together one after the other; numbers are little-endian.
struct ByteText {
  var bytes: [UInt8] = []

  var count: Int { bytes.count }

  mutating func number(_ number: some FixedWidthInteger) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }

  mutating func text(_ text: String) { bytes += Array(text.utf8) }

  static func + (first: ByteText, second: ByteText) -> ByteText { ByteText(bytes: first.bytes + second.bytes) }
}

extension AtomicFile {
  fileprivate func append(_ text: ByteText) throws { try text.bytes.withUnsafeBytes { try append($0) } }
}
