import Tensors

/// Writes a file as `torch.save` does, as a stream: a zip archive of a pickled dictionary and a storage for each tensor, one after the other.
/// `torch.load` reads it with `weights_only` and maps it with `mmap`. The file appears under its name when it is complete.
public final class TorchWriter {
  public typealias Declaration = SafetensorsWriter.Declaration

  private let archive: ZipWriter
  private let tensors: [Declaration]
  /// The archive's folder, named after the file as PyTorch names it.
  private let top: String
  /// Tensors begun.
  private var begun = 0

  /// Begins the file at `path`; `tensors` lie in it in the order given, and their names differ.
  ///
  /// - Throws: `CheckpointError` when the file cannot be written.
  public convenience init(_ path: String, tensors: [Declaration]) throws {
    try self.init(path, tensors: tensors, wideFrom: Int(UInt32.max))
  }

  /// - Parameter limit: for tests; sizes and offsets from here on are written in 64 bits.
  package init(_ path: String, tensors: [Declaration], wideFrom limit: Int) throws {
    precondition(Set(tensors.map(\.name)).count == tensors.count, "a name is declared twice")
    self.tensors = tensors
    let name = path.split(separator: "/").last.map(String.init) ?? "archive"
    top = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    archive = try ZipWriter(path, limit: limit)
    try archive.add("\(top)/data.pkl", PickleText.dictionary(of: tensors))
    try archive.add("\(top)/.format_version", Array("1".utf8))
    try archive.add("\(top)/.storage_alignment", Array("64".utf8))
    try archive.add("\(top)/byteorder", Array("little".utf8))
    try beginNext()
  }

  /// Writes the next bytes of data; pieces may end anywhere, in another tensor too.
  ///
  /// - Throws: `CheckpointError` when the disk is full or fails; nothing is left behind then.
  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      precondition(archive.remaining > 0, "more data than declared")
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(archive.remaining))
      try archive.append(piece)
      rest = UnsafeRawBufferPointer(rebasing: rest[piece.count...])
      if archive.remaining == 0 {
        try archive.end()
        try beginNext()
      }
    }
  }

  /// Gives the file its name.
  ///
  /// - Throws: `CheckpointError` when the disk fails.
  public func finish() throws {
    precondition(begun == tensors.count && archive.remaining == 0, "declared data are missing")
    try archive.add("\(top)/version", Array("3\n".utf8))
    try archive.finish()
  }

  /// Begins the next storage that has any bytes.
  private func beginNext() throws {
    while begun < tensors.count {
      let byteCount = tensors[begun].byteCount
      try archive.begin("\(top)/data/\(begun)", byteCount: byteCount)
      begun += 1
      if byteCount > 0 { return }
      try archive.end()
    }
  }
}

/// The pickle of a dictionary of tensors, in protocol 2.
private struct PickleText {
  private var text = ByteText()

  static func dictionary(of tensors: [TorchWriter.Declaration]) -> [UInt8] {
    var pickle = PickleText()
    pickle.text.number(0x0280 as UInt16)  // protocol 2
    pickle.codes("}(")
    for (index, tensor) in tensors.enumerated() {
      pickle.string(tensor.name)
      pickle.tensor(tensor, storage: index)
    }
    pickle.codes("u.")
    return pickle.text.bytes
  }

  /// `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`
  private mutating func tensor(_ tensor: TorchWriter.Declaration, storage: Int) {
    global("torch._utils", "_rebuild_tensor_v2")
    codes("((")
    string("storage")
    global("torch", "\(tensor.dtype.torchName)Storage")
    string("\(storage)")
    string("cpu")
    integer(tensor.shape.reduce(1, *))
    codes("tQ")
    integer(0)
    tuple(tensor.shape)
    tuple(tensor.shape.indices.map { tensor.shape[($0 + 1)...].reduce(1, *) })
    text.number(0x89 as UInt8)  // False
    global("collections", "OrderedDict")
    codes(")RtR")
  }

  /// Instructions that are single characters.
  private mutating func codes(_ codes: String) { text.text(codes) }

  private mutating func global(_ module: String, _ name: String) { text.text("c\(module)\n\(name)\n") }

  private mutating func string(_ string: String) {
    text.text("X")
    text.number(UInt32(string.utf8.count))
    text.text(string)
  }

  private mutating func integer(_ number: Int) {
    if let narrow = Int32(exactly: number) {
      text.text("J")
      text.number(narrow)
    } else {
      text.number(0x8a as UInt8)
      text.number(8 as UInt8)
      text.number(Int64(number))
    }
  }

  private mutating func tuple(_ numbers: [Int]) {
    text.text("(")
    for number in numbers { integer(number) }
    text.text("t")
  }
}

extension DType {
  /// As in `torch.FloatStorage`.
  fileprivate var torchName: String {
    switch self {
    case .float64: "Double"
    case .float32: "Float"
    case .float16: "Half"
    case .bfloat16: "BFloat16"
    case .int64: "Long"
    case .int32: "Int"
    case .int16: "Short"
    case .int8: "Char"
    case .uint8: "Byte"
    case .bool: "Bool"
    }
  }
}
