import Evaluation
import Foundation
import TestSupport
import Testing

@Suite("Published files: folders")
struct DataFolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(
    "names say what a file is for and what it is about",
    arguments: [
      ("test/astronomy_test.csv", .test, "astronomy"),
      ("dev/agronomy.csv", .dev, "agronomy"),
      ("val/law_val.csv", .validation, "law"),
      ("astronomy/test-00000-of-00001.jsonl", .test, "astronomy"),
      ("astronomy/validation.jsonl", .validation, "astronomy"),
      ("ARC-Challenge-Test.jsonl", .test, "ARC-Challenge"),
      ("hellaswag_val_full.txt.bz2", .validation, "hellaswag_val_full"),
      ("NQ-open.dev.jsonl", .dev, "NQ-open"),
      ("winogrande/train_xl.jsonl", .train, "winogrande"),
      ("auxiliary_train.csv", .train, "auxiliary"),
      ("unfiltered-web-dev.json", .dev, "unfiltered-web"),
      ("piqa/valid.jsonl", .validation, "piqa"),
      ("mc_task.json", nil, "mc_task"),
      ("latest/contest.json", nil, "contest"),
    ] as [(String, DataSplit?, String)])
  func names(name: String, split: DataSplit?, subject: String) throws {
    try folder.write("{\"a\": 1}\n", to: name)
    let table = try #require(DataFolder(folder.path).tables.first)
    #expect(table.split == split)
    #expect(table.subject == subject)
    // The temporary folder is called "puna-test-...", which says nothing.
    #expect(try DataFolder(folder.file(name)).tables.first?.split == split)
  }

  @Test("files are found in folders, in order; hidden ones are passed over")
  func search() throws {
    for name in ["b.json", "a/z.json", "a/b/c.json", ".hidden.json", ".git/x.json"] { try folder.write("[{\"a\": 1}]", to: name) }
    let found = try DataFolder(folder.path)
    #expect(found.tables.map { $0.path.dropFirst(folder.path.count + 1) } == ["a/b/c.json", "a/z.json", "b.json"])
    #expect(!found.isFile)
    #expect(try DataFolder(folder.file("b.json")).isFile)
    #expect(found.seen == "a/b/c.json (JSON with 'a'); a/z.json (JSON with 'a'); b.json (JSON with 'a')")
  }

  @Test("links are followed, as in the hub's snapshots, but not in circles")
  func links() throws {
    try folder.write("{\"a\": 1}\n", to: "blobs/0123abcd")
    try folder.write("", to: "snapshots/1/empty.txt")
    let files = FileManager.default
    try files.createSymbolicLink(atPath: folder.file("snapshots/1/test.jsonl"), withDestinationPath: "../../blobs/0123abcd")
    try files.createSymbolicLink(atPath: folder.file("snapshots/1/up"), withDestinationPath: "../..")
    let tables = try DataFolder(folder.file("snapshots/1")).tables.filter { $0.split == .test && $0.form == .jsonLines }
    #expect(tables.map(\.location) == ["1/test.jsonl"])
    try files.createSymbolicLink(atPath: folder.file("snapshots/1/nowhere"), withDestinationPath: "gone")
    let error = EvaluationError.file(path: folder.file("snapshots/1/nowhere"), place: nil, reason: "a link that leads nowhere.")
    #expect(throws: error) { try DataFolder(folder.file("snapshots/1")) }
  }

  @Test("folders without end are refused")
  func depth() throws {
    try folder.write("{}", to: "1/2/3/4/5/6/7/deep.json")
    #expect(throws: EvaluationError.self) { try DataFolder(folder.path) }
    #expect(throws: EvaluationError.file(path: "/no/such", place: nil, reason: "no such file or folder.")) { try DataFolder("/no/such") }
  }

  @Test("a field that is missing or something else is refused with what the row has")
  func fields() throws {
    let path = try folder.write("[{\"a\": \"12\", \"b\": [1], \"c\": [\"x\"]}]", to: "rows.json")
    let row = try #require(try DataFolder(path).tables[0].rows().first)
    #expect(try row.integer("a") == 12)
    #expect(try row.texts("c") == ["x"])
    func error(_ reason: String) -> EvaluationError { .file(path: path, place: "row 1", reason: reason) }
    #expect(throws: error("there is no 'd'. The row has 'a', 'b', 'c'.")) { try row.text("d") }
    #expect(throws: error("'b' is a list. Expected a text.")) { try row.text("b") }
    #expect(throws: error("'b' is a list. Expected a list of texts.")) { try row.texts("b") }
    #expect(throws: error("'c' is a list. Expected a whole number.")) { try row.integer("c") }
  }
}
