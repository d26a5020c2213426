import Configuration
import Testing

@Suite struct ScalarTests {
  @Test(arguments: [
    ("8", 8), ("+8", 8), ("-8", -8), ("0", 0), ("1_000_000", 1_000_000), ("08", nil), ("1e3", nil), ("8.0", nil), ("", nil), ("_1", nil),
    ("1__0", nil), ("0x10", nil), ("1:30", nil), ("٣", nil), ("99999999999999999999", nil),
  ])
  func wholeNumbers(_ text: String, _ number: Int?) { #expect(plain(text).integer() == number) }

  @Test(arguments: [
    ("3e-4", 3e-4), ("3.0e-4", 3e-4), (".5", 0.5), ("5.", 5), ("5.e2", 500), ("-1.5E+3", -1500), ("1_000.25", 1000.25), ("0.1", 0.1),
    (".", nil), ("e5", nil), ("3e", nil), ("0x1p3", nil), (".inf", nil), (".nan", nil), ("inf", nil), ("1e999", nil), ("1 ", nil),
    ("00.5", nil),
  ])
  func decimalNumbers(_ text: String, _ number: Double?) { #expect(plain(text).number == number) }

  @Test func quotedTextIsNeverANumberOrAFlag() {
    let value = ConfigurationValue(content: .scalar(.init(text: "8", isPlain: false)), location: .file("x"))
    #expect(value.integer(as: Int.self) == nil && value.number == nil && value.flag == nil && value.text == "8")
    let none = ConfigurationValue(content: .scalar(.init(text: "none", isPlain: false)), location: .file("x"))
    #expect(!none.isWord("none"))
  }

  @Test(arguments: [
    ("16GB", 16_000_000_000), ("16 GiB", 17_179_869_184), ("1.5gb", 1_500_000_000), ("800MB", 800_000_000), ("5000000", 5_000_000),
    ("4096B", 4096), ("2TiB", 2_199_023_255_552), ("16G", nil), ("GB", nil), ("-1GB", nil), ("80%", nil), ("1e30TB", nil), ("", nil),
  ])
  func byteCounts(_ text: String, _ count: Int?) { #expect(ByteCount.parse(text) == count) }

  @Test(arguments: [
    ("rnak", "rank", 1), ("rank", "rank", 0), ("", "abc", 3), ("learning_rat", "learning_rate", 1), ("dropuot", "dropout", 1),
    ("alpha", "beta", 4),
  ])
  func editDistances(_ first: String, _ second: String, _ distance: Int) {
    #expect(Suggestion.editDistance(first, second) == distance)
    #expect(Suggestion.editDistance(second, first) == distance)
  }

  @Test func suggestionsNeedALikeness() {
    #expect(Suggestion.nearest(to: "rnak", among: ["alpha", "rank"]) == "rank")
    #expect(Suggestion.nearest(to: "ab", among: ["xy", "rank"]) == nil)
    #expect(Suggestion.sentence(for: "quux", among: ["rank"]) == "")
  }

  @Test func rangesNameThemselves() {
    #expect("\(NumberRange.any)" == "a number")
    #expect("\(NumberRange.above(0))" == "a number above 0")
    #expect("\(NumberRange.from(0).below(1))" == "a number from 0 to below 1")
    #expect("\(NumberRange.above(0).upTo(1.5))" == "a number above 0 to 1.5")
  }

  private func plain(_ text: String) -> ConfigurationValue {
    ConfigurationValue(content: .scalar(.init(text: text, isPlain: true)), location: .file("x"))
  }
}
