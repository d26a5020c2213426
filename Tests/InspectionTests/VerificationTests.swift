import Checkpoints
import Foundation
import Inspection
import TestSupport
import Testing

struct VerificationTests {
  @Test func aWholeBaseIsSound() throws {
    let sample = try Sample.base()
    try sample.writeBase(splitAfter: 12)
    let inspection = try sample.inspect(verifies: true)
    let verification = try #require(inspection.verification)
    #expect(inspection.problems.isEmpty && inspection.notes.isEmpty)
    #expect(verification.byteCount == 2320 && verification.tensorCount == sample.tensors.count && verification.findings.isEmpty)
  }

  @Test func aByteThatMakesNaN() throws {
    var sample = try Sample.base()
    let name = "model.layers.1.mlp.gate_proj.weight"
    // The upper byte of element [2, 3]; the payload is its lower byte. And an infinity after it.
    sample[name].bytes[2 * (2 * 8 + 3) + 1] = 0x7F
    sample[name].bytes[2 * (2 * 8 + 3)] = 0x81
    sample[name].bytes.replaceSubrange(2 * 80..<2 * 81, with: [0x80, 0xFF])
    sample["model.norm.weight"].bytes = [UInt8](repeating: 0, count: 16)
    try sample.writeBase()
    #expect(try sample.inspect().problems.isEmpty)
    let inspection = try sample.inspect(verifies: true)
    #expect(inspection.problems == ["model.safetensors: '\(name)' holds 1 NaN and 1 infinity, the first at [2, 3]."])
    #expect(inspection.notes == ["all zero: model.norm.weight."])
    #expect(inspection.json["verification"]?["tensors"]?.array?.count == 2)
  }

  @Test func anAdapterThatWasNeverTrained() throws {
    var sample = try Sample.adapter()
    for index in sample.tensors.indices where sample.tensors[index].name.contains("lora_B") {
      sample.tensors[index].bytes = [UInt8](repeating: 0, count: sample.tensors[index].bytes.count)
    }
    try sample.writeAdapter()
    #expect(try sample.inspect(verifies: true).notes.contains("every lora_B is zero: the adapter changes nothing."))
  }

  @Test(arguments: [("checklist.chk", "MD5"), ("SHA256SUMS", "SHA-256"), ("model.safetensors.sha256", "SHA-256")])
  func listsOfDigests(list: String, algorithm: String) throws {
    let sample = try Sample.base()
    try sample.writeBase()
    func digest(_ name: String) throws -> String {
      let data = try Data(contentsOf: URL(fileURLWithPath: sample.folder.file(name)))
      var (md5, sha256) = (MD5(), SHA256())
      data.withUnsafeBytes {
        md5.update($0)
        sha256.update($0)
      }
      return algorithm == "MD5" ? md5.hexDigest() : sha256.hexDigest()
    }
    let right = try digest("model.safetensors")
    let lines =
      list.hasSuffix(".sha256") ? "\(right)\n" : "\(right) *model.safetensors\n\(try digest("config.json").uppercased())  ./config.json\n"
    try sample.folder.write(lines, to: list)
    let sound = try sample.inspect(verifies: true)
    #expect(sound.problems.isEmpty && sound.verification?.checksums.allSatisfy { $0.isRight && $0.algorithm == algorithm } == true)
    #expect(sound.verification?.checksums.count == (list.hasSuffix(".sha256") ? 1 : 2))

    // One bit.
    var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: sample.folder.file("model.safetensors"))))
    bytes[bytes.count - 2] ^= 1
    try sample.folder.write(bytes, to: "model.safetensors")
    #expect(try sample.inspect().problems.isEmpty, "only --verify reads it")
    let wrong = try digest("model.safetensors")
    #expect(
      try sample.inspect(verifies: true).problems == [
        "model.safetensors: its \(algorithm) is \(wrong), but \(list) has \(right). Copy or download it again."
      ])
    // Of a shard by itself too.
    var shard = try Inspector().inspect(sample.folder.file("model.safetensors"))
    shard.verify()
    #expect(shard.problems.count == 1)
  }

  @Test func listsThatCannotBeFollowed() throws {
    let sample = try Sample.base()
    try sample.writeBase()
    let digest = String(repeating: "0", count: 64)
    try sample.folder.write("\(digest)  absent\n\n# words\n\(digest)  ../outside\nabc  config.json\n\(digest)\n", to: "SHA256SUMS")
    let expectation = "expected a digest of 32 or 64 hexadecimal digits and the name of a file in this folder."
    #expect(
      try sample.inspect(verifies: true).problems == [
        "SHA256SUMS:4: \(expectation)", "SHA256SUMS:5: \(expectation)", "SHA256SUMS:6: \(expectation)",
        "absent: is not there, but SHA256SUMS has a digest of it.",
      ])
  }

  /// A snapshot of Hugging Face's cache: links to blobs that are named by their SHA-256.
  @Test func blobsOfADownloadCache() throws {
    let sample = try Sample.base()
    try sample.writeBase()
    var hash = SHA256()
    try Data(contentsOf: URL(fileURLWithPath: sample.folder.file("model.safetensors"))).withUnsafeBytes { hash.update($0) }
    let manager = FileManager.default
    func link(_ blob: String) throws {
      try? manager.removeItem(atPath: sample.folder.file("blobs"))
      try manager.createDirectory(atPath: sample.folder.file("blobs"), withIntermediateDirectories: true)
      try manager.copyItem(atPath: sample.folder.file("model.safetensors"), toPath: sample.folder.file("blobs/\(blob)"))
      try? manager.removeItem(atPath: sample.folder.file("snapshots"))
      try manager.createDirectory(atPath: sample.folder.file("snapshots/a"), withIntermediateDirectories: true)
      try manager.copyItem(atPath: sample.folder.file("config.json"), toPath: sample.folder.file("snapshots/a/config.json"))
      try manager.createSymbolicLink(
        atPath: sample.folder.file("snapshots/a/model.safetensors"), withDestinationPath: "../../blobs/\(blob)")
    }
    func inspect() throws -> Inspection {
      var inspection = try Inspector().inspect(sample.folder.file("snapshots/a"))
      inspection.verify()
      return inspection
    }
    try link(hash.hexDigest())
    let sound = try inspect()
    #expect(sound.problems.isEmpty && sound.verification?.checksums.count == 1)
    let other = String(repeating: "ab", count: 32)
    try link(other)
    #expect(
      try inspect().problems == [
        "model.safetensors: its SHA-256 is \(hash.hexDigest()), but the name of its blob has \(other). Copy or download it again."
      ])
  }

  /// Values between the rows of a view belong to no tensor.
  @Test func viewsInFilesOfPyTorch() throws {
    let folder = try TemporaryFolder()
    // Rows of 3 in a storage of 2 rows of 4: the last column is outside.
    var storage = (0..<8).flatMap { _ in [0, 0, 0x80, 0x3F] as [UInt8] }
    storage.replaceSubrange(12..<16, with: [0, 0, 0xC0, 0x7F])
    let view = TorchBytes.Tensor("view", "Float", [2, 3], storage: 0, strides: [4, 1], storageCount: 8)
    try folder.write(TorchBytes.archive([view], storages: [storage]), to: "shard.bin")
    var inspection = try Inspector().inspect(folder.file("shard.bin"))
    inspection.verify()
    #expect(inspection.problems.isEmpty && inspection.verification?.byteCount == 24)
    #expect(inspection.json["tensors"]?.array?.first?["row_byte_stride"]?.integer == 16)

    storage.replaceSubrange(20..<24, with: [0, 0, 0x80, 0x7F])
    try folder.write(TorchBytes.archive([view], storages: [storage]), to: "shard.bin")
    inspection = try Inspector().inspect(folder.file("shard.bin"))
    inspection.verify()
    #expect(inspection.problems == ["shard.bin: 'view' holds 1 infinity, the first at [1, 1]."])
  }
}
