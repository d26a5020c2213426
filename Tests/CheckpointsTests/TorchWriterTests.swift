import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

struct TorchWriterTests {
  typealias Declaration = TorchWriter.Declaration

  private func bytes(_ count: Int, _ seed: Int = 0) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) } }

  /// Writes tensors of arbitrary bytes in pieces of `pieceSize`.
  private func write(_ tensors: [Declaration], to path: String, pieceSize: Int = 1 << 20, wideFrom limit: Int = Int(UInt32.max)) throws {
    let writer = try TorchWriter(path, tensors: tensors, wideFrom: limit)
    let data = tensors.enumerated().flatMap { bytes($1.byteCount, $0) }
    for start in stride(from: 0, to: data.count, by: pieceSize) {
      try data[start..<min(start + pieceSize, data.count)].withUnsafeBytes { try writer.append($0) }
    }
    try writer.finish()
  }

  /// Pieces that end within tensors, at their ends and beyond; with sizes, offsets or both in 64 bits.
  @Test(arguments: [1, 7, 24, 1000], [Int(UInt32.max), 700, 20, 0])
  func readsAsItWasWritten(pieceSize: Int, limit: Int) throws {
    let folder = try TemporaryFolder()
    let tensors =
      DType.allCases.enumerated().map { Declaration(name: "tensor.\($0)", dtype: $1, shape: [3, $0 + 1]) } + [
        Declaration(name: "vector é", dtype: .bfloat16, shape: [5]), Declaration(name: "empty", dtype: .float32, shape: [0, 4]),
        Declaration(name: "cube", dtype: .float16, shape: [2, 3, 4]),
      ]
    try write(tensors, to: folder.file("model.00.pth"), pieceSize: pieceSize, wideFrom: limit)
    let file = try TorchFile.open(folder.file("model.00.pth"))
    #expect(file.tensors.count == tensors.count && file.otherValues.isEmpty)
    for (index, tensor) in tensors.enumerated() {
      let found = try #require(file[tensor.name])
      #expect(found.dtype == tensor.dtype && found.shape == tensor.shape && found.bytes.array == bytes(tensor.byteCount, index))
      // What maps the file wants aligned elements.
      #expect(found.bytes.range.lowerBound % 64 == 0 || tensor.byteCount == 0)
    }
    #expect(folder.names == ["model.00.pth"])
  }

  /// The checksums, sizes and offsets, as another program sees them.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/unzip"), "needs unzip"), arguments: [Int(UInt32.max), 700, 20])
  func otherProgramsTestTheArchive(limit: Int) throws {
    let folder = try TemporaryFolder()
    let tensors = (0..<20).map { Declaration(name: "t\($0)", dtype: .float32, shape: [$0 + 1, 7]) }
    try write(tensors, to: folder.file("a.pth"), wideFrom: limit)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/unzip")
    process.arguments = ["-tq", folder.file("a.pth")]
    let pipe = Pipe()
    (process.standardOutput, process.standardError) = (pipe, pipe)
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(output)")
  }

  @Test func anUnfinishedFileIsNotThere() throws {
    let folder = try TemporaryFolder()
    do {
      let writer = try TorchWriter(folder.file("a.pth"), tensors: [Declaration(name: "t", dtype: .float32, shape: [2])])
      try bytes(3).withUnsafeBytes { try writer.append($0) }
      #expect(folder.names.count == 1 && folder.names != ["a.pth"])
    }
    #expect(folder.names.isEmpty)
    #expect(throws: CheckpointError.self) { try TorchWriter(folder.file("missing/a.pth"), tensors: []) }
  }

  // MARK: - CRC-32

  /// Check values of the catalogue of parametrised CRC algorithms (CRC-32/ISO-HDLC).
  @Test(arguments: [("", 0), ("a", 0xe8b7_be43), ("123456789", 0xcbf4_3926), ("The quick brown fox jumps over the lazy dog", 0x414f_a339)])
  func checksums(text: String, expected: UInt32) {
    var checksum = CRC32()
    Array(text.utf8).withUnsafeBytes { checksum.update($0) }
    #expect(checksum.value == expected)
  }

  /// Sixteen bytes a step, one at a time, and bit by bit.
  @Test(arguments: [1, 3, 15, 16, 17, 33, 1000]) func checksumsInPieces(of count: Int) {
    let message = bytes(1000)
    var checksum = CRC32()
    for start in stride(from: 0, to: message.count, by: count) {
      message[start..<min(start + count, message.count)].withUnsafeBytes { checksum.update($0) }
    }
    var remainder: UInt32 = ~0
    for byte in message {
      remainder ^= UInt32(byte)
      for _ in 0..<8 { remainder = remainder & 1 == 0 ? remainder >> 1 : (remainder >> 1) ^ 0xedb8_8320 }
    }
    #expect(checksum.value == ~remainder)
  }
}
