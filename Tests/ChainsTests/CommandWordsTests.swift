import Chains
import Testing

@Suite struct CommandWordsTests {
  @Test(arguments: [
    ("train a.yaml lora.rank=16", ["train", "a.yaml", "lora.rank=16"]),
    ("  a\tb\n c ", ["a", "b", "c"]),
    ("", []),
    ("'a b' \"c d\"", ["a b", "c d"]),
    ("a'b c'd", ["ab cd"]),
    ("'' \"\"", ["", ""]),
    (#"'a\b' "a\b" "a\"b" "a\\b" a\ b \'"#, [#"a\b"#, #"a\b"#, "a\"b", #"a\b"#, "a b", "'"]),
    ("'\"' \"'\"", ["\"", "'"]),
    ("texts/*.txt $HOME #not ;", ["texts/*.txt", "$HOME", "#not", ";"]),
    ("早上 好", ["早上", "好"]),
  ])
  func splits(text: String, words: [String]) throws {
    #expect(try CommandWords.split(text) == words)
    #expect(try CommandWords.split(CommandWords.joined(words)) == words)
  }

  @Test func refuses() {
    #expect(throws: CommandWords.SplitError.openQuote("'")) { try CommandWords.split("a 'b") }
    #expect(throws: CommandWords.SplitError.openQuote("\"")) { try CommandWords.split("a \"b'") }
    #expect(throws: CommandWords.SplitError.nothingAfterBackslash) { try CommandWords.split("a \\") }
  }

  @Test func joins() {
    #expect(CommandWords.joined(["train", "a b", "it's", "", "x=[1]"]) == #"train 'a b' 'it'\''s' '' 'x=[1]'"#)
  }
}
