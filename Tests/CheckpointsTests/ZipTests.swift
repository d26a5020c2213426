import Checkpoints
import Foundation
import TestSupport
import Testing

/// Archives that lie, and what lies under the name of a file of PyTorch.
struct ZipTests {
  private static let tensor = TorchBytes.Tensor("a", "Float", [3, 4], storage: 0)

  private static let entries = [
    ZipBytes.Entry("m/data.pkl", TorchBytes.pickle([tensor])), ZipBytes.Entry("m/data/0", TorchTests.numbers),
  ]

  /// Two entries, the second changed.
  private func problem(_ change: (inout ZipBytes.Entry) -> Void) -> TorchProblem? {
    var entries = ZipTests.entries
    change(&entries[1])
    return TorchTests.problem(ZipBytes.archive(entries))
  }

  @Test func wideAndNarrowDirectories() {
    #expect(TorchTests.problem(ZipBytes.archive(ZipTests.entries)) == nil)
    #expect(TorchTests.problem(ZipBytes.archive(ZipTests.entries, isWide: true)) == nil)
    #expect(TorchTests.problem(ZipBytes.archive(ZipTests.entries, comment: Array("PK\u{5}\u{6} a comment".utf8))) == nil)
    #expect(problem { $0.isWide = true } == nil)
    // PyTorch leaves the sizes of local headers at 0 and says so in a flag.
    #expect(problem { ($0.flags, $0.localByteCount) = (0x808, 0) } == nil)
    #expect(problem { $0.localByteCount = 0xffff_ffff } == nil)
  }

  @Test func sizesAndPlacesThatLie() {
    #expect(problem { $0.localByteCount = 47 } == .zip("'m/data/0' has 48 bytes in the directory, but 47 in its own header"))
    #expect(problem { $0.localByteCount = 0 } == .zip("'m/data/0' has 48 bytes in the directory, but 0 in its own header"))
    #expect(problem { ($0.byteCount, $0.localByteCount) = (1 << 30, 1 << 30) }?.isZip == true)
    #expect(problem { ($0.byteCount, $0.isWide, $0.localByteCount) = (Int.max, true, 0xffff_ffff) }?.isZip == true)
    #expect(problem { ($0.byteCount, $0.isWide, $0.localByteCount) = (-1, true, 0xffff_ffff) }?.isZip == true)
    #expect(problem { ($0.offset, $0.isWide) = (Int.max, true) }?.isZip == true)
    #expect(problem { $0.offset = 1 } == .zip("there is no entry at byte 1, where 'm/data/0' should be"))
    #expect(problem { $0.offset = 0 } == .zip("the header at byte 0 is not that of 'm/data/0'"))
    #expect(problem { $0.localName = "m/data/1" }?.isZip == true)
    #expect(problem { $0.compressedByteCount = 47 } == .zip("'m/data/0' is stored as it is, yet said to take 47 bytes for 48"))
    for count in [1, 3, 0, 0xffff] { #expect(TorchTests.problem(ZipBytes.archive(ZipTests.entries, entryCount: count))?.isZip == true) }
    #expect(TorchTests.problem(ZipBytes.archive(ZipTests.entries, entryCount: Int.max, isWide: true))?.isZip == true)
  }

  @Test func namesThatOccurTwice() {
    #expect(TorchTests.problem(ZipBytes.archive(ZipTests.entries + [ZipTests.entries[1]])) == .zip("it holds 'm/data/0' twice"))
    #expect(
      TorchTests.problem(ZipBytes.archive(ZipTests.entries + [ZipBytes.Entry("n/data.pkl", [])]))
        == .zip("it holds m/data.pkl and n/data.pkl"))
  }

  /// An archive inside an entry, whose own entries the directory names too: the same bytes many times.
  @Test func entriesThatShareBytes() {
    let inner = ZipBytes.archive([ZipBytes.Entry("m/data/0", TorchTests.numbers)])
    var outside = ZipBytes.Entry("m/x", inner)
    outside.offset = nil
    var alias = ZipBytes.Entry("m/data/0", [])
    // "m/x" is the second entry; its content begins at a multiple of 64.
    let first = ZipTests.entries[0]
    let begin = (64 + first.content.count + 34 + 3 + 63) / 64 * 64
    (alias.offset, alias.byteCount) = (begin, 48)
    #expect(TorchTests.problem(ZipBytes.archive([first, outside, alias])) == .zip("'m/x' and 'm/data/0' share bytes"))
  }

  @Test func compressedAndEncryptedEntries() throws {
    #expect(problem { $0.method = 8 } == .compressed(entry: "m/data/0"))
    #expect(problem { $0.flags = 1 } == .zip("'m/data/0' is encrypted"))
    let error = CheckpointError(path: "m.bin", reason: .torch(.compressed(entry: "m/data/0")))
    #expect(
      error.description
        == "m.bin: 'm/data/0' is compressed; PyTorch stores what it writes as it is. Unpack the archive and pack it again without "
        + "compression (zip -0 -r).")
  }

  @Test func otherMachinesAndOtherArchives() {
    let order = ZipBytes.Entry("m/byteorder", Array("big".utf8))
    #expect(TorchTests.problem(ZipBytes.archive(ZipTests.entries + [order])) == .bigEndian)
    #expect(
      TorchTests.problem(TorchBytes.sequence([ZipTests.tensor], storages: [(TorchTests.numbers, 4)], isLittleEndian: false)) == .bigEndian)
    #expect(TorchTests.problem(ZipBytes.archive([ZipBytes.Entry("word/document.xml", [])])) == .missingEntry("data.pkl"))
    #expect(TorchTests.problem(ZipBytes.archive(ZipTests.entries + [ZipBytes.Entry("m/constants.pkl", [])]))?.isDisguise == true)
  }

  @Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a Git LFS pointer"), ("\n <!DOCTYPE html><html>", "is a web page"),
    ("<html lang=\"en\">", "is a web page"), ("{\"error\": \"gated\"}", "is JSON"), ("GGUF\u{3}\0\0\0", "is a GGUF file"),
    ("\u{2}\0\0\0\0\0\0\0{}", "is a safetensors file"), ("PK\u{5}\u{6}", "is an empty zip"), ("hello", "is not a file of PyTorch"),
    ("sys_info\0\0\0", "is a tar archive"),
  ])
  func filesOfAnotherKind(text: String, message: String) {
    guard case .disguised(let found)? = TorchTests.problem(Array(text.utf8)) else {
      Issue.record("\(text) was taken for something else")
      return
    }
    #expect(found.hasPrefix(message))
  }

  @Test func pickleOfSomethingElse() {
    #expect(TorchTests.problem(PickleBytes().code("}").finished)?.isDisguise == true)
    #expect(TorchTests.problem([0x1f, 0x8b, 8])?.isDisguise == true)
  }
}

extension TorchProblem {
  var isZip: Bool {
    if case .zip = self { true } else { false }
  }

  var isDisguise: Bool {
    if case .disguised = self { true } else { false }
  }
}
