import Evaluation
import Foundation
import TestSupport
import Testing

@Suite("Published files: forms by content")
struct DataFormTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A file under a name that says nothing.
  private func table(_ text: String, _ name: String = "published") throws -> DataTable { try table(Array(text.utf8), name) }

  private func table(_ bytes: [UInt8], _ name: String = "published") throws -> DataTable {
    try #require(DataFolder(try folder.write(bytes, to: name)).tables.first)
  }

  private func object(_ members: KeyValuePairs<String, DataValue>) -> [DataMember] { members.map { DataMember(key: $0, value: $1) } }

  @Test(
    "the content says the form, whatever the name is",
    arguments: [
      ("[{\"a\": 1}, {\"a\": 2}]", DataForm.jsonArray, ["a"]),
      ("{\"a\": 1}\n\n{\"a\": 2}\n", .jsonLines, ["a"]),
      ("{\"a\":\n 1}", .jsonLines, ["a"]),
      ("{\"Domain\": \"Web\", \"Data\": [{\"Question\": \"q\"}]}", .jsonDocument(key: "Data"), ["Question"]),
      ("id,question\n1,what\n", .csv, ["id", "question"]),
      (",Question,A\r\n0,q,x\r\n", .csv, ["", "Question", "A"]),
      ("sentid\tsentence\na.b.1\tShe said, \"no\".\n", .tsv, ["sentid", "sentence"]),
      ("What is, it?,1,2,3,4,C\n", .text, []),
      ("\"What is, it?\",1,2,3,4,C\n", .csvWithoutHeader, ["0", "1", "2", "3", "4", "5"]),
      ("id,question,A,B,C,D\n1,q,w,x,y,z\n", .csv, ["id", "question", "A", "B", "C", "D"]),
      ("Scene: she\n2\nis a.\nis b.\nis c.\nis d.\n", .sixLines, ["context", "label", "endings"]),
      ("First Citizen:\nBefore we proceed, hear me.\n", .text, []),
      ("Once, there was a man.\nThen, there were two, and more.\n", .text, []),
      ("[1] A footnote\n", .text, []),
      ("[]", .unreadable(reason: "no rows"), []),
      ("", .text, []),
    ] as [(String, DataForm, [String])])
  func forms(text: String, form: DataForm, names: [String]) throws {
    let table = try table(text)
    #expect(table.form == form)
    #expect(table.first?.names ?? [] == names)
  }

  @Test("a file named .csv or .tsv may have spaces in the names of its columns")
  func namedTable() throws {
    #expect(try table("the question,the answer\n1,2\n").form == .text)
    #expect(try table("the question,the answer\n1,2\n", "own.csv").form == .csv)
  }

  @Test("what other programs write is named, so that a person knows what to do")
  func foreign() throws {
    #expect(try table("PAR1....").form.description == "Parquet, which is not read: export the rows as JSON lines")
    #expect(try table([0x50, 0x4B, 3, 4, 0, 0]).form.description == "a zip archive: unpack it")
    #expect(try table([1, 0, 2]).form.description == "no text")
    #expect(throws: EvaluationError.file(path: folder.file("published"), place: nil, reason: "no text.")) { try table([1, 0, 2]).rows() }
  }

  @Test("rows of JSON keep the order of their members")
  func order() throws {
    let row = try #require(try table("[{\"t\": {\"z\": 1, \"a\": 0, \"m\": 0}}]").rows().first)
    #expect(row["t"]?.members?.map(\.key) == ["z", "a", "m"])
    #expect(row.place == "row 1")
  }

  @Test("lines are counted where objects take several")
  func lines() throws {
    let rows = try table("\u{FEFF}{\"a\":\n1}\n\n{\"a\": 2}\n").rows()
    #expect(rows.map(\.place) == ["line 1", "line 4"])
    #expect(rows.map { $0["a"] } == [.integer(1), .integer(2)])
  }

  @Test("CSV has quotes, line breaks in quotes, carriage returns and a byte order mark")
  func csv() throws {
    let rows = try table("\u{FEFF}q,a\r\n\"say \"\"no\"\",\r\nplease\",\r\n\r\nte\"st,x").rows()
    #expect(
      rows.map(\.members) == [
        object(["q": "say \"no\",\r\nplease", "a": ""]), object(["q": "te\"st", "a": "x"]),
      ])
    #expect(rows.map(\.place) == ["line 2", "line 5"])
  }

  @Test("TSV has no quotes")
  func tsv() throws {
    #expect(try table("s\tt\n\"a\tb\"\n").rows().map(\.members) == [object(["s": "\"a", "t": "b\""])])
  }

  @Test("six lines are a context, a label and four endings")
  func sixLines() throws {
    let rows = try table("Scene: she\r\n2\r\nis a.\r\nis b.\r\nis c.\r\nis d.\r\n").rows()
    #expect(
      rows.map(\.members) == [
        object(["context": "Scene: she", "label": .integer(2), "endings": .array(["is a.", "is b.", "is c.", "is d."])])
      ])
  }

  @Test(
    "what is broken is refused at its line",
    arguments: [
      ("a,b\n1,2\n1\n", "line 3", "the row has 1 fields, the header 2."),
      ("a,b\n1,2\n1,\"2\n3\n", "line 3", "a quoted field that begins here has no end."),
      ("a,b\n1,\"2\"3\n", "line 2", "there is text after the closing quote of a field. A quote inside a field is written twice."),
      ("\"What, is it?\",1,2,3,4,A\nq,1,2,3,A\n", "line 2", "the row has 5 fields, the first row 6."),
      ("[{\"a\": 1}, 2]", "row 2", "the row is a number. Expected an object."),
      ("{\"a\": 1}\n{\"a\": }\n", "line 2, column 7", "not JSON: expected a value, found '}'."),
      ("{\"a\": 1} {\"a\": 2}\n", "line 1, column 10", "not JSON: expected a new line after a row, found '{'."),
      ("{\"a\": 1}\n{\"a\": 1, \"a\": 2}\n", "line 2, column 10", "not JSON: key 'a' occurs twice."),
      ("S: she\n2\nis a.\nis b.\nis c.\nis d.\nS: he\n", "line 7", "the last row has 1 lines. Expected six."),
      (
        "S: she\n2\nis a.\nis b.\nis c.\nis d.\nS: he\n7\nis a.\nis b.\nis c.\nis d.\n", "line 8",
        "'7' is no label from 0 to 3. A row has six lines: context, label, four endings."
      ),
    ])
  func broken(text: String, place: String, reason: String) throws {
    let table = try table(text)
    let error = try #require(throws: EvaluationError.self) { try table.rows() }
    #expect("\(error)" == "\(table.path): \(place): \(reason)")
  }

  @Test("text that is not UTF-8 is refused")
  func encoding() throws {
    let table = try table(Array("a,b\n1,".utf8) + [0xE9, 0x0A])
    let error = try #require(throws: EvaluationError.self) { try table.rows() }
    #expect("\(error)" == "\(table.path): line 2: not valid UTF-8. Convert the file to UTF-8.")
  }

  @Test("JSON that is nested without end is refused")
  func nesting() throws {
    let table = try table("[{\"a\": " + String(repeating: "[", count: 100_000))
    #expect(table.form.description.contains("nested more than 100 levels deep"))
  }

  @Test("rows that are longer than what is looked at first are read whole")
  func longRows() throws {
    let long = String(repeating: "x", count: 200_000)
    #expect(try table("{\"t\": \"\(long)\"}\n{\"t\": \"\"}\n").rows().count == 2)
    #expect(try table("[{\"t\": \"\(long)\"}]").form == .jsonArray)
    #expect(try table("t,u\n\(long),1\n").rows().first?["u"] == "1")
    #expect(try table("{\"Version\": 1, \"Data\": [{\"t\": \"\(long)\"}]}").rows().first?["t"]?.string?.count == 200_000)
  }

  // MARK: - Compression

  private static let gzip =
    "H4sIAAAAAAACA6tWKixNLS7JzM9TslJQys9LVarlAgButbujFAAAAB+LCAAAAAAAAgOrViosTS0uyczPU7JSUCopz1eq5QIAoVLnyBQAAAA="
  private static let bzip2 =
    "QlpoOTFBWSZTWaSquDkAAAlZgAAQUAAAEAIhrgogADEAAAiD0nqGn6oJobQVFTGgF8XckU4UJCkqrg5AQlpoOTFBWSZTWSgV0BIAAAlZgAAQUAAAEAIhroogACKGmnqGPVCmAADSH6qpiXkyIb4u5IpwoSBQK6Ak"

  @Test("compressed files are read through all their members", arguments: [gzip, bzip2])
  func compressed(base64: String) throws {
    let bytes = Array(try #require(Data(base64Encoded: base64)))
    let table = try table(bytes)
    #expect(table.form == .jsonLines)
    #expect(try table.rows().map { try $0.text("question") } == ["one", "two"])

    let zeros = try self.table(bytes + [0, 0, 0])
    #expect(try zeros.rows().count == 2)
    let cut = try self.table(Array(bytes.dropLast(4)))
    #expect(throws: EvaluationError.file(path: cut.path, place: nil, reason: "the compressed data is cut short.")) { try cut.rows() }
    let more = try self.table(bytes + Array("more".utf8))
    #expect(throws: EvaluationError.file(path: more.path, place: nil, reason: "bytes after the compressed data are none of it.")) {
      try more.rows()
    }
  }

  @Test("compressed data that expands beyond measure is refused, and its beginning can be had", arguments: [gzip, bzip2])
  func bomb(base64: String) throws {
    let bytes = Array(try #require(Data(base64Encoded: base64)))
    let compression = try #require(Compression(bytes))
    #expect(try compression.expand(bytes, limit: 40, headOnly: false).count == 40)
    #expect(throws: Compression.Problem.self) { try compression.expand(bytes, limit: 39, headOnly: false) }
    #expect(try compression.expand(bytes, limit: 5, headOnly: true) == Array("{\"que".utf8))
  }

  @Test("compressed data that is broken is refused", arguments: [(gzip, "gzip"), (bzip2, "bzip2")])
  func brokenCompression(base64: String, name: String) throws {
    var bytes = Array(try #require(Data(base64Encoded: base64)))
    bytes[20] ^= 0xFF
    let table = try table(bytes)
    #expect(table.form == .unreadable(reason: "the \(name) data is broken"))
    #expect(throws: EvaluationError.self) { try table.rows() }
  }
}

extension DataValue: ExpressibleByStringLiteral {
  public init(stringLiteral text: String) { self = .string(text) }
}
