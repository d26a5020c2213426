import Chains
import Checkpoints
import Configuration
import Foundation
import Recipes
import TestSupport
import Testing

/// What a chain remembers, with steps that the test makes by hand: `make IN OUT`.
@Suite struct ChainHistoryTests {
  private let folder: TemporaryFolder
  private let text: String

  init() throws {
    folder = try TemporaryFolder()
    try folder.write("text", to: "text")
    let path = folder.path
    text = """
      output: \(path)/work
      steps:
        - {name: one, run: make \(path)/text \(path)/a}
        - {name: two, run: make \(path)/a \(path)/b}
        - {name: three, run: make \(path)/b \(path)/c}
      """
  }

  private func chain(_ text: String? = nil) throws -> Chain {
    try Chain.read(ConfigurationReader(text: text ?? self.text, name: "c.yaml")) { words, location throws(ConfigurationError) in
      var description = try ChainFileTests.describe(words, location)
      description.settings = StepDescription.settings(ofCommand: words)
      return description
    }
  }

  /// Makes what the step would: a copy of its input.
  private func make(_ step: Chain.Step, _ history: ChainHistory) throws {
    _ = try history.start(step, continuing: false)
    try folder.write(
      try String(contentsOfFile: step.words[1], encoding: .utf8) + "'", to: String(step.words[2].dropFirst(folder.path.count + 1)))
    try history.finish(step, seconds: 2)
  }

  private func makeAll() throws {
    let chain = try chain()
    let history = try ChainHistory(chain)
    try history.begin()
    for step in chain.steps { try make(step, history) }
  }

  private func states(_ text: String? = nil, from: String? = nil) throws -> [StepState] {
    let chain = try chain(text)
    let history = try ChainHistory(chain, from: from.flatMap { chain.step($0) })
    return try chain.steps.map { try history.state(of: $0) }
  }

  @Test func doneIsRemembered() throws {
    #expect(try states() == [.toDo, .toDo, .toDo])
    try makeAll()
    let done = StepState.done(seconds: 2)
    #expect(try states() == [done, done, done])
    // The same bytes with another time.
    try folder.write("text", to: "text")
    #expect(try states() == [done, done, done])
    // A new name is no new step.
    #expect(try states(text.replacingOccurrences(of: "name: two", with: "name: second")) == [done, done, done])
    #expect(try states(from: "two") == [done, .toDo, .toDo])
    #expect(try states() == [done, done, done])
  }

  @Test func changesAreNamed() throws {
    try makeAll()
    let done = StepState.done(seconds: 2)
    try folder.write("other", to: "text")
    #expect(try states() == [.stale([.inputChanged(folder.file("text"), writtenBy: nil)]), done, done])
    try folder.write("text", to: "text")
    try folder.write("mine", to: "b")
    #expect(
      try states() == [
        done, .stale([.outputChanged(folder.file("b"))]), .stale([.inputChanged(folder.file("b"), writtenBy: "step 2 (two)")]),
      ])
  }

  @Test func whatIsMissingIsMadeAgain() throws {
    try makeAll()
    try FileManager.default.removeItem(atPath: folder.file("b"))
    let done = StepState.done(seconds: 2)
    #expect(try states() == [done, .toDo, done])
    // Nothing is left that could be overwritten, whatever else has changed.
    try folder.write("other", to: "a")
    #expect(try states()[1] == .toDo)
  }

  @Test func onlyItsOwnIsReplaced() throws {
    try folder.write("mine", to: "a")
    let chain = try chain()
    let history = try ChainHistory(chain)
    let error = ChainError.notOwn(step: "step 1 (one)", path: folder.file("a"), record: folder.file("work/chain.json"))
    #expect(try history.state(of: chain.steps[0]) == .blocked(error))
    #expect(throws: error) { try history.preparation(of: chain.steps[0]) }
    try FileManager.default.removeItem(atPath: folder.file("a"))
    try makeAll()
    let again = try ChainHistory(chain, from: chain.steps[0])
    #expect(try again.preparation(of: chain.steps[0]) == .removing([folder.file("a")]))
    try folder.write("mine", to: "a")
    #expect(throws: error) { try again.preparation(of: chain.steps[0]) }
  }

  /// After `--from` was interrupted, the steps that were not reached are still to be made anew.
  @Test func anewIsRemembered() throws {
    try makeAll()
    let chain = try chain()
    let history = try ChainHistory(chain, from: chain.steps[1])
    try history.begin()
    _ = try history.start(chain.steps[1], continuing: false)
    try history.stop(chain.steps[1], seconds: 1)
    let later = try ChainHistory(chain)
    #expect(try later.state(of: chain.steps[2]) == .toDo)
    #expect(try later.preparation(of: chain.steps[2]) == .removing([folder.file("c")]))
    #expect(later.seconds(of: chain.steps[1]) == 1)
  }

  @Test func oneProcessAtATime() throws {
    let chain = try chain()
    let first = try ChainHistory(chain)
    try first.begin()
    #expect(throws: ChainError.inUse(folder.file("work"))) { try ChainHistory(chain).begin() }
    withExtendedLifetime(first) {}
  }

  @Test(arguments: [
    ("{", "work/chain.json"),
    ("{\"version\": 2, \"steps\": []}", "'version' is 2; expected 1. Another version of puna wrote it."),
    ("{\"steps\": []}", "'version' is absent; expected 1. Another version of puna wrote it."),
    ("{\"version\": 1, \"steps\": {}}", "'steps' is no list."),
    ("{\"version\": 1, \"steps\": [{\"name\": \"a\"}]}", "step 1 is not what a chain writes."),
  ])
  func brokenRecordsAreRefused(text: String, message: String) throws {
    try folder.write(text, to: "work/chain.json")
    let error = #expect(throws: CheckpointError.self) { try states() }
    #expect("\(try #require(error))".contains(message))
  }

  @Test func messages() {
    let changes: [StepChange] = [
      .setting("lora.rank", old: "4", new: "8"), .setting("a", old: nil, new: "b"), .inputChanged("x", writtenBy: "step 1 (one)"),
      .inputAdded("y"), .inputRemoved("z"),
    ]
    #expect(
      "\(ChainError.stale([.init(step: "step 2 (two)", name: "pre training", changes: changes)], command: "puna chain c.yaml"))" == """
        step 2 (two) was done, but since then:
          lora.rank is 8 and was 4
          a is b and was absent
          x has changed: step 1 (one) made it anew
          it reads y, and did not
          it no longer reads z
        Nothing of it was touched. Put back what was there, or make that step and all after it anew with:
          puna chain c.yaml --from 'pre training'
        """)
  }
}
