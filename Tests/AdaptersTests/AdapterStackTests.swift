import Adapters
import Bases
import Foundation
import JSON
import TestSupport
import Testing

/// From the adapters that a user names to those that are folded in. Paths of records are absolute here: tests share one working folder.
struct AdapterStackTests {
  /// A folder of adapters for one base.
  private struct Shelf {
    let folder = try? TemporaryFolder()
    let base: Base

    init() throws { base = try TinyAdapter.base() }

    func path(_ name: String) -> String { folder?.file(name) ?? name }

    /// Writes an adapter, with the record of its run unless `below` is nil.
    func add(
      _ name: String, below: [(String, Double)]? = [], startFrom: String? = nil, state: String = "",
      _ change: (inout TinyAdapter) throws -> Void = { _ in }
    ) throws {
      var tiny = TinyAdapter()
      try change(&tiny)
      try tiny.write(to: #require(folder), named: name + state)
      guard let below else { return }
      var record = RunRecord(
        version: "0.1", instructionSet: "generic", precision: "float32", seed: 1, base: "models/tiny", baseFingerprint: base.fingerprint())
      record.adapters = below.map { RunRecord.AdapterReference(path: path($0), weight: $1) }
      record.startFrom = startFrom.map(path)
      try record.write(to: path(name))
    }

    func inputs(_ adapters: (String, Double)...) throws -> AdapterStack {
      try AdapterStack.open(adapters.map { (path($0), $1) }, for: base, use: .merging)
    }

    func names(_ adapters: (String, Double)...) throws -> [String] {
      try AdapterStack.open(adapters.map { (path($0), $1) }, for: base, use: .merging).inputs.map {
        "\($0.adapter.path.dropFirst(path("").count)) \($0.weight)"
      }
    }

    /// The message, with names in place of paths.
    func problem(_ adapters: (String, Double)...) throws -> String {
      try #require(throws: AdapterError.self) { try AdapterStack.open(adapters.map { (path($0), $1) }, for: base, use: .merging) }
        .description
        .replacingOccurrences(of: path(""), with: "")
    }
  }

  @Test func adaptersComeInTheGivenOrder() throws {
    let shelf = try Shelf()
    for name in ["b", "a"] { try shelf.add(name) }
    #expect(try shelf.names() == [])
    #expect(try shelf.names(("b", 0.7), ("a/", -0.3)) == ["b 0.7", "a -0.3"])
    #expect(try shelf.problem(("a", .infinity)) == "a: its weight is inf; expected a finite number.")
  }

  // MARK: - What stands below

  @Test func whatAnAdapterWasTrainedOverComesFirst() throws {
    let shelf = try Shelf()
    for name in ["one", "two"] { try shelf.add(name) }
    try shelf.add("top", below: [("one", 0.5), ("two", 1)])
    #expect(try shelf.names(("top", 2)) == ["one 0.5", "two 1.0", "top 2.0"])
    #expect(try shelf.inputs(("top", 2)).notes.isEmpty)
    // What stood there while it was trained is recorded completely.
    try shelf.add("higher", below: [("top", 1)])
    #expect(try shelf.names(("higher", 1)) == ["top 1.0", "higher 1.0"])
  }

  @Test func anAdapterBelowIsNotGivenToo() throws {
    let shelf = try Shelf()
    try shelf.add("one")
    try shelf.add("top", below: [("one", 0.5)])
    let message = "one: top was trained over it and brings it (weight 0.5). Leave it out."
    #expect(try shelf.problem(("one", 1), ("top", 1)) == message)
    #expect(try shelf.problem(("top", 1), ("one", 1)) == message)
  }

  @Test func namingWhatStandsBelowIsNoMistake() throws {
    let shelf = try Shelf()
    try shelf.add("one")
    try shelf.add("top", below: [("one", 0.5)])
    #expect(try shelf.names(("one", 0.5), ("top", 1)) == ["one 0.5", "top 1.0"])
    #expect(try shelf.names(("top", 1), ("one", 0.5)) == ["one 0.5", "top 1.0"])
  }

  /// An adapter means what it was trained over; another one of that name is another thing.
  @Test func whatStandsBelowMustBeWhatItWas() throws {
    let shelf = try Shelf()
    try shelf.add("one")
    try shelf.add("top", below: [("one", 1)])
    let fingerprint = try shelf.inputs(("one", 1)).inputs[0].adapter.fingerprint()
    func record(_ value: String) throws {
      var record = try RunRecord(folder: shelf.path("top"))
      record.adapters[0].fingerprint = value
      try record.write(to: shelf.path("top"))
    }
    try record(fingerprint)
    #expect(try shelf.names(("top", 1)) == ["one 1.0", "top 1.0"])
    try record("0123456")
    let message =
      "top: was trained over one with fingerprint 0123..., which is \(fingerprint.prefix(4))... now: it was trained anew. "
      + "Train top again, or pass --allow-other-base to go on."
    #expect(try shelf.problem(("top", 1)) == message)
    let allowed = try AdapterStack.open([(shelf.path("top"), 1)], for: shelf.base, use: .network, allowOtherBase: true)
    #expect(allowed.notes.map { $0.replacingOccurrences(of: shelf.path(""), with: "") } == [message])
  }

  @Test func twoAdaptersOverOneShareIt() throws {
    let shelf = try Shelf()
    try shelf.add("one")
    try shelf.add("left", below: [("one", 1)])
    try shelf.add("right", below: [("one", 1)])
    try shelf.add("other", below: [("one", 0.5)])
    #expect(try shelf.names(("left", 1), ("right", 1)) == ["one 1.0", "left 1.0", "right 1.0"])
    #expect(
      try shelf.inputs(("left", 1), ("right", 1)).notes
        == ["\(shelf.path("one")): was below both \(shelf.path("left")) and \(shelf.path("right")); it is folded in once."])
    #expect(
      try shelf.problem(("left", 1), ("other", 1))
        == "one: was below left with weight 1.0, but below another of these adapters with weight 0.5.")
  }

  @Test func anAdapterBelowThatIsGone() throws {
    let shelf = try Shelf()
    try shelf.add("top", below: [("one", 1)])
    let folder = FileManager.default.currentDirectoryPath
    #expect(
      try shelf.problem(("top", 1))
        == "top: was trained over one, which is not there. top/run.json gives paths as they were seen from the folder where the training "
        + "was started; this is \(folder).")
  }

  @Test func aRecordThatCannotBeUnderstood() throws {
    let shelf = try Shelf()
    try shelf.add("top")
    let text = try String(contentsOfFile: shelf.path("top/run.json"), encoding: .utf8)
    let changed = text.replacing(/"adapters" : \[\s*\]/, with: #""adapters" : [{"path": "one"}]"#)
    try #require(changed != text)
    try shelf.folder?.write(changed, to: "top/run.json")
    #expect(
      try shelf.problem(("top", 1))
        == #"top/run.json: 'adapters' is [{"path":"one"}]; expected a list of objects with path and weight."#)
  }

  // MARK: - What is in an adapter already

  @Test func theSameAdapterTwice() throws {
    let shelf = try Shelf()
    try shelf.add("run")
    try shelf.add("run", state: "/best")
    try shelf.add("run", state: "/checkpoints/step-000002")
    try shelf.add("foreign", below: nil)
    try FileManager.default.createSymbolicLink(atPath: shelf.path("link"), withDestinationPath: shelf.path("run/best"))
    #expect(try shelf.problem(("run", 1), ("run/", 2)) == "run: given twice. Give it once, with the sum of the weights.")
    #expect(try shelf.problem(("foreign", 1), ("foreign", 1)) == "foreign: given twice. Give it once, with the sum of the weights.")
    for state in ["run/best", "run/checkpoints/step-000002", "link"] {
      #expect(
        try shelf.problem(("run", 1), (state, 1))
          == "\(state) and run are of the same run: each contains what the other learnt. Give one of them.")
    }
    #expect(try shelf.names(("run", 1), ("foreign", 1)).count == 2)
  }

  @Test func anAdapterThatAnotherContinued() throws {
    let shelf = try Shelf()
    try shelf.add("first")
    try shelf.add("first", state: "/best")
    try shelf.add("second", startFrom: "first")
    try shelf.add("third", startFrom: "second")
    try shelf.add("stacked", below: [("second", 1)])
    #expect(try shelf.names(("third", 1)) == ["third 1.0"])
    for (name, other) in [("first", "second"), ("first", "third"), ("second", "third"), ("first/best", "third")] {
      #expect(try shelf.problem((name, 1), (other, 1)) == "\(name): \(other) continued it and contains it already. Leave it out.")
      #expect(try shelf.problem((other, 1), (name, 1)) == "\(name): \(other) continued it and contains it already. Leave it out.")
    }
    #expect(try shelf.problem(("stacked", 1), ("first", 1)) == "first: second continued it and contains it already. Leave it out.")
  }

  @Test func recordsThatLeadRoundInALoop() throws {
    let shelf = try Shelf()
    try shelf.add("a", startFrom: "b")
    try shelf.add("b", startFrom: "a")
    try shelf.add("c")
    #expect(try shelf.names(("a", 1), ("c", 1)).count == 2)
    #expect(throws: AdapterError.self) { try shelf.inputs(("a", 1), ("b", 1)) }
  }

  // MARK: - What does not go together

  @Test func weightDecompositionIsMergedAlone() throws {
    let shelf = try Shelf()
    try shelf.add("plain")
    try shelf.add("dora") { tiny in
      tiny.configuration["use_dora"] = .bool(true)
      tiny.configuration["target_modules"] = .string(".*0.*q_proj")
      tiny.tensors = Array(tiny.tensors.prefix(2))
      tiny.addWhole("model.layers.0.self_attn.q_proj.lora_magnitude_vector", [8], 1)
    }
    #expect(try shelf.names(("dora", 1)) == ["dora 1.0"])
    #expect(try shelf.problem(("dora", 0.5)) == "dora: has weight 0.5, but DoRA cannot be taken in part. Merge it with weight 1.")
    #expect(
      try shelf.problem(("plain", 1), ("dora", 1)) == "dora: DoRA scales the rows of its base, which plain would change. Merge it alone.")
  }

  @Test func laterWholeWeightsReplaceEarlierOnes() throws {
    let shelf = try Shelf()
    func add(_ name: String, rows: Int) throws {
      try shelf.add(name) { tiny in
        tiny.addWhole("model.embed_tokens.weight", [rows, 8], 1)
        tiny.addWhole("lm_head.weight", [rows, 8], 1)
      }
    }
    try add("small", rows: 12)
    try add("large", rows: 14)
    let large = shelf.path("large")
    #expect(
      try shelf.inputs(("small", 1), ("large", 1)).notes
        == ["lm_head.weight", "model.embed_tokens.weight"].map {
          "\(large): its '\($0)' replaces what \(shelf.path("small")) made of it."
        })
    #expect(
      try shelf.problem(("large", 1), ("small", 1))
        == "small: its 'model.embed_tokens.weight' is for a vocabulary of 12, but the adapters before it make one of 14. "
        + "Give adapters in the order of their training.")
    #expect(
      try shelf.problem(("large", 0.5))
        == "large: has weight 0.5, but a whole weight ('lm_head.weight') cannot be taken in part. Merge it with weight 1.")
    // An adapter of the head knows one vocabulary only.
    try shelf.add("head") { tiny in
      tiny.configuration["target_modules"] = .array([.string("lm_head")])
      tiny.tensors = []
      tiny.addWhole("lm_head.lora_A.weight", [2, 8], 1)
      tiny.addWhole("lm_head.lora_B.weight", [10, 2], 1)
    }
    #expect(try shelf.names(("head", 0.5)) == ["head 0.5"])
    #expect(
      try shelf.problem(("small", 1), ("head", 1))
        == "head: its 'lm_head.weight' is for a vocabulary of 10, but the adapters before it make one of 12. "
        + "Give adapters in the order of their training.")
  }

  @Test func anotherBaseIsRefusedBelowToo() throws {
    let shelf = try Shelf()
    try shelf.add("one")
    try shelf.add("top", below: [("one", 1)])
    let other = try TinyAdapter.base(name: "models/other", byte: 1)
    let adapters = [(shelf.path("top"), 1.0)]
    let error = try #require(throws: AdapterError.self) { try AdapterStack.open(adapters, for: other, use: .merging) }
    #expect(error.path == shelf.path("one"))
    #expect(try AdapterStack.open(adapters, for: other, use: .merging, allowOtherBase: true).notes.count == 2)
  }
}
