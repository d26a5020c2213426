import Foundation
import JSON
import Tensors

/// Writes a safetensors file as a stream: names, types and shapes first, then the data of one tensor after the other, so that a
/// file of any size takes the memory of the piece at hand. The file appears under its name when it is complete.
public final class SafetensorsWriter {
  public struct Declaration: Sendable, Equatable {
    public let name: String
    public let dtype: DType
    public let shape: [Int]

    public init(name: String, dtype: DType, shape: [Int]) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
    }

    public var byteCount: Int { shape.reduce(dtype.byteCount, *) }
  }

  private let file: AtomicFile
  /// Bytes of data still to come.
  private var remaining: Int

  /// Begins the file at `path`; `tensors` lie in it in the order given, and their names differ.
  ///
  /// - Throws: `CheckpointError` when the file cannot be written.
  public init(_ path: String, tensors: [Declaration], metadata: [String: String] = ["format": "pt"]) throws {
    precondition(Set(tensors.map(\.name)).count == tensors.count, "a name is declared twice")
    var members: [String] = []
    if !metadata.isEmpty {
      members.append("\"__metadata__\":" + JSONValue.object(metadata.mapValues { .string($0) }).line)
    }
    var offset = 0
    for tensor in tensors {
      let end = offset + tensor.byteCount
      let fields =
        "{\"dtype\":\"\(tensor.dtype.safetensorsName)\",\"shape\":[\(tensor.shape.map { "\($0)" }.joined(separator: ","))],"
        + "\"data_offsets\":[\(offset),\(end)]}"
      members.append(JSONValue.string(tensor.name).line + ":" + fields)
      offset = end
    }
    var header = "{" + members.joined(separator: ",") + "}"
    // Data that begin at a multiple of 8 are aligned for every element type.
    header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)

    file = try AtomicFile(path)
    remaining = offset
    try withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { try file.append($0) }
    try header.withUTF8 { try file.append(UnsafeRawBufferPointer($0)) }
  }

  /// Writes the next bytes of data; pieces may end anywhere.
  ///
  /// - Throws: `CheckpointError` when the disk is full or fails; nothing is left behind then.
  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(bytes.count <= remaining, "more data than declared")
    try file.append(bytes)
    remaining -= bytes.count
  }

  /// Writes float32 elements.
  ///
  /// - Throws: as `append(_:)` of bytes.
  public func append(_ values: [Float]) throws {
    try values.withUnsafeBytes { try append($0) }
  }

  /// Gives the file its name.
  ///
  /// - Throws: `CheckpointError` when the disk fails.
  public func finish() throws {
    precondition(remaining == 0, "\(remaining) bytes of the declared data are missing")
    try file.commit()
  }
}
