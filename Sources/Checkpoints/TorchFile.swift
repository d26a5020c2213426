import Tensors

/// A file that `torch.save` wrote, read in place: `pytorch_model.bin`, `consolidated.00.pth`, `adapter_model.bin`.
///
/// Since PyTorch 1.6 such a file is a zip archive with a pickle (`data.pkl`) that refers to storages (`data/0`, `data/1`, ...); before,
/// pickles and storages followed each other (`TorchFile+Sequence`). The pickle is read as data; nothing is ever run.
public struct TorchFile: Sendable {
  /// One tensor of the file.
  public struct Entry: Sendable {
    public let name: String
    public let dtype: DType
    public let shape: [Int]
    /// From the first element to the last, row-major.
    public let bytes: MappedBytes
    /// Bytes from one row (of the last dimension) to the next: more than a row takes where the tensor is a view of a wider one.
    public let rowByteStride: Int
  }

  /// The file, as errors call it.
  public let path: String
  /// In the order in which their data lies in the file. Tensors may share bytes: tied weights do.
  public let tensors: [Entry]
  /// Names of what lies beside the tensors and is none: counts, settings, the state of an optimizer.
  public let otherValues: [String]
  private let positions: [String: Int]

  /// Maps and reads a file.
  ///
  /// - Throws: `CheckpointError` as `MappedFile.open` and `init(_:path:)`.
  public static func open(_ path: String) throws -> TorchFile {
    try TorchFile(MappedFile.open(path), path: path)
  }

  /// Reads the directory and the pickle of `bytes`, a whole file wherever it lies; no tensor is touched.
  ///
  /// - Throws: `CheckpointError` if the file is no such file, is damaged, asks for anything but tensors, or holds no dictionary of them.
  public init(_ bytes: MappedBytes, path: String) throws {
    do {
      let contents = try bytes.withUnsafeBytes { file in
        if file.holds(ZipArchive.localSignature, at: 0) {
          return try TorchContents(archive: ZipArchive(bytes, path: path), in: file)
        }
        if let disguise = TorchFile.disguise(file) { throw TorchProblem.disguised(found: disguise) }
        return try TorchContents(sequence: file)
      }
      let dictionary = try bytes.withUnsafeBytes { try TorchDictionary(contents.document, in: $0) }
      tensors = try dictionary.tensors.map { try contents.entry($0.name, $0.tensor, in: bytes) }
        .enumerated().sorted { ($0.element.bytes.range.lowerBound, $0.offset) < ($1.element.bytes.range.lowerBound, $1.offset) }
        .map(\.element)
      otherValues = dictionary.otherValues
    } catch let problem as TorchProblem {
      throw CheckpointError(path: path, reason: .torch(problem))
    }
    self.path = path
    positions = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  /// The tensor called `name`, or nil.
  public subscript(name: String) -> Entry? { positions[name].map { tensors[$0] } }
}

/// A document and the storages it refers to.
struct TorchContents {
  let document: PickleDocument
  /// Where each storage lies in the file, by `prefix` and its key.
  private let storages: [String: Range<Int>]
  private let prefix: String

  init(document: PickleDocument, storages: [String: Range<Int>]) {
    self.document = document
    self.storages = storages
    prefix = ""
  }

  /// Reads `TOP/data.pkl` and places `TOP/data/KEY`, whatever the top folder's name.
  init(archive: ZipArchive, in file: UnsafeRawBufferPointer) throws {
    let pickles = archive.entries.keys.filter { $0.split(separator: "/", omittingEmptySubsequences: false).dropFirst() == ["data.pkl"] }
    guard let name = pickles.first, let pickle = archive.entries[name] else { throw TorchProblem.missingEntry("data.pkl") }
    guard pickles.count == 1 else { throw TorchProblem.zip("it holds \(pickles.sorted().joined(separator: " and "))") }
    let top = name.dropLast("data.pkl".count)
    if archive.entries[top + "constants.pkl"] != nil {
      throw TorchProblem.disguised(found: "is a TorchScript program. Save its weights alone with torch.save(model.state_dict(), ...).")
    }
    if let order = archive.entries[top + "byteorder"], !file[order].elementsEqual("little".utf8) { throw TorchProblem.bigEndian }
    document = try PickleMachine.read(file, in: pickle)
    guard document.end == pickle.upperBound else { throw TorchProblem.pickle(byte: document.end, "ends before its entry does") }
    storages = archive.entries
    prefix = top + "data/"
  }

  /// Checks one tensor against its storage.
  func entry(_ name: String, _ tensor: PickleDocument.Tensor, in bytes: MappedBytes) throws -> TorchFile.Entry {
    let storage = document.storages[tensor.storage]
    let key = try bytes.withUnsafeBytes { try document.key(of: storage, in: $0) }
    guard let range = storages[prefix + key] else { throw TorchProblem.missingStorage(tensor: name, storage: key) }
    let (byteCount, overflow) = storage.count.multipliedReportingOverflow(by: storage.dtype?.byteCount ?? 1)
    guard !overflow, byteCount == range.count else {
      throw TorchProblem.storageSize(storage: key, expected: overflow ? Int.max : byteCount, found: range.count)
    }
    guard let dtype = tensor.dtype ?? storage.dtype else { throw TorchProblem.elementType("an untyped storage ('\(name)')") }
    guard tensor.shape.count <= 8, tensor.shape.count == tensor.strides.count, let shape = document.integers(tensor.shape),
      let strides = document.integers(tensor.strides), shape.allSatisfy({ $0 >= 0 }), strides.allSatisfy({ $0 >= 0 }), tensor.offset >= 0
    else { throw TorchProblem.badShape(tensor: name) }
    guard !shape.contains(0) else {
      let place = range.lowerBound..<range.lowerBound
      return TorchFile.Entry(name: name, dtype: dtype, shape: shape, bytes: bytes.slice(place), rowByteStride: 0)
    }
    guard let rows = RowLayout(shape: shape, strides: strides) else {
      throw TorchProblem.scattered(tensor: name, shape: shape, strides: strides)
    }
    guard let span = rows.span, let begin = product(tensor.offset, dtype.byteCount), let length = product(span, dtype.byteCount),
      begin <= range.count, length <= range.count - begin
    else { throw TorchProblem.beyondStorage(tensor: name, storage: key) }
    let place = range.lowerBound + begin..<range.lowerBound + begin + length
    return TorchFile.Entry(
      name: name, dtype: dtype, shape: shape, bytes: bytes.slice(place), rowByteStride: rows.stride * dtype.byteCount)
  }

  private func product(_ a: Int, _ b: Int) -> Int? {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? nil : product
  }
}

/// A tensor as equal rows at equal distances, all counted in elements.
private struct RowLayout {
  let rows: Int
  let columns: Int
  let stride: Int

  /// Nil when the elements of a row do not lie side by side, or rows overlap or lie at unequal distances. The stride of a dimension of
  /// one element says nothing.
  init?(shape: [Int], strides: [Int]) {
    columns = shape.last ?? 1
    guard columns == 1 || strides.last == 1 else { return nil }
    let outer = zip(shape, strides).dropLast().filter { $0.0 != 1 }
    var count = 1
    for (size, _) in outer {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow else { return nil }
      count = product
    }
    rows = count
    stride = outer.last?.1 ?? columns
    guard stride >= columns else { return nil }
    for (above, below) in zip(outer, outer.dropFirst()) {
      let (distance, overflow) = below.0.multipliedReportingOverflow(by: below.1)
      guard !overflow, above.1 == distance else { return nil }
    }
  }

  /// From the first element past the last; nil when that does not fit.
  var span: Int? {
    let (distance, overflow) = (rows - 1).multipliedReportingOverflow(by: stride)
    let (span, tooLarge) = distance.addingReportingOverflow(columns)
    return overflow || tooLarge ? nil : span
  }
}
