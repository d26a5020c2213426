import Checkpoints
import Foundation
import Runs
import TestSupport
import Testing

@Suite("TensorBoard's events")
struct EventTests {
  /// RFC 3720, B.4, and the check value of the catalogue of CRCs.
  @Test(
    arguments: [
      ([UInt8](repeating: 0, count: 32), 0x8a91_36aa), ([UInt8](repeating: 0xFF, count: 32), 0x62a8_ab43), (Array(0..<32), 0x46dd_794e),
      (Array((0..<32).reversed()), 0x113f_db5c), (Array("123456789".utf8), 0xe306_9283), ([], 0),
    ] as [([UInt8], UInt32)])
  func checksumsAreThoseOfTheStandard(bytes: [UInt8], expected: UInt32) {
    var sum = CRC32(.castagnoli)
    bytes.withUnsafeBytes { sum.update($0) }
    #expect(sum.value == expected)
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

  /// Made with TensorBoard 2.21: `RecordWriter` and its own message classes.
  @Test func recordsAreTensorBoardsOwn() {
    let opening =
      "1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe9"
      + "0d000000000000003c37b8340900001040fc54d9413a0208018c8e54cd"
    #expect(EventTests.hexadecimal(EventRecord.opening(time: 1_700_000_000.25)) == opening)
    let scalars = EventRecord.scalars(
      [("train/loss", 2.3125), ("train/gradient_norm", nil), ("train/learning_rate", 3e-4)], step: 300, time: 1_700_000_001.5)
    let expected =
      "3d000000000000006049f1ec0900006040fc54d94110ac022a2f0a110a0a747261696e2f6c6f737315000014400a1a0a13747261696e2f6c6561726e696e67"
      + "5f726174651552499d39517a2b70"
    #expect(EventTests.hexadecimal(scalars) == expected)
    #expect(EventRecord.scalars([("train/loss", nil)], step: 1, time: 0).isEmpty)
  }

  // MARK: - Files

  private func events(of folder: TemporaryFolder) throws -> EventReader {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("tensorboard"))
    #expect(names.count == 1 && names[0].hasPrefix("events.out.tfevents."), "\(names)")
    return try EventReader(GrowingFile.bytes(folder.file("tensorboard/\(try #require(names.first))")))
  }

  @Test func aFileHoldsThePointsOfTheMetrics() throws {
    let folder = try TemporaryFolder()
    let text = Course.lines(steps: 200, validateEvery: 50)
    var history = RunHistory()
    // Line after line, as a run writes.
    let file = try EventFile(run: folder.path, history, now: Date(timeIntervalSince1970: 1000))
    for line in text.split(separator: "\n") {
      _ = Array("\(line)\n".utf8).withUnsafeBytes { history.read($0) }
      try file.append(history)
    }
    try file.append(history)
    let reader = try events(of: folder)
    #expect(reader.events.first?.version == "brain.Event:2" && reader.events[1].beginsSession)
    let points = reader.points
    #expect(Set(points.keys) == ["train/loss", "train/learning_rate", "train/gradient_norm", "train/tokens_per_second", "validation/loss"])
    #expect(points["train/loss"] == history.steps.map { EventReader.Point(step: $0.step, value: Float($0.loss ?? 0)) })
    #expect(points["train/learning_rate"]?.map(\.value) == history.steps.map { Float($0.learningRate ?? 0) })
    #expect(points["train/gradient_norm"]?.map(\.value) == history.steps.map { Float($0.gradientNorm ?? 0) })
    #expect(points["train/tokens_per_second"]?.allSatisfy { $0.value == 1000 } == true)
    #expect(points["validation/loss"]?.map(\.step) == [0, 50, 100, 150, 200])
    let line = #"{"event":"validation","step":201,"loss":2.5,"bits_per_byte":1.25,"seconds":1}"# + "\n"
    _ = Array(line.utf8).withUnsafeBytes { history.read($0) }
    try file.append(history)
    #expect(try events(of: folder).points["validation/bits_per_byte"] == [EventReader.Point(step: 201, value: 1.25)])
    // Training time, without the pauses between.
    #expect(reader.events.last?.time == 1000 + (history.validations[4].elapsed))
  }

  /// What a killed run told of steps that are made again is gone, and the file is one that TensorBoard goes on to.
  @Test func aResumedRunHasNoPointOfStepsUndone() throws {
    let folder = try TemporaryFolder()
    let now = Date(timeIntervalSince1970: 2000)
    _ = try EventFile(run: folder.path, Course.history(steps: 90), now: now)
    try folder.write("half", to: "tensorboard/.events.out.tfevents.2.77-x.tmp")
    try folder.write("mine", to: "tensorboard/notes.txt")
    let before = folder.names(in: "tensorboard").first { $0.hasPrefix("events") }
    let file = try EventFile(run: folder.path, Course.history(steps: 40), now: now)
    try file.append(Course.history(steps: 60))
    let names = folder.names(in: "tensorboard")
    #expect(names.count == 2 && names.contains("notes.txt"), "\(names)")
    #expect(try #require(names.first { $0.hasPrefix("events") }) > (try #require(before)))
    let reader = try EventReader(GrowingFile.bytes(file.path))
    #expect(reader.points["train/loss"]?.map(\.step) == Array(1...60))
    #expect(reader.events.map(\.time) == reader.events.map(\.time).sorted())
  }

  @Test func aFileThatIsGoneIsTold() throws {
    let folder = try TemporaryFolder()
    let file = try EventFile(run: folder.path, RunHistory())
    try FileManager.default.removeItem(atPath: file.path)
    #expect(throws: CheckpointError.self) { try file.append(Course.history(steps: 1)) }
  }

  @Test func theFollowerKeepsFilesAndNeverThrows() throws {
    let folder = try TemporaryFolder()
    let text = Course.lines(steps: 5, validateEvery: 2)
    try folder.write(String(text.prefix(500)), to: "metrics.jsonl")
    var told: [String] = []
    let follower = MetricsFollower(run: folder.path, stepCount: 5) { told.append($0) }
    try folder.write(text + "{\"event\":\"st", to: "metrics.jsonl")
    follower.follow()
    follower.finish()
    #expect(try events(of: folder).points["train/loss"]?.map(\.step) == Array(1...5))
    #expect(try String(contentsOfFile: folder.file("loss.svg"), encoding: .utf8).contains("step 5 of 5"))
    #expect(told.isEmpty)
    try FileManager.default.removeItem(atPath: folder.path)
    follower.finish()
    follower.finish()
    #expect(told.count == 2 && told.allSatisfy { $0.hasSuffix("The run goes on without it.") }, "\(told)")
  }
}

extension TemporaryFolder {
  func names(in name: String) -> [String] { ((try? FileManager.default.contentsOfDirectory(atPath: file(name))) ?? []).sorted() }
}
