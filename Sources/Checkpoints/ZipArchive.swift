import Tensors

/// The directory of a zip archive whose entries are stored as they are, so that they can be used in place: what `torch.save` writes.
///
/// The format (PKWARE's APPNOTE.TXT, 4.3): entries, each behind a local header; the central directory; its place and length at the
/// end of the file, in 64 bits where 32 do not suffice. The central directory says where an entry lies; the local header must agree.
struct ZipArchive {
  /// Where each entry's content lies in the file.
  let entries: [String: Range<Int>]

  private struct Member {
    let name: String
    /// From the local header to the last byte of the content.
    let extent: Range<Int>
    let content: Range<Int>
  }

  static let localSignature: [UInt8] = [0x50, 0x4b, 3, 4]

  /// Reads the directory of `bytes`, a whole file; no content is touched.
  ///
  /// - Throws: `CheckpointError` when anything in it contradicts anything else, entries share bytes or a name, or one is compressed.
  init(_ bytes: MappedBytes, path: String) throws {
    do {
      entries = try bytes.withUnsafeBytes { try ZipArchive.read($0) }
    } catch let problem as TorchProblem {
      throw CheckpointError(path: path, reason: .torch(problem))
    }
  }

  private static func read(_ file: UnsafeRawBufferPointer) throws -> [String: Range<Int>] {
    let directory = try ZipDirectory(file)
    var members: [Member] = []
    var entries: [String: Range<Int>] = [:]
    var offset = directory.range.lowerBound
    for _ in 0..<directory.entryCount {
      let header = try ZipCentralHeader(file, at: offset, end: directory.range.upperBound)
      offset = header.end
      let member = try locate(header, in: file, before: directory.range.lowerBound)
      guard entries.updateValue(member.content, forKey: member.name) == nil else {
        throw TorchProblem.zip("it holds '\(member.name)' twice")
      }
      members.append(member)
    }
    guard offset == directory.range.upperBound else {
      throw TorchProblem.zip("its directory has \(directory.range.upperBound - offset) bytes more than its entries take")
    }
    members.sort { $0.extent.lowerBound < $1.extent.lowerBound }
    for (first, second) in zip(members, members.dropFirst()) where first.extent.upperBound > second.extent.lowerBound {
      throw TorchProblem.zip("'\(first.name)' and '\(second.name)' share bytes")
    }
    return entries
  }

  /// Holds an entry against its local header.
  private static func locate(_ header: ZipCentralHeader, in file: UnsafeRawBufferPointer, before limit: Int) throws -> Member {
    let name = header.name
    guard header.flags & 1 == 0 else { throw TorchProblem.zip("'\(name)' is encrypted") }
    guard header.method == 0 else { throw TorchProblem.compressed(entry: name) }
    guard header.compressedByteCount == header.byteCount else {
      throw TorchProblem.zip("'\(name)' is stored as it is, yet said to take \(header.compressedByteCount) bytes for \(header.byteCount)")
    }
    let start = header.offset
    guard start <= limit, file.holds(localSignature, at: start), let flags = file.count(UInt16.self, at: start + 6),
      let method = file.count(UInt16.self, at: start + 8), let stored = file.count(UInt32.self, at: start + 18),
      let unpacked = file.count(UInt32.self, at: start + 22), let nameLength = file.count(UInt16.self, at: start + 26),
      let extraLength = file.count(UInt16.self, at: start + 28)
    else { throw TorchProblem.zip("there is no entry at byte \(start), where '\(name)' should be") }
    guard nameLength == name.utf8.count, file.holds(Array(name.utf8), at: start + 30), method == header.method, flags == header.flags else {
      throw TorchProblem.zip("the header at byte \(start) is not that of '\(name)'")
    }
    // With bit 3 the sizes follow the content; all ones mean that they stand in the extra field.
    let isLater = flags & 8 != 0
    for size in [stored, unpacked] where size != header.byteCount && size != Int(UInt32.max) && !(isLater && size == 0) {
      throw TorchProblem.zip("'\(name)' has \(header.byteCount) bytes in the directory, but \(size) in its own header")
    }
    let begin = start + 30 + nameLength + extraLength
    guard begin <= limit, header.byteCount <= limit - begin else {
      throw TorchProblem.zip("'\(name)' is said to have \(header.byteCount) bytes from byte \(begin), but the directory begins at \(limit)")
    }
    return Member(name: name, extent: start..<begin + header.byteCount, content: begin..<begin + header.byteCount)
  }
}

/// Where the central directory lies.
private struct ZipDirectory {
  let range: Range<Int>
  let entryCount: Int

  init(_ file: UnsafeRawBufferPointer) throws {
    let end = try ZipDirectory.findEnd(file)
    guard let disk = file.count(UInt16.self, at: end + 4), let directoryDisk = file.count(UInt16.self, at: end + 6),
      let onDisk = file.count(UInt16.self, at: end + 8), var entryCount = file.count(UInt16.self, at: end + 10),
      var byteCount = file.count(UInt32.self, at: end + 12), var offset = file.count(UInt32.self, at: end + 16)
    else { throw TorchProblem.zip("its end is cut short") }
    guard disk == 0, directoryDisk == 0, onDisk == entryCount else { throw TorchProblem.zip("it is one part of several") }
    var limit = end
    let locator = end - 20
    if file.holds([0x50, 0x4b, 6, 7], at: locator) {
      guard let record = file.count(UInt64.self, at: locator + 8), record <= locator - 56, file.holds([0x50, 0x4b, 6, 6], at: record),
        let recordLength = file.count(UInt64.self, at: record + 4), recordLength == locator - record - 12,
        let wideCount = file.count(UInt64.self, at: record + 32), let wideLength = file.count(UInt64.self, at: record + 40),
        let wideOffset = file.count(UInt64.self, at: record + 48)
      else { throw TorchProblem.zip("its 64-bit end record is damaged") }
      func agrees(_ narrow: Int, _ wide: Int, _ unknown: Int) -> Bool { narrow == wide || narrow == unknown }
      guard agrees(entryCount, wideCount, 0xffff), agrees(byteCount, wideLength, 0xffff_ffff), agrees(offset, wideOffset, 0xffff_ffff)
      else { throw TorchProblem.zip("its two end records contradict each other") }
      (entryCount, byteCount, offset, limit) = (wideCount, wideLength, wideOffset, record)
    }
    guard offset <= limit, byteCount == limit - offset else {
      throw TorchProblem.zip(
        "its directory is said to have \(byteCount) bytes from byte \(offset), which does not lead to its end record at byte \(limit)")
    }
    guard entryCount <= byteCount / ZipCentralHeader.fixedByteCount else {
      throw TorchProblem.zip("its directory of \(byteCount) bytes cannot hold \(entryCount) entries")
    }
    range = offset..<limit
    self.entryCount = entryCount
  }

  /// The end record is the last thing in the file but for a comment, whose length it tells.
  private static func findEnd(_ file: UnsafeRawBufferPointer) throws -> Int {
    let last = file.count - 22
    guard last >= 0 else { throw TorchProblem.zip("it is cut short") }
    for offset in stride(from: last, through: max(0, last - 0xffff), by: -1)
    where file.holds([0x50, 0x4b, 5, 6], at: offset) && file.count(UInt16.self, at: offset + 20) == last - offset {
      return offset
    }
    throw TorchProblem.zip("its end is missing, as of a file that is cut short. Copy or download it again")
  }
}

/// One entry of the central directory.
private struct ZipCentralHeader {
  static let fixedByteCount = 46

  let name: String
  let flags: Int
  /// 0 for stored.
  let method: Int
  let compressedByteCount: Int
  let byteCount: Int
  /// Of the local header.
  let offset: Int
  /// Where the next one begins.
  let end: Int

  init(_ file: UnsafeRawBufferPointer, at start: Int, end limit: Int) throws {
    guard start <= limit - ZipCentralHeader.fixedByteCount, file.holds([0x50, 0x4b, 1, 2], at: start),
      let flags = file.count(UInt16.self, at: start + 8), let method = file.count(UInt16.self, at: start + 10),
      var compressed = file.count(UInt32.self, at: start + 20), var unpacked = file.count(UInt32.self, at: start + 24),
      let nameLength = file.count(UInt16.self, at: start + 28), let extraLength = file.count(UInt16.self, at: start + 30),
      let commentLength = file.count(UInt16.self, at: start + 32), var offset = file.count(UInt32.self, at: start + 42)
    else { throw TorchProblem.zip("its directory is damaged at byte \(start)") }
    let nameStart = start + ZipCentralHeader.fixedByteCount
    let extraStart = nameStart + nameLength
    end = extraStart + extraLength + commentLength
    guard end <= limit, let name = String(validating: file[nameStart..<extraStart], as: UTF8.self) else {
      throw TorchProblem.zip("its directory is damaged at byte \(start)")
    }
    // Extra fields: an id, a length, and for id 1 the numbers that 32 bits could not hold, in this order.
    var field = extraStart
    while field < extraStart + extraLength {
      guard let id = file.count(UInt16.self, at: field), let length = file.count(UInt16.self, at: field + 2),
        field + 4 + length <= extraStart + extraLength
      else { throw TorchProblem.zip("the entry of '\(name)' is damaged") }
      var number = field + 4
      func widen(_ value: inout Int) throws {
        guard value == 0xffff_ffff else { return }
        guard number + 8 <= field + 4 + length, let wide = file.count(UInt64.self, at: number) else {
          throw TorchProblem.zip("the entry of '\(name)' is damaged")
        }
        value = wide
        number += 8
      }
      if id == 1 {
        try widen(&unpacked)
        try widen(&compressed)
        try widen(&offset)
      }
      field += 4 + length
    }
    (self.name, self.flags, self.method, self.offset) = (name, flags, method, offset)
    (compressedByteCount, byteCount) = (compressed, unpacked)
  }
}
