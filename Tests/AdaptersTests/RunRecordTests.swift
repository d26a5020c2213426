import Adapters
import Bases
import Checkpoints
import Llama
import TestSupport
import Testing

struct RunRecordTests {
  private func record(fingerprint: String) -> RunRecord {
    RunRecord(
      version: "0.1", instructionSet: "avx512bf16", precision: "bfloat16", seed: .max, base: "models/tiny", baseFingerprint: fingerprint)
  }

  @Test func whatIsWrittenIsRead() throws {
    let folder = try TemporaryFolder()
    var record = record(fingerprint: "ab")
    record.adapters = [.init(path: "adapters/one", weight: 0.5)]
    record.startFrom = "adapters/zero"
    record.templates = [.init(name: "alpaca", text: "{\"a\": \"é\\n\"}")]
    var data = RunRecord.DataFacts(files: ["datasets/a.json"], trainingRows: 10, validationRows: 2)
    data.truncatedRows = 1
    record.data = data
    try record.write(to: folder.path)
    #expect(try RunRecord(folder: folder.path) == record)
  }

  @Test(arguments: [
    ("{", ":1: unreadable JSON at byte 1: the text ends where a key or '}' is expected."),
    ("{}", ": has no 'version'."),
    (#"{"version": 1}"#, ": 'version' is not of type String."),
  ])
  func otherFilesAreRefused(text: String, message: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(text, to: "run.json")
    let error = try #require(throws: CheckpointError.self) { try RunRecord(folder: folder.path) }
    #expect(error.description == path + message)
  }

  // MARK: - The base of an adapter

  private func adapter(at name: String, in folder: TemporaryFolder) throws {
    let own = try TemporaryFolder()
    try TinyAdapter().write(to: own)
    for file in own.names { try folder.write(MappedFile.open(own.file(file)).array, to: "\(name)/\(file)") }
  }

  @Test(arguments: ["run-7", "run-7/best", "run-7/checkpoints/step-000200"])
  func anotherBaseIsRefusedUnlessAllowed(name: String) throws {
    let folder = try TemporaryFolder()
    try adapter(at: name, in: folder)
    let base = try TinyAdapter.base()
    let fingerprint = base.fingerprint()
    try record(fingerprint: fingerprint).write(to: folder.file("run-7"))
    #expect(try PEFTAdapter.open(folder.file(name), for: base).notes == [])

    let other = try TinyAdapter.base(name: "models/other", byte: 1)
    let error = try #require(throws: AdapterError.self) { try PEFTAdapter.open(folder.file(name), for: other) }
    #expect(
      error.description
        == "\(folder.file(name)) was trained on a base with fingerprint \(fingerprint.prefix(4))..., "
        + "but models/other has \(other.fingerprint().prefix(4)).... Pass --allow-other-base to go on.")
    let allowed = try PEFTAdapter.open(folder.file(name), for: other, allowOtherBase: true)
    #expect(
      allowed.notes == [
        "\(folder.file(name)): was trained on a base with fingerprint \(fingerprint.prefix(4))..., not on models/other."
      ])
  }

  @Test func aRecordOfAnotherToolSaysNothing() throws {
    let folder = try TemporaryFolder()
    try adapter(at: "x", in: folder)
    try folder.write("{}", to: "x/run.json")
    #expect(try PEFTAdapter.open(folder.file("x"), for: TinyAdapter.base()).notes.count == 1)
    try folder.write("{", to: "x/run.json")
    #expect(throws: AdapterError.self) { try PEFTAdapter.open(folder.file("x"), for: TinyAdapter.base()) }
  }

  // MARK: - Continuing an adapter

  @Test func whatTheRecipeLeavesOpenIsTheAdapters() throws {
    var tiny = TinyAdapter()
    try tiny.set(#"{"lora_dropout": 0.25, "use_rslora": true}"#)
    var options = LoRAOptions()
    options.stated = ["rank"]
    options.rank = 2
    let continued = try options.continuing(tiny.read(), at: "a")
    #expect(continued.targetModules == [.q, .v])
    #expect(continued.rank == 2 && continued.alpha == 8 && continued.dropout == 0.25 && continued.usesRSLoRA)
  }

  @Test(arguments: [0.0, -2]) func onlyAPositiveAlphaIsContinued(alpha: Double) throws {
    var tiny = TinyAdapter()
    try tiny.set(#"{"alpha_pattern": {"v_proj": \#(alpha)}}"#)
    let adapter = try tiny.read()
    let error = try #require(throws: AdapterError.self) { try LoRAOptions().continuing(adapter, at: "a") }
    #expect(
      error.description == "a/adapter_config.json: 'lora_alpha' is \(alpha); expected a number above 0 in an adapter to continue.")
  }

  @Test func whatTheRecipeStatesMustAgree() throws {
    var options = LoRAOptions()
    options.stated = ["rank", "alpha", "target_modules", "dropout", "rslora"]
    options.rank = 16
    let adapter = try TinyAdapter().read()
    let error = try #require(throws: AdapterError.self) { try options.continuing(adapter, at: "a") }
    #expect(
      error.description == """
        a: 3 problems:
          a: lora.target_modules is [q_proj, k_proj, v_proj, o_proj], but the adapter that lora.start_from continues has [q_proj, v_proj]. \
        Leave lora.target_modules out.
          a: lora.rank is 16, but the adapter that lora.start_from continues has 2. Leave lora.rank out.
          a: lora.alpha is 16, but the adapter that lora.start_from continues has 8. Leave lora.alpha out.
        """)
  }
}
