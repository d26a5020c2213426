import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

struct MappedFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func reason(_ name: String) throws -> CheckpointError.Reason {
    try #require(throws: CheckpointError.self) { try MappedFile.open(folder.file(name)) }.reason
  }

  @Test func bytesAreThere() throws {
    #expect(try MappedFile.open(folder.write("llama", to: "a")).array == Array("llama".utf8))
  }

  @Test func bytesOutliveTheirName() throws {
    let bytes = try MappedFile.open(folder.write("llama", to: "a"))
    try FileManager.default.removeItem(atPath: folder.file("a"))
    #expect(bytes.slice(1..<3).array == Array("la".utf8))
  }

  @Test func linksAreFollowed() throws {
    try folder.write("llama", to: "blobs/1")
    try FileManager.default.createSymbolicLink(atPath: folder.file("a"), withDestinationPath: "blobs/1")
    #expect(try MappedFile.open(folder.file("a")).count == 5)
  }

  @Test func whatIsNoFileIsRefused() throws {
    try folder.write("", to: "empty")
    try folder.write("x", to: "sub/x")
    try FileManager.default.createSymbolicLink(atPath: folder.file("loop"), withDestinationPath: "loop")
    try FileManager.default.createSymbolicLink(atPath: folder.file("dangling"), withDestinationPath: "blobs/2")
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    #expect(try reason("nothing") == .missing)
    #expect(try reason("empty/x") == .missing)
    #expect(try reason("empty") == .empty)
    #expect(try reason("sub") == .isFolder)
    #expect(try reason("loop") == .linkLoop)
    #expect(try reason("dangling") == .danglingLink(target: "blobs/2"))
    #expect(try reason("pipe") == .notAFile)
  }

  @Test(.enabled(if: getuid() != 0, "root reads everything"))
  func permissionIsRespected() throws {
    try folder.write("x", to: "a")
    chmod(folder.file("a"), 0)
    #expect(try reason("a") == .notReadable)
  }

  @Test func errorsNameTheFile() throws {
    let error = try #require(throws: CheckpointError.self) { try MappedFile.open("models/none") }
    #expect(error.description == "models/none: no such file.")
  }
}

struct AtomicFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func aFileAppearsWhenItIsComplete() throws {
    let file = try AtomicFile(folder.file("a"))
    try [1, 2, 3].withUnsafeBytes { try file.append($0) }
    #expect(!folder.names.contains("a"))
    try file.commit()
    #expect(folder.names == ["a"])
    #expect(file.byteCount == 24)
  }

  @Test func withoutCommitNothingIsLeft() throws {
    try folder.write("old", to: "a")
    do {
      let file = try AtomicFile(folder.file("a"))
      try [1].withUnsafeBytes { try file.append($0) }
      #expect(folder.names.count == 2)
    }
    #expect(folder.names == ["a"])
    #expect(try MappedFile.open(folder.file("a")).array == Array("old".utf8))
  }

  @Test func whoeverHasTheOldFileMappedKeepsIt() throws {
    let old = try MappedFile.open(folder.write("old text", to: "a"))
    try AtomicFile.write("new", to: folder.file("a"))
    #expect(old.array == Array("old text".utf8))
    #expect(try MappedFile.open(folder.file("a")).array == Array("new".utf8))
    try AtomicFile.write(Data([7]), to: folder.file("a"))
    #expect(try MappedFile.open(folder.file("a")).array == [7])
  }

  @Test func aFullDiskIsReportedAndCleanedUp() throws {
    let temporary = try folder.write("", to: ".a.tmp")
    let file = AtomicFile(path: folder.file("a"), temporaryPath: temporary, descriptor: open("/dev/full", O_WRONLY))
    let error = try #require(throws: CheckpointError.self) { try [1].withUnsafeBytes { try file.append($0) } }
    #expect(error.reason == .diskFull(written: 0))
    #expect(
      error.description == "\(folder.path)/a: cannot be written: the disk is full (after 0 bytes). Nothing was left behind.")
    #expect(folder.names == [])
  }

  @Test func whereNoFileCanBeIsReported() throws {
    try folder.write("x", to: "file")
    try folder.write("x", to: "sub/x")
    let missing = try #require(throws: CheckpointError.self) { try AtomicFile.write("x", to: folder.file("none/a")) }
    #expect(missing.reason == .folderMissing)
    let taken = try #require(throws: CheckpointError.self) { try AtomicFile.write("x", to: folder.file("sub")) }
    #expect(taken.reason == .isFolder)
    let blocked = try #require(throws: CheckpointError.self) { try AtomicFile.createFolder(folder.file("file")) }
    #expect(blocked.reason == .fileInTheWay(folder.file("file")))
    #expect(folder.names == ["file", "sub"])
  }

  @Test func foldersAreMadeOnTheWay() throws {
    try AtomicFile.createFolder(folder.file("a/b/c"))
    try AtomicFile.createFolder(folder.file("a/b/c"))
    try AtomicFile.write("x", to: folder.file("a/b/c/d"))
    #expect(try MappedFile.open(folder.file("a/b/c/d")).count == 1)
  }
}
