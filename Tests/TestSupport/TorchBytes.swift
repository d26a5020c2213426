/// Files as `torch.save` writes them, put together by hand.
public enum TorchBytes {
  public struct Tensor: Sendable {
    public var name: String
    /// Of `torch`: "Float", "Half", "BFloat16", ...
    public var type: String
    public var shape: [Int]
    public var strides: [Int]
    public var offset: Int
    /// The number of the tensor's storage.
    public var storage: Int
    public var storageCount: Int

    /// Contiguous unless `strides` says otherwise, and filling its storage unless `storageCount` does.
    public init(
      _ name: String, _ type: String, _ shape: [Int], storage: Int, strides: [Int]? = nil, offset: Int = 0, storageCount: Int? = nil
    ) {
      (self.name, self.type, self.shape, self.storage, self.offset) = (name, type, shape, storage, offset)
      self.strides = strides ?? shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
      self.storageCount = storageCount ?? shape.reduce(1, *)
    }
  }

  /// A zip archive with `pickle` and the bytes of the storages.
  public static func archive(pickle: [UInt8], storages: [[UInt8]] = [], top: String = "archive") -> [UInt8] {
    let data = storages.enumerated().map { ZipBytes.Entry("\(top)/data/\($0.offset)", $0.element) }
    return ZipBytes.archive(
      [ZipBytes.Entry("\(top)/data.pkl", pickle), ZipBytes.Entry("\(top)/byteorder", Array("little".utf8))] + data
        + [ZipBytes.Entry("\(top)/version", Array("3\n".utf8))])
  }

  public static func archive(_ tensors: [Tensor], storages: [[UInt8]], top: String = "archive") -> [UInt8] {
    archive(pickle: pickle(tensors), storages: storages, top: top)
  }

  /// Each tensor in a storage of its own; dtypes by their safetensors names.
  public static func archive(_ tensors: [(name: String, dtype: String, shape: [Int], bytes: [UInt8])]) -> [UInt8] {
    let types = ["F64": "Double", "F32": "Float", "F16": "Half", "BF16": "BFloat16", "I64": "Long", "I8": "Char"]
    return archive(
      tensors.enumerated().map { Tensor($1.name, types[$1.dtype] ?? $1.dtype, $1.shape, storage: $0) }, storages: tensors.map(\.bytes))
  }

  /// The dictionary of `tensors`.
  public static func pickle(_ tensors: [Tensor], isSequence: Bool = false) -> [UInt8] {
    let begin = PickleBytes().code("}").code("(")
    return tensors.reduce(begin) { $0.text($1.name).tensor($1, isSequence: isSequence) }.code("u").finished
  }

  /// The form before PyTorch 1.6.
  public static func sequence(_ tensors: [Tensor], storages: [(bytes: [UInt8], elementByteCount: Int)], isLittleEndian: Bool = true)
    -> [UInt8]
  {
    let magic = PickleBytes().raw([0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19])
    let machine = PickleBytes().code("}").text("little_endian").raw([isLittleEndian ? 0x88 : 0x89]).code("s")
    let keys = storages.indices.reduce(PickleBytes().code("](")) { $0.text("\($1)") }.code("e")
    let pickles =
      magic.finished + PickleBytes().integer(1001).finished + machine.finished + pickle(tensors, isSequence: true) + keys.finished
    return storages.reduce(pickles) { $0 + littleEndian($1.bytes.count / $1.elementByteCount) + $1.bytes }
  }

  static func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: number.littleEndian) { Array($0) } }
}

/// Instructions of a pickle in protocol 2, one after the other.
public struct PickleBytes: Sendable {
  private let bytes: [UInt8]

  public init() { bytes = [0x80, 2] }

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// With the last instruction.
  public var finished: [UInt8] { bytes + [UInt8(ascii: ".")] }

  public func raw(_ bytes: [UInt8]) -> PickleBytes { PickleBytes(self.bytes + bytes) }

  /// Instructions that are single characters.
  public func code(_ codes: String) -> PickleBytes { raw(Array(codes.utf8)) }

  public func text(_ text: String) -> PickleBytes {
    code("X").raw(TorchBytes.littleEndian(UInt32(text.utf8.count))).raw(Array(text.utf8))
  }

  public func integer(_ number: Int) -> PickleBytes {
    if let short = Int32(exactly: number) { return code("J").raw(TorchBytes.littleEndian(short)) }
    return raw([0x8a, 8]).raw(TorchBytes.littleEndian(number))
  }

  public func tuple(_ numbers: [Int]) -> PickleBytes { numbers.reduce(code("(")) { $0.integer($1) }.code("t") }

  public func global(_ module: String, _ name: String) -> PickleBytes { code("c\(module)\n\(name)\n") }

  /// `function(*arguments)`, the arguments being instructions.
  public func call(_ module: String, _ name: String, _ arguments: (PickleBytes) -> PickleBytes = { $0 }) -> PickleBytes {
    arguments(global(module, name).code("(")).code("tR")
  }

  public func tensor(_ tensor: TorchBytes.Tensor, isSequence: Bool = false) -> PickleBytes {
    call("torch._utils", "_rebuild_tensor_v2") {
      $0.storage(tensor, isSequence: isSequence).integer(tensor.offset).tuple(tensor.shape).tuple(tensor.strides).raw([0x89])
        .call("collections", "OrderedDict")
    }
  }

  public func storage(_ tensor: TorchBytes.Tensor, isSequence: Bool = false) -> PickleBytes {
    code("(").text("storage").global("torch", tensor.type + "Storage").text("\(tensor.storage)").text("cpu").integer(tensor.storageCount)
      .code(isSequence ? "NtQ" : "tQ")
  }
}

/// A zip archive put together by hand, with each field open to lies.
public enum ZipBytes {
  public struct Entry: Sendable {
    public var name: String
    public var content: [UInt8]
    /// Of the local header; nil: the entry's.
    public var localName: String?
    public var localByteCount: Int?
    /// Of the directory; nil: the content's.
    public var byteCount: Int?
    public var compressedByteCount: Int?
    public var offset: Int?
    public var method = 0
    public var flags = 0
    /// Sizes and offset in the 64-bit extra field, the others all ones.
    public var isWide = false

    public init(_ name: String, _ content: [UInt8]) { (self.name, self.content) = (name, content) }
  }

  /// - Parameters:
  ///   - entryCount: Said in the end record; nil: as it is.
  ///   - isWide: With a 64-bit end record, as PyTorch writes it.
  public static func archive(_ entries: [Entry], entryCount: Int? = nil, isWide: Bool = false, comment: [UInt8] = []) -> [UInt8] {
    func number(_ value: Int, _ byteCount: Int) -> [UInt8] {
      (0..<byteCount).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
    }
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      let local = entry.localName ?? entry.name
      let (byteCount, offset) = (entry.byteCount ?? entry.content.count, entry.offset ?? file.count)
      let compressed = entry.compressedByteCount ?? byteCount
      // PyTorch pads with an extra field, so that contents begin at multiples of 64.
      let padding = (64 - (file.count + 34 + local.utf8.count) % 64) % 64
      let size = number(entry.localByteCount ?? entry.content.count, 4)
      file += [0x50, 0x4b, 3, 4] + number(0, 2) + number(entry.flags, 2) + number(entry.method, 2) + number(0, 8)
      file += size + size + number(local.utf8.count, 2) + number(padding + 4, 2) + Array(local.utf8)
      file += Array("FB".utf8) + number(padding, 2) + [UInt8](repeating: 0x5a, count: padding) + entry.content
      let extra = entry.isWide ? number(1, 2) + number(24, 2) + number(byteCount, 8) + number(compressed, 8) + number(offset, 8) : []
      directory += [0x50, 0x4b, 1, 2] + number(0, 4) + number(entry.flags, 2) + number(entry.method, 2) + number(0, 8)
      directory += number(entry.isWide ? 0xffff_ffff : compressed, 4) + number(entry.isWide ? 0xffff_ffff : byteCount, 4)
      directory += number(entry.name.utf8.count, 2) + number(extra.count, 2) + number(0, 10)
      directory += number(entry.isWide ? 0xffff_ffff : offset, 4) + Array(entry.name.utf8) + extra
    }
    let (start, count) = (file.count, entryCount ?? entries.count)
    file += directory
    if isWide {
      let record = file.count
      file += [0x50, 0x4b, 6, 6] + number(44, 8) + number(0, 12) + number(count, 8) + number(count, 8)
      file += number(directory.count, 8) + number(start, 8)
      file += [0x50, 0x4b, 6, 7] + number(0, 4) + number(record, 8) + number(1, 4)
    }
    file += [0x50, 0x4b, 5, 6] + number(0, 4) + number(count, 2) + number(count, 2) + number(directory.count, 4) + number(start, 4)
    return file + number(comment.count, 2) + comment
  }
}
