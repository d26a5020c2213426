import Adapters
import Bases
import Foundation
import Tensors
import TestSupport
import Testing

/// A merge that went wrong is found, and leaves nothing.
@Suite struct MergeProofTests {
  private func failure(
    _ test: MergeCase, on merger: any RowMerger = PlainMerger(), progress: @escaping (Merge.Progress) -> Void = { _ in },
    logits: LogitsComparison? = nil
  ) throws -> String {
    let merge = try test.merge([(test.adapter("a", [.q]), 1)])
    return try test.problems {
      _ = try merge.run(on: merger, version: "test", progress: progress) { _ in (logits, []) }
    }
  }

  private func expectNothing(of test: MergeCase) {
    #expect(test.folder.names == ["base"])
  }

  @Test func oneWrongElementIsFound() throws {
    let test = try MergeCase()
    let merger = PlainMerger()
    merger.disturb = { row, column, value in row == 5 && column == 3 ? value * 1.01 : value }
    #expect(try failure(test, on: merger).hasPrefix("The merged 'model.layers.0.self_attn.q_proj.weight' is "))
    #expect(try failure(test, on: merger).contains(" at element 43; computed again it is "))
    expectNothing(of: test)
  }

  @Test func oneBitOfACopyIsFound() throws {
    let test = try MergeCase()
    let folder = test.folder
    var isDone = false
    let message = try failure(test) { progress in
      guard case .proving = progress, !isDone else { return }
      isDone = true
      guard let hidden = folder.names.first(where: { $0.hasSuffix(".merging") }) else { return }
      guard let file = FileHandle(forUpdatingAtPath: folder.file("\(hidden)/model.safetensors")) else { return }
      // The last tensor is the head, of 160 bytes.
      let end = file.seekToEndOfFile()
      file.seek(toFileOffset: end - 150)
      let byte = file.readData(ofLength: 1)[0]
      file.seek(toFileOffset: end - 150)
      file.write(Data([byte ^ 1]))
      try? file.close()
    }
    #expect(message.hasPrefix("The merged 'lm_head.weight' differs from the base's at byte 10, but no adapter touches it."))
    expectNothing(of: test)
  }

  @Test func logitsBeyondWhatRoundingExplains() throws {
    let test = try MergeCase()
    func comparison(_ difference: Double) -> LogitsComparison {
      LogitsComparison(prompts: [], largestDifference: 1, meanDifference: 0.1, difference: difference, explained: 0.01, size: 2)
    }
    #expect(comparison(0.03).isExplained && !comparison(0.05).isExplained && !comparison(.nan).isExplained)
    #expect(
      try failure(test, logits: comparison(0.05)).hasPrefix("The merged model's logits differ from those of base and adapters by 0.05 "))
    expectNothing(of: test)
  }

  // MARK: - Interrupted

  /// Asked to stop after n questions, for every n: nothing is there, or everything.
  @Test func anInterruptedMergeLeavesNothing() throws {
    let test = try MergeCase()
    let merge = try test.merge([(test.adapter(), 1)])
    var stops = 0
    for limit in 0..<1000 {
      var asked = 0
      // The proof asks from several threads; what counts is that it is asked at all.
      let isInterrupted = {
        asked += 1
        return asked > limit
      }
      do {
        _ = try merge.run(on: PlainMerger(), version: "test", isInterrupted: isInterrupted) { _ in (nil, []) }
        break
      } catch is MergeInterrupted {
        stops += 1
        expectNothing(of: test)
      }
    }
    #expect(stops > 20)
    #expect(test.folder.names == ["base", "out"])
  }

  @Test func whatAKilledMergeLeftIsRemoved() throws {
    let test = try MergeCase()
    try test.folder.write("half", to: ".out.123-abc.merging/model.safetensors")
    try test.folder.write("other", to: ".other.123-abc.merging/model.safetensors")
    try test.folder.write("mine", to: ".out.notes")
    try test.run([(test.adapter(), 1)])
    #expect(test.folder.names == [".other.123-abc.merging", ".out.notes", "base", "out"])
  }

  @Test func whatALivingMergeWritesStays() throws {
    let test = try MergeCase()
    try test.folder.write("half", to: ".out.123-abc.merging/model.safetensors")
    let descriptor = open(test.folder.file(".out.123-abc.merging"), O_RDONLY | O_DIRECTORY)
    defer { close(descriptor) }
    #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    #expect(try test.problems { try test.run([(test.adapter(), 1)]) } == "out: another merge is writing there.")
    #expect(test.folder.names == [".out.123-abc.merging", "base"])
  }

  @Test func aWriterThatFailsStopsTheMerge() throws {
    let test = try MergeCase()
    let merge = try test.merge([(test.adapter(), 1)])
    let folder = test.folder
    // Without its folder the file cannot get its name.
    #expect(throws: (any Error).self) {
      _ = try merge.run(
        on: PlainMerger(), version: "test",
        progress: { progress in
          guard case .merging = progress, let hidden = folder.names.first(where: { $0.hasSuffix(".merging") }) else { return }
          try? FileManager.default.removeItem(atPath: folder.file(hidden))
        }
      ) { _ in (nil, []) }
    }
    expectNothing(of: test)
  }
}
