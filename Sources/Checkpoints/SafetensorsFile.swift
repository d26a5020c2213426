import JSON
import Tensors

/// A safetensors file read in place.
///
/// The format (github.com/huggingface/safetensors, "Format"): 8 bytes of little-endian header length, a JSON header
/// `{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ..., "__metadata__": {"key": "value"}}`, then the data,
/// row-major and little-endian, without gaps. No alignment is promised.
public struct SafetensorsFile: Sendable {
  /// One tensor of the file.
  public struct Entry: Sendable {
    public let name: String
    public let dtype: DType
    public let shape: [Int]
    /// The elements, row-major; exactly as many bytes as the shape needs.
    public let bytes: MappedBytes
  }

  /// The file, as errors call it.
  public let path: String
  public let metadata: [String: String]
  /// In the order in which their data lies in the file.
  public let tensors: [Entry]
  private let positions: [String: Int]

  /// A longer header is refused, as the format's own library does.
  static let maximumHeaderByteCount = 100_000_000
  /// More tensors are an attack on time and memory, not a model.
  static let maximumTensorCount = 100_000

  /// Maps and reads a file.
  ///
  /// - Throws: `CheckpointError` as `MappedFile.open` and `init(_:path:)`.
  public static func open(_ path: String) throws -> SafetensorsFile {
    try SafetensorsFile(MappedFile.open(path), path: path)
  }

  /// Reads the header of `bytes`, a whole file wherever it lies; no tensor is touched.
  ///
  /// - Throws: `CheckpointError` if the header is not exactly what the format asks for, or the data are longer or shorter.
  public init(_ bytes: MappedBytes, path: String) throws {
    func failure(_ reason: CheckpointError.Reason) -> CheckpointError { CheckpointError(path: path, reason: reason) }
    let header = try SafetensorsHeader(bytes, path: path)
    let data = bytes.slice(header.byteCount..<bytes.count)

    var entries: [Entry] = []
    entries.reserveCapacity(header.tensors.count)
    var end = 0
    var cutShort: Int?
    for tensor in header.tensors {
      guard let size = tensor.byteCount else { throw failure(.shapeOverflow(tensor: tensor.name, shape: tensor.shape)) }
      guard tensor.begin <= tensor.end else {
        throw failure(.badOffsets(tensor: tensor.name, begin: tensor.begin, end: tensor.end))
      }
      guard tensor.end - tensor.begin == size else {
        throw failure(.sizeMismatch(tensor: tensor.name, expected: size, found: tensor.end - tensor.begin))
      }
      if tensor.begin < end, let previous = entries.last?.name { throw failure(.overlap(tensor: previous, with: tensor.name)) }
      if tensor.begin > end { throw failure(.gap(before: tensor.name, byteCount: tensor.begin - end)) }
      end = tensor.end
      if end > data.count { cutShort = end }
      let range = cutShort == nil ? tensor.begin..<tensor.end : 0..<0
      entries.append(Entry(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, bytes: data.slice(range)))
    }
    if let cutShort {
      let (expected, overflow) = cutShort.addingReportingOverflow(header.byteCount)
      throw failure(.cutShort(expected: overflow ? Int.max : expected, found: bytes.count))
    }
    guard end == data.count else { throw failure(.trailingBytes(expected: header.byteCount + end, found: bytes.count)) }

    self.path = path
    self.metadata = header.metadata
    self.tensors = entries
    self.positions = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
  }

  /// The tensor called `name`, or nil.
  public subscript(name: String) -> Entry? { positions[name].map { tensors[$0] } }
}

/// The header as written, checked for form but not yet against the data.
struct SafetensorsHeader {
  struct Tensor {
    let name: String
    let dtype: DType
    let shape: [Int]
    /// Bytes of the data.
    let begin: Int
    let end: Int

    /// Nil when the product of the shape does not fit.
    var byteCount: Int? {
      if shape.contains(0) { return 0 }
      var count = dtype.byteCount
      for dimension in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
        guard !overflow else { return nil }
        count = product
      }
      return count
    }
  }

  /// By offsets, then by name.
  let tensors: [Tensor]
  let metadata: [String: String]
  /// The length field included.
  let byteCount: Int

  init(_ bytes: MappedBytes, path: String) throws {
    func failure(_ reason: CheckpointError.Reason) -> CheckpointError { CheckpointError(path: path, reason: reason) }
    guard bytes.count >= 8 else { throw failure(.tooShort(byteCount: bytes.count)) }
    (tensors, metadata, byteCount) = try bytes.withUnsafeBytes { bytes in
      if bytes.starts(with: "version https://git-lfs".utf8) { throw failure(.gitLFSPointer) }
      let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
      guard length <= UInt64(SafetensorsFile.maximumHeaderByteCount) else { throw failure(.headerTooLong(byteCount: length)) }
      guard length <= UInt64(bytes.count - 8) else { throw failure(.headerBeyondFile(byteCount: length, found: bytes.count - 8)) }
      let end = 8 + Int(length)
      guard end > 8, bytes[8] == UInt8(ascii: "{") else { throw failure(.notSafetensors) }
      do {
        var scanner = JSONScanner(
          UnsafeRawBufferPointer(rebasing: bytes[..<end]).bindMemory(to: UInt8.self), from: 8, maximumDepth: CheckpointError.maximumDepth)
        let (tensors, metadata) = try SafetensorsHeader.read(&scanner, path: path)
        try scanner.end()
        return (tensors, metadata, end)
      } catch let error as JSONError {
        throw failure(.json(error))
      }
    }
  }

  private static func read(_ scanner: inout JSONScanner, path: String) throws -> ([Tensor], [String: String]) {
    var tensors: [Tensor] = []
    var metadata: [String: String] = [:]
    try scanner.uniqueMembers { scanner, name in
      if name == "__metadata__" {
        try scanner.uniqueMembers { scanner, key in metadata[key] = try string(&scanner) }
      } else {
        guard tensors.count < SafetensorsFile.maximumTensorCount else {
          throw scanner.error("more than \(SafetensorsFile.maximumTensorCount) tensors; the largest LLaMA has 1,137")
        }
        tensors.append(try readTensor(name, &scanner, path: path))
      }
    }
    tensors.sort { ($0.begin, $0.end, $0.name) < ($1.begin, $1.end, $1.name) }
    return (tensors, metadata)
  }

  private static func readTensor(_ name: String, _ scanner: inout JSONScanner, path: String) throws -> Tensor {
    var dtypeName: String?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.uniqueMembers { scanner, key in
      switch key {
      case "dtype": dtypeName = try string(&scanner)
      case "shape": shape = try naturalNumbers(&scanner, atMost: 64)
      case "data_offsets": offsets = try naturalNumbers(&scanner, atMost: 2)
      default: throw scanner.error("'\(key.prefix(200))' is no field of a tensor; expected dtype, shape and data_offsets")
      }
    }
    guard let dtypeName, let shape, let offsets, offsets.count == 2 else {
      throw scanner.error("'\(name.prefix(200))' lacks dtype, shape or its two data_offsets")
    }
    guard let dtype = DType(safetensorsName: dtypeName) else {
      throw CheckpointError(path: path, reason: .unknownDType(tensor: name, dtype: dtypeName))
    }
    return Tensor(name: name, dtype: dtype, shape: shape, begin: offsets[0], end: offsets[1])
  }

  private static func string(_ scanner: inout JSONScanner) throws -> String { scanner.string(try scanner.string()) }

  private static func naturalNumbers(_ scanner: inout JSONScanner, atMost limit: Int) throws -> [Int] {
    var numbers: [Int] = []
    try scanner.array { scanner in
      guard numbers.count < limit else { throw scanner.error("more than \(limit) numbers") }
      scanner.skipWhitespace()
      let start = scanner.offset
      guard let number = try scanner.integer(), number >= 0 else { throw scanner.error("expected a whole number from 0", at: start) }
      numbers.append(number)
    }
    return numbers
  }
}
