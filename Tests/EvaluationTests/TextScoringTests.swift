import Evaluation
import Testing

// Expected results are those of lm-evaluation-harness 0.4.13, of SQuAD's evaluation, of rouge_score 0.1.2 and of HumanEval's estimator.

@Suite("Scoring of texts")
struct TextScoringTests {
  @Test(
    "numbers are taken out of solutions as the harness's filters take them",
    arguments: [
      ("She has 16 - 3 = 13.\n#### 13", "13", "13"),
      ("#### 1,234.50 dollars", "1,234.50", "1,234.50"),
      ("#### -5", "-5", "-5"),
      ("#### $18", "[invalid]", "$18"),
      ("####18", "[invalid]", "18"),
      ("no number", "[invalid]", "[invalid]"),
      ("#### 7\n\nQuestion: next\n#### 9", "7", "9"),
      ("#### - 4 then #### 6", "6", "6"),
      ("#### ,.", ",.", ",."),
      ("The answer is 42.", "[invalid]", "42."),
      ("costs $1,000.", "[invalid]", "$1,000."),
      ("-", "[invalid]", "[invalid]"),
      ("--3", "[invalid]", "-3"),
      ("a-7b", "[invalid]", "-7"),
      ("1.2.3", "[invalid]", "1.2.3"),
      ("5", "[invalid]", "5"),
      ("$5", "[invalid]", "$5"),
      ("$", "[invalid]", "[invalid]"),
      ("...", "[invalid]", "..."),
      ("٣ and ²", "[invalid]", "[invalid]"),
      ("x #### \u{A0}5", "[invalid]", "5"),
      ("", "[invalid]", "[invalid]"),
      ("12-13", "[invalid]", "-13"),
      ("3 apples, 4 pears", "[invalid]", "4"),
    ] as [(String, String, String)])
  func numbers(text: String, strict: String, flexible: String) {
    #expect(NumberAnswer.strict(text) == strict)
    #expect(NumberAnswer.flexible(text) == flexible)
  }

  enum Task {
    case gsm8k, nq, trivia

    var match: ExactMatch {
      switch self {
      case .gsm8k:
        ExactMatch(ignoring: [.scalar(","), .scalar("$"), .through("#### "), .finalPeriod], ignoresCase: true, ignoresPunctuation: false)
      case .nq: ExactMatch(ignoring: [.articles], ignoresCase: true, ignoresPunctuation: true)
      case .trivia: ExactMatch(ignoresCase: true, ignoresPunctuation: true)
      }
    }
  }

  @Test(
    "answers match exactly where the harness says so",
    arguments: [
      (.gsm8k, "18", ["He pays 3*6=18.\n#### 18"], true),
      (.gsm8k, "18.", ["x #### 18"], true),
      (.gsm8k, "$1,018", ["#### 1018"], true),
      (.gsm8k, "18.0", ["#### 18"], false),
      (.gsm8k, "[invalid]", ["#### 18"], false),
      (.gsm8k, "18.\n", ["#### 18\n"], true),
      (.gsm8k, "5", ["#### 3 #### 5"], true),
      (.nq, "The Impalas", ["Impalas", "x"], true),
      (.nq, "the  Impalas", ["Impalas"], false),
      (.nq, "Bring the a cat", ["bring cat"], true),
      (.nq, "THE IMPALAS", ["Impalas"], false),
      (.nq, "a", ["a "], false),
      (.nq, "theatre", ["atre"], false),
      (.nq, "O'Neil!", ["oneil"], true),
      (.nq, "14 December 1972 utc", ["14 December 1972 UTC", "December 1972"], true),
      (.nq, "lathe end", ["laend"], false),
      (.nq, "e\u{301}the x", ["e\u{301}x"], true),
      (.nq, "“Paris”", ["Paris"], false),
      (.trivia, "the beatles", ["Beatles", "THE BEATLES"], true),
      (.trivia, "Sinclair  Lewis", ["Sinclair Lewis"], false),
      (.trivia, "ΟΔΥΣΣΕΥΣ", ["οδυσσευς"], true),
      (.trivia, "İzmir", ["i\u{307}zmir"], false),
      (.trivia, "İzmir", ["i\u{307}zmi"], true),
      (.trivia, "é", ["e\u{301}"], false),
      (.trivia, "", ["!"], true),
    ] as [(Task, String, [String], Bool)])
  func exactMatch(task: Task, answer: String, references: [String], expected: Bool) {
    #expect(task.match.matches(answer, anyOf: references) == expected)
  }

  @Test("zeros at an answer's end are not seen, as in NumPy's arrays")
  func finalZeros() {
    let match = Task.gsm8k.match
    #expect(match.matches("18\0\0", anyOf: ["18"]))
    #expect(match.matches("18.\0", anyOf: ["18"]))
    #expect(!match.matches("1\u{0}8", anyOf: ["18"]))
    #expect(match.matches("\0", anyOf: [""]))
  }

  @Test(
    "F1 and ROUGE-L count words as their programs do",
    arguments: [
      ("The cat sat on the mat.", "A cat sat on a mat", 1.0, 0.6666666666666666),
      ("cat", "dog", 0.0, 0.0),
      ("on the mat the cat sat", "the cat sat on the mat", 1.0, 0.5),
      ("", "the", 1.0, 0),
      ("", "x", 0.0, 0),
      ("to be or not to be", "to be", 0.5, 0.5),
      ("It chirps.", "It chirps!", 1.0, 1.0),
      ("state-of-the-art", "state of the art", 0.0, 1.0),
      ("café au lait", "Café, au lait?", 1.0, 1.0),
      ("one two three four", "one three four five six", 0.6666666666666665, 0.6666666666666665),
    ] as [(String, String, Double, Double)])
  func overlap(answer: String, reference: String, f1: Double, rougeL: Double) {
    #expect(abs(TextOverlap.f1(answer, reference) - f1) < 1e-15)
    #expect(abs(TextOverlap.rougeL(answer, reference) - rougeL) < 1e-15)
  }

  @Test("Chinese, Japanese and Korean characters are words of their own")
  func characters() {
    #expect(TextOverlap.f1("北京", "北京市") == 0.8)
    #expect(TextOverlap.rougeL("北京", "北京市") == 0.8)
    #expect(TextOverlap.f1("北京2008年", "2008年 北京") == 1)
    #expect(TextOverlap.rougeL("用Swift写", "用 swift 写。") == 1)
    #expect(TextOverlap.rougeL("かな", "한글") == 0)
    #expect(TextOverlap.hasCharactersAsWords("a 山") && !TextOverlap.hasCharactersAsWords("Ελλάς, Москва!"))
  }

  @Test("the majority is the answer given most often, of several the first, in code points")
  func majority() {
    #expect(NumberAnswer.majority(["1", "2", "2"]) == "2")
    #expect(NumberAnswer.majority(["3", "1", "1", "3", "2"]) == "3")
    #expect(NumberAnswer.majority(["[invalid]", "[invalid]", "7"]) == "[invalid]")
    #expect(NumberAnswer.majority([]) == nil)
    let votes = NumberAnswer.majority(["\u{E9}", "e\u{301}", "e\u{301}"])
    #expect(votes.map { Array($0.unicodeScalars) } == ["e", "\u{301}"])
  }

  @Test(
    "pass@k is estimated without bias",
    arguments: [
      (1, 0, 1, 0.0),
      (1, 1, 1, 1.0),
      (10, 3, 1, 0.30000000000000004),
      (10, 3, 10, 1.0),
      (20, 5, 10, 0.9837461300309598),
      (200, 13, 100, 0.9999194971988055),
      (200, 1, 100, 0.5),
      (5, 5, 3, 1.0),
      (7, 2, 5, 0.9523809523809524),
    ] as [(Int, Int, Int, Double)])
  func passAtK(programs: Int, passing: Int, k: Int, expected: Double) {
    #expect(abs(PassAtK.estimate(programs: programs, passing: passing, k: k) - expected) < 1e-12)
  }

  @Test(
    "pass@k is told for 1, 10 and 100 where there are so many programs, and for all",
    arguments: [
      (1, [1]), (5, [1, 5]), (10, [1, 10]), (64, [1, 10, 64]), (200, [1, 10, 100, 200]),
    ] as [(Int, [Int])])
  func passCounts(programs: Int, expected: [Int]) { #expect(PassAtK.counts(programs: programs) == expected) }

  @Test("a sigma that ends a word becomes another letter than one within, and marks between do not count")
  func finalSigma() {
    func lowered(_ text: String) -> String { Array(text.unicodeScalars).pythonLowercased.map(String.init).joined() }
    #expect(lowered("ΟΔΟΣ ΣΑΣ") == "οδος σας")
    #expect(lowered("Σ") == "σ")
    #expect(lowered("ΑΣ.Α") == "ασ.α")
    #expect(lowered("ΑΣ\u{301}") == "ας\u{301}")
    #expect(lowered("ΑΣ\u{301}Β") == "ασ\u{301}β")
  }
}
