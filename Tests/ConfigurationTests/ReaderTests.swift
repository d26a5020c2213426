import Configuration
import Foundation
import Testing

@Suite struct ReaderTests {
  @Test func everyKeyHasALocation() throws {
    let text = "base: b\nlora:\n  rank: 8\nlist:\n  - a\n  - {path: p}\n"
    let locations = try ConfigurationReader(text: text, name: "x.yaml", overrides: ["lora.alpha=3", "new.key=[1, 2]"]).locations
    #expect("\(locations["base"])" == "x.yaml:1")
    #expect("\(locations["lora"])" == "x.yaml:2")
    #expect("\(locations["lora.rank"])" == "x.yaml:3")
    #expect("\(locations["list[1].path"])" == "x.yaml:6")
    #expect("\(locations["lora.alpha"])" == "command line: lora.alpha=3")
    #expect("\(locations["new.key"])" == "command line: new.key=[1, 2]")
    #expect("\(locations["absent"])" == "x.yaml")
    #expect(locations.contains("lora.rank") && !locations.contains("absent"))
  }

  @Test func overridesReplaceAndAdd() throws {
    let reader = try ConfigurationReader(
      text: "a: 1\nsection:\n  b: 2\n  c: 3\nempty:\n", name: "x", overrides: ["a=5", "section={b: 6, d: 7}", "empty.e=8", "f.g.h=9"])
    let section = reader.top.section("section")
    #expect(reader.top.integer("a", from: 0, default: 0) == 5)
    #expect(section.integer("b", from: 0, default: 0) == 6)
    #expect(section.integer("c", from: 0, default: 0) == 3)
    #expect(section.integer("d", from: 0, default: 0) == 7)
    #expect(reader.top.section("empty").integer("e", from: 0, default: 0) == 8)
    #expect(reader.top.section("f").section("g").integer("h", from: 0, default: 0) == 9)
    try reader.finish()
  }

  @Test(arguments: [
    ("\u{FEFF}a: 1\n", 1), ("a: 1\r\n", 1), ("---\na: 1\n", 2), ("# note\n\na: 1 # one\n", 3), ("\"a\": 1", 1), ("{a: 1}", 1),
  ])
  func spellingsOfOneKey(_ text: String, _ line: Int) throws {
    let reader = try ConfigurationReader(text: text, name: "x")
    #expect(reader.top.integer("a", from: 0, default: 0) == 1)
    #expect("\(reader.locations["a"])" == "x:\(line)")
  }

  @Test func wordsAreWordsOnlyWithoutQuotes() throws {
    let reader = try ConfigurationReader(text: "a: none\nb: 'none'\nc: ~\nd: null\ne: auto\n", name: "x")
    #expect(reader.top.text("a", expecting: "text", or: "none", default: "default") == nil)
    #expect(reader.top.text("b", expecting: "text", or: "none", default: "default") == "none")
    #expect(reader.top.text("c", expecting: "text", or: "none", default: "default") == nil)
    #expect(reader.top.number("d", .above(0), or: "none", default: 1) == nil)
    #expect(reader.top.integer("e", from: 1, or: "auto", default: 1) == nil)
    try reader.finish()
  }

  @Test func filesThatCannotBeRead() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "puna-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let latin = folder.appending(path: "latin.yaml")
    try Data([0x61, 0x3A, 0x20, 0x31, 0x0A, 0x62, 0x3A, 0x20, 0xE9, 0x0A]).write(to: latin)
    let large = folder.appending(path: "large.yaml")
    try Data(count: 4_000_001).write(to: large)

    for (path, text) in [
      (folder.appending(path: "none.yaml").path, "there is no such file."), (folder.path, "is a folder; expected a YAML file."),
      (large.path, "is larger than 4 MB; expected a YAML file."),
    ] {
      #expect(throws: ConfigurationError([Problem(text, at: .file(path))])) { try ConfigurationReader(path: path) }
    }
    #expect(throws: ConfigurationError([Problem("the text is not UTF-8.", at: .file(latin.path, line: 2))])) {
      try ConfigurationReader(path: latin.path)
    }
  }

  @Test(arguments: [
    "plain/path-1.json", "", "none", "Yes", "0.5", "1_000", "3e-4", "a: b", "a #b", "#a", "-", "- a", "[a]", "{a}", "*a", "&a", "!a", "%a",
    "@a", "`a",
    "'quoted'", "\"double\"", "back\\slash", "tab\tand\nnewline\r", " leading", "trailing ", "模型/羊驼", "🦙", "\u{7F}\u{85}\u{2028}\u{FEFF}",
    "~", ".inf",
    "../up", "a,b", "a]b", "?", "key:", "<<", "=", "0x10", "1:30", "2024-01-01",
  ])
  func textsAreWrittenSoThatTheyReadBack(_ text: String) throws {
    var yaml = YAMLWriter()
    yaml.write("a", .text(text))
    yaml.write("b", .list([.text(text), .section([("c", .text(text))])]))
    let reader = try ConfigurationReader(text: yaml.text, name: "x")
    #expect(reader.top.value("a")?.text == text)
    guard case .list(let items)? = reader.top.value("b")?.content, items.count == 2, case .section(let entries) = items[1].content else {
      Issue.record("not a list: \(yaml.text)")
      return
    }
    #expect(items[0].text == text && entries.first?.value.text == text)
    #expect(items[0].number == nil && items[0].flag == nil && !items[0].isWord("none"))
  }

  @Test(arguments: [0, 1, 0.1, 3e-4, 1e-8, 1e22, .pi, .leastNonzeroMagnitude, Double.greatestFiniteMagnitude, -2.5e-7, 123_456_789.125])
  func numbersAreWrittenSoThatTheyReadBack(_ number: Double) throws {
    var yaml = YAMLWriter()
    yaml.write("a", .number(number))
    #expect(try ConfigurationReader(text: yaml.text, name: "x").top.value("a")?.number == number)
  }
}
