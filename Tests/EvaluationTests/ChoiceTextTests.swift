import Evaluation
import Foundation
import TestSupport
import Testing

@Suite("Perplexity, WikiText, and how choices are scored")
struct ChoiceTextTests {
  @Test("every text file is one text, every row of JSON another")
  func perplexity() throws {
    let files = try ChoiceCase([
      "a.txt": "One, two.\n\n three", "b.jsonl": "{\"text\": \"x\"}\n{\"page\": \"y z\"}\n", "c/table.csv": "a,b\n1,2\n",
    ])
    let task = try files.open("perplexity")
    #expect(task.samples.map(\.text) == ["One, two.\n\n three", "x", "y z", "a,b\n1,2\n"])
    #expect(task.samples.map(\.id) == [0, 1, 2, 3])
    #expect(task.scorer.metrics.map(\.name) == ["word_perplexity", "byte_perplexity", "bits_per_byte", "token_perplexity"])
    let score = try task.scorer.score(task.samples[0], .text(TextScore(logLikelihood: -8, tokenCount: 5)))
    #expect(
      score.values == [
        "word_perplexity": MetricValue(-8, weight: 3), "byte_perplexity": MetricValue(-8, weight: 17),
        "bits_per_byte": MetricValue(-8, weight: 17), "token_perplexity": MetricValue(-8, weight: 5),
      ])
    #expect(try files.open("perplexity", limit: 2).samples.count == 2)
    #expect(files.refusal("perplexity", fewShot: 1) == "perplexity: has no worked examples: leave out --few-shot and --shots.")
    #expect(
      try ChoiceCase(["a.jsonl": "{\"b\": 1}"]).refusal("perplexity")
        == "DATA/a.jsonl: line 1: there is no 'text' or 'page'. The row has 'b'.")
  }

  @Test("what cannot be read is named and left out")
  func unreadable() throws {
    let files = try ChoiceCase(["a.parquet": "PAR1", "b.txt": "text"])
    let task = try files.open("perplexity")
    #expect(task.samples.map(\.text) == ["text"])
    #expect(
      task.notes.map { $0.replacing(files.folder.path, with: "DATA") } == [
        "DATA/a.parquet is left out: Parquet, which is not read: export the rows as JSON lines."
      ])
    #expect(try ChoiceCase(["b.txt": ""]).refusal("perplexity") == "perplexity: DATA holds no text.")
  }

  @Test("WikiText's pages begin at headings of the first level, and are put together again as lm-evaluation-harness does")
  func wikiText() throws {
    let text =
      " \n = One = \n \n He said \" a , b \" ( or 1 @,@ 000 ) ; it 's 5 @.@ 2 . \n = = Part = = \n"
      + " The boys ' cup [ x ] { y } : no !\n = Two = \n \n N /' 5/ end ' q '\n"
    let task = try ChoiceCase(["wiki.test.raw": text]).open("wikitext")
    #expect(
      task.samples.map(\.text) == [
        " = One =\n\nHe said \"a, b\" (or 1,000); it's 5.2.\n== Part ==\nThe boys' cup [x] {y}: no !", " = Two =\n\nN /'[0-9]/ end' q '\n",
      ])
    // Counted in the file.
    let score = try task.scorer.score(task.samples[1], .text(TextScore(logLikelihood: -1, tokenCount: 1)))
    #expect(score.values["word_perplexity"] == MetricValue(-1, weight: 12))
    #expect(score.values["byte_perplexity"] == MetricValue(-1, weight: 31))
  }

  // MARK: - Scorers

  @Test("ties go to the first choice, and lengths are counted in code points")
  func choices() throws {
    func sample(_ choices: [String], _ answer: Int) -> Sample {
      Sample(id: 0, request: .continuations(choices.map { Continuation(context: "q", text: " " + $0) }), target: .choice(answer))
    }
    func score(_ choices: [String], _ answer: Int, _ likelihoods: [Double]) throws -> SampleScore {
      try ChoiceScorer(isNormalized: true).score(
        sample(choices, answer),
        .continuations(likelihoods.map { ContinuationScore(logLikelihood: $0, isGreedy: false, tokenCount: 1) }))
    }
    let long = try score(["ab", "abcdef"], 1, [-4, -6])
    #expect(long.values == ["acc": MetricValue(0), "acc_norm": MetricValue(1)])
    #expect(long.prediction == .choice(0))
    #expect(long.isCorrect == false)
    #expect(try score(["ab", "cd"], 1, [-4, -4]).values == ["acc": MetricValue(0), "acc_norm": MetricValue(0)])
    // One character of two code points, and one of one.
    #expect(try score(["e\u{301}", "e"], 0, [-2, -1.5]).values["acc_norm"] == MetricValue(1))
  }

  @Test(
    "texts are read as Python reads them",
    arguments: [
      (" \u{3000}a b\u{1C}\r\n", "a b", " \u{3000}a b\u{1C}\r\n", 4), ("ÉCOLE Normale", "ÉCOLE Normale", "École normale", 2),
      ("", "", "", 1),
      ("ǆ x\r\ny", "ǆ x\r\ny", "ǅ x\r\ny", 3), ("\u{200B}z", "\u{200B}z", "\u{200B}z", 1),
    ])
  func python(text: String, stripped: String, capitalized: String, wordCount: Int) {
    #expect(text.pythonStripped == stripped)
    #expect(text.pythonCapitalized == capitalized)
    #expect(text.pythonWordCount == wordCount)
  }

  @Test("replacing goes by code points, from left to right")
  func replacing() {
    #expect("a\r\nb \n".replacingText("\n", with: "|") == "a\r|b |")
    #expect("aaaa".replacingText("aa", with: "ab") == "abab")
    #expect("e\u{301}".replacingText("e", with: "o") == "o\u{301}")
  }

  // MARK: - Real files

  @Test("all that is shared is found in one folder", .enabled(if: SharedFiles.exist))
  func shared() throws {
    func open(_ name: String, fewShot: Int = 0) throws -> EvaluationTask {
      try TaskLibrary.open(name, TaskOptions(data: SharedFiles.file("data/evaluation"), fewShot: fewShot))
    }
    let counts = [
      "mmlu": 14042, "cmmlu": 11582, "arc_challenge": 1172, "hellaswag": 10042, "truthfulqa_mc": 817, "crows_pairs": 1508,
      "winogender": 720,
    ]
    for (name, count) in counts { #expect(try open(name).samples.count == count, "\(name)") }
    #expect(Set(try open("mmlu", fewShot: 5).samples.compactMap(\.subject)).count == 57)
    #expect(Set(try open("cmmlu", fewShot: 5).samples.compactMap(\.subject)).count == 67)
    let pages = try TaskLibrary.open("wikitext", TaskOptions(data: SharedFiles.file("data/text/wikitext2_test.txt")))
    #expect(pages.samples.count == 62)
  }
}
