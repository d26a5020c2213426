import Checkpoints
import Foundation
import Runs
import TestSupport
import Testing

@Suite("Run folders beside each other")
struct RunListTests {
  private func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try RunSample.write(folder, "whole", steps: 6, hasAdapter: true, hasCheckpoint: true)
    try RunSample.write(folder, "sweep/one", steps: 3, more: ", learning_rate: 0.001", hasAdapter: false, hasCheckpoint: true)
    try RunSample.write(folder, "sweep/two", steps: 2, hasAdapter: false, hasCheckpoint: false)
    return folder
  }

  @Test(arguments: [
    (6, true, true, RunFacts.State.finished), (3, false, true, .interrupted), (2, false, false, .incomplete),
    (0, false, false, .incomplete),
    // A finished run that went on under a constant rate, and was stopped: its old adapter is still there.
    (4, true, true, .interrupted),
  ])
  func states(steps: Int, hasAdapter: Bool, hasCheckpoint: Bool, expected: RunFacts.State) throws {
    let folder = try TemporaryFolder()
    try RunSample.write(folder, "r", steps: steps, hasAdapter: hasAdapter, hasCheckpoint: hasCheckpoint)
    let facts = RunFacts(folder: folder.file("r"))
    #expect(facts.state == expected && facts.stepsPlanned == 6 && facts.stepsDone == steps && facts.problems.isEmpty)
  }

  @Test func aRunThatStoppedEarlyIsFinished() throws {
    let folder = try TemporaryFolder()
    try RunSample.write(folder, "r", steps: 4, hasAdapter: true, hasCheckpoint: true)
    let stop = #"{"event":"stopped","step":4,"reason":"early_stopping","text":"Nothing became better."}"#
    try folder.write(Course.lines(steps: 4) + stop + "\n", to: "r/metrics.jsonl")
    let facts = RunFacts(folder: folder.file("r"))
    #expect(facts.state == .finished && facts.stoppedEarly && facts.notes == ["Nothing became better."])
  }

  @Test func aRunThatAProcessHasIsRunning() throws {
    let folder = try folder()
    let lock = try #require(try FolderLock(folder.file("whole")))
    #expect(RunFacts(folder: folder.file("whole")).state == .running)
    // Looking takes nothing from whoever runs, and nothing stays.
    let second = try FolderLock(folder.file("whole"))
    withExtendedLifetime(lock) { #expect(second == nil) }
    #expect(RunFacts(folder: folder.file("sweep/one")).state == .interrupted)
    #expect(try FolderLock(folder.file("sweep/one")) != nil)
  }

  /// Steps of two rows, of five an epoch: the third of each has one.
  @Test func ratesCountShortBatches() throws {
    let folder = try folder()
    let facts = RunFacts(folder: folder.file("whole"))
    #expect(abs((facts.examplesPerSecond ?? 0) - 10 / 0.6) < 1e-9 && abs((facts.tokensPerSecond ?? 0) - 1000) < 1e-9)
    // Two of three steps of an epoch, none of them its short one.
    #expect(abs((RunFacts(folder: folder.file("sweep/two")).examplesPerSecond ?? 0) - 20) < 1e-9)
    #expect(facts.bestValidation?.step == 6 && facts.validations.count == 3)
  }

  @Test func runsOnTextHaveBitsPerByte() throws {
    let folder = try folder()
    let metrics = try String(contentsOfFile: folder.file("whole/metrics.jsonl"), encoding: .utf8)
    try folder.write(metrics.replacing(",\"tokens\":10,", with: ",\"tokens\":10,\"bits_per_byte\":1.25,"), to: "whole/metrics.jsonl")
    #expect(RunFacts(folder: folder.file("whole")).bestValidation?.bitsPerByte == 1.25)
    let table = RunTable(try RunList(folder: folder.path), below: folder.path)
    let lines = table.text.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(lines[0].contains("bits/byte") && lines.contains { $0.first == "whole" && $0.contains("1.2500") })
    #expect(lines.contains { $0.first == "sweep/one" && !$0.contains("1.2500") && $0.contains("-") })
    #expect(table.json.line.contains("\"bits_per_byte\":1.25"))
  }

  @Test func theTable() throws {
    let folder = try folder()
    try folder.write("hello", to: "README.md")
    try folder.write("{}", to: "models/tiny/config.json")
    try folder.write("{}", to: "torn/run.json")
    try folder.write("{}", to: "torn/checkpoints/x")
    try FileManager.default.createDirectory(atPath: folder.file("empty"), withIntermediateDirectories: true)
    let text = RunTable(try RunList(folder: folder.path), below: folder.path).text
    #expect(text == RunListTests.table)
  }

  private static let table = """
      run        state        steps   best validation  last loss    time  examples/s
      sweep/one  interrupted  3 of 6  0.7431 at 3         0.5431   1.3 s        16.7
      sweep/two  incomplete   2 of 6  -                   0.4262  0.70 s        20.0
      whole      finished     6 of 6  0.6027 at 6 *       0.4027   2.1 s        16.7
      * the lowest

    their recipes differ in
      training.learning_rate  0.001   sweep/one
                              0.0003  sweep/two, whole

    not runs
      empty: empty
      models: no run in it
      torn: a broken run: run.json, checkpoints and nothing else of one

    """

  @Test func whatIsBrokenIsNamed() throws {
    let folder = try folder()
    try folder.write("bse: x\n", to: "whole/recipe.yaml")
    try folder.write("{", to: "sweep/one/run.json")
    try folder.write(Course.lines(steps: 2) + "what\nis\nthis\n", to: "sweep/two/metrics.jsonl")
    let table = RunTable(try RunList(folder: folder.path), below: folder.path)
    #expect(table.list.runs.count == 3)
    #expect(table.text.contains("whole: recipe.yaml:1: unknown key 'bse'."), "\(table.text)")
    #expect(table.text.contains("sweep/one: run.json:1: unreadable JSON at byte 1"), "\(table.text)")
    #expect(table.text.contains("sweep/two: metrics.jsonl:3: is no event of a run, and 2 more lines are none."), "\(table.text)")
    #expect(table.text.contains("finished, broken"))
    let runs = try #require(table.json["runs"]?.array)
    #expect(runs.count == 3 && runs[2]["settings"]?.isNull == true && runs[0]["settings"]?["training.batch_size"]?.string == "2")
    #expect(runs[1]["problems"]?.array?.count == 1 && runs[1]["run"]?["steps_done"]?.integer == 2)
  }

  @Test func aRunItself() throws {
    let folder = try folder()
    let table = RunTable(try RunList(folder: folder.file("whole/")), below: folder.file("whole/"))
    #expect(table.list.runs.count == 1 && table.differences.isEmpty && !table.text.contains("*"))
  }

  @Test func noFolder() throws {
    let folder = try folder()
    #expect(throws: CheckpointError.self) { try RunList(folder: folder.file("nowhere")) }
    #expect(throws: CheckpointError.self) { try RunList(folder: folder.file("whole/run.json")) }
    #expect(RunTable(try RunList(folder: folder.file("whole/checkpoints")), below: "").text.hasPrefix("no runs\n"))
  }

  /// A name is a stranger's too.
  @Test func namesAreShownAsTheyAre() throws {
    let folder = try TemporaryFolder()
    try RunSample.write(folder, "a\u{1B}[31mred", steps: 1, hasAdapter: false, hasCheckpoint: false)
    let text = RunTable(try RunList(folder: folder.path), below: folder.path).text
    #expect(text.contains("a[U+001B][31mred") && !text.contains("\u{1B}"))
  }
}
