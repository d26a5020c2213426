/// The form before PyTorch 1.6: five pickles (a magic number, the version 1001, facts about the machine, the object, the keys of its
/// storages), then for each key 8 bytes with the number of elements, and the elements.
extension TorchContents {
  /// 0x1950a86a20f9469cfc6c.
  static let magicNumber: [UInt8] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]

  init(sequence file: UnsafeRawBufferPointer) throws {
    func next(_ offset: Int) throws -> PickleDocument { try PickleMachine.read(file, in: offset..<file.count) }
    let magic = try next(0)
    guard case .wideInteger(let range) = magic.root, file[range].elementsEqual(TorchContents.magicNumber) else {
      throw TorchProblem.disguised(found: "is a pickle, but not one that torch.save wrote.")
    }
    let version = try next(magic.end)
    guard case .integer(1001) = version.root else { throw TorchProblem.pickle(byte: magic.end, "is not in version 1001 of the form") }
    let machine = try next(version.end)
    guard case .dictionary(let facts) = machine.root else { throw TorchProblem.pickle(byte: version.end, "lacks facts about its machine") }
    for fact in machine.dictionaries[facts] {
      if case .text(let key) = fact.key, file[key].elementsEqual("little_endian".utf8), case .bool(false) = fact.value {
        throw TorchProblem.bigEndian
      }
    }
    let document = try next(machine.end)
    let keys = try next(document.end)
    guard case .list(let list) = keys.root else { throw TorchProblem.pickle(byte: document.end, "lacks the list of storages") }

    var sizes: [String: Int] = [:]
    for storage in document.storages {
      let size = storage.dtype?.byteCount ?? 1
      let key = try document.key(of: storage, in: file)
      guard sizes.updateValue(size, forKey: key) ?? size == size else {
        throw TorchProblem.pickle(byte: storage.key.lowerBound, "gives storage '\(key)' two element types")
      }
    }
    var storages: [String: Range<Int>] = [:]
    var offset = keys.end
    for value in keys.lists[list] {
      guard case .text(let range) = value, range.count <= 4096, let key = String(validating: file[range], as: UTF8.self),
        let size = sizes[key], storages[key] == nil
      else { throw TorchProblem.pickle(byte: document.end, "lists a storage that it does not use, or one twice") }
      guard let count = file.count(UInt64.self, at: offset) else { throw TorchProblem.length(expected: offset + 8, found: file.count) }
      offset += 8
      let (byteCount, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow, byteCount <= file.count - offset else {
        let (end, tooLarge) = byteCount.addingReportingOverflow(offset)
        throw TorchProblem.length(expected: overflow || tooLarge ? Int.max : end, found: file.count)
      }
      storages[key] = offset..<offset + byteCount
      offset += byteCount
    }
    guard offset == file.count else { throw TorchProblem.length(expected: offset, found: file.count) }
    self.init(document: document, storages: storages)
  }
}

extension TorchFile {
  /// What people have in place of a file of PyTorch, as a sentence without the file's name; nil for a pickle.
  static func disguise(_ file: UnsafeRawBufferPointer) -> String? {
    let beginning = String(decoding: file.prefix(512), as: UTF8.self).drop { $0.isWhitespace || $0 == "\u{feff}" }.lowercased()
    if beginning.hasPrefix("version https://git-lfs") {
      return "is a Git LFS pointer, not the file itself. Run `git lfs pull` in its folder."
    }
    if beginning.hasPrefix("<!doctype") || beginning.hasPrefix("<html") || beginning.hasPrefix("<?xml") {
      return "is a web page, not weights: the download failed or needs a login."
    }
    if let length = file.count(UInt64.self, at: 0), length <= file.count - 8, file.holds("{".utf8, at: 8) {
      return "is a safetensors file under another name. Name it .safetensors."
    }
    if beginning.hasPrefix("gguf") { return "is a GGUF file, not one of PyTorch." }
    if beginning.hasPrefix("{") { return "is JSON, not a file of PyTorch." }
    if file.holds([0x1f, 0x8b], at: 0) { return "is compressed with gzip. Unpack it first." }
    if file.holds("ustar".utf8, at: 257) || file.holds("sys_info\0".utf8, at: 0) {
      return "is a tar archive, as PyTorch before 0.1.10 wrote them. Load and save it with a newer PyTorch."
    }
    if file.holds([0x50, 0x4b, 5, 6], at: 0) { return "is an empty zip archive." }
    guard file.first != 0x80 else { return nil }
    return "is not a file of PyTorch: it begins with neither a zip archive nor a pickle."
  }
}
