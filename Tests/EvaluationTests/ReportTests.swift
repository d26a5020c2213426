import Checkpoints
import Evaluation
import Foundation
import JSON
import TestSupport
import Testing

@Suite("The report for a person")
struct ReportTests {
  /// A question with two choices; each model's accuracy by sample.
  private static func page(
    _ models: [(name: String, right: [Double])], request: SampleRequest = Samples.question, subjects: [String?]? = nil,
    categories: [String: String] = [:], limit: Int = 50, byteLimit: Int = 4_000_000, facts: [EvaluationFact] = []
  ) throws -> PageText {
    let count = models.first?.right.count ?? 0
    let task = Samples.task("piqa", subjects: subjects ?? Array(repeating: nil, count: count), request: request, categories: categories)
    let response = SampleResponse.continuations([
      ContinuationScore(logLikelihood: -1.5, isGreedy: true, tokenCount: 1),
      ContinuationScore(logLikelihood: -7.25, isGreedy: false, tokenCount: 1),
    ])
    let answers = models.map { model in
      Samples.model(model.name, [Samples.records(task, model.right.map { MetricValue($0) }, response: response)])
    }
    let result = EvaluationResult(tasks: [task], models: answers, facts: facts)
    return try PageText(EvaluationReport(result, answers: answers, samplesPerTask: limit, byteLimit: byteLimit).html)
  }

  /// One task of any kind, answered by models.
  private static func page(_ request: SampleRequest, _ target: SampleTarget, _ responses: [(SampleResponse, SampleScore)]) throws
    -> PageText
  {
    let task = Samples.task("own", metrics: [Metric("f1")], subjects: [nil], request: request, target: target)
    let answers = responses.enumerated().map { index, response in
      Samples.model("m\(index)", [[SampleRecord(sample: task.samples[0], response: response.0, score: response.1)]])
    }
    let result = EvaluationResult(tasks: [task], models: answers)
    return try PageText(EvaluationReport(result, answers: answers).html)
  }

  private func articles(_ page: PageText) -> [String] { page.elements.compactMap { $0.attributes["data-marks"] } }

  @Test("the page is well-formed and says what was compared, the scores, the difference and the test")
  func whole() throws {
    let page = try ReportTests.page([("base", [1, 0, 0, 0, 0, 0, 0]), ("alpaca", [1, 1, 1, 1, 1, 1, 1])])
    for words in [
      "alpaca beside base", "14.29 ± 14.29 %", "100.00 ± 0.00 %", "+85.71 ± 14.29", "p 0.0313", "6 right here alone, 0 there",
      "All 7 samples",
      "Q: 1+1?\nA:", "-1.50", "-7.25", "✓ right", "✗ wrong", "0-shot", "version 1",
    ] {
      #expect(page.text.contains(words), "\(words)")
    }
    #expect(page.elements.contains { $0.attributes["aria-label"] == "14.29 %, between 0.00 and 42.29" })
    // Guessing among two choices.
    #expect(page.elements.contains { $0.attributes["class"] == "guess" && $0.attributes["x1"] == "100.0" })
  }

  @Test("it asks nothing of a network and lets no script run but its own")
  func closed() throws {
    let page = try ReportTests.page([("base", [1, 0])])
    let policy = try #require(page.elements.first { $0.attributes["http-equiv"] == "Content-Security-Policy" }?.attributes["content"])
    var digest = SHA256()
    digest.update(page.script)
    let digits = Array(digest.hexDigest())
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
    #expect(policy.hasPrefix("default-src 'none'; "))
    #expect(policy.contains("script-src 'sha256-\(Data(bytes).base64EncodedString())'"))
    #expect(page.elements.allSatisfy { $0.attributes["src"] == nil && !["link", "img", "iframe", "object"].contains($0.name) })
    #expect(page.elements.allSatisfy { $0.attributes["href"]?.hasPrefix("#") ?? true })
    #expect(page.elements.allSatisfy { !$0.attributes.keys.contains { $0.hasPrefix("on") || $0 == "style" } })
  }

  static let hostile =
    "</script></style><script>alert('1')</script>&amp;\"' \u{202E}evil\u{2066}\u{0}\u{1B}[31m\u{7F}\r\n\u{200B}\u{E0041}\u{FFFE}"

  @Test("texts of models and files are only ever text, whatever they hold", arguments: 0..<4)
  func escapes(place: Int) throws {
    let text = ReportTests.hostile
    let page =
      switch place {
      case 0:
        try ReportTests.page(
          [(text, [1, 0]), ("other" + text, [1, 1])],
          request: .continuations([Continuation(context: text, text: text), Continuation(context: text, text: text)]),
          subjects: [text, text],
          categories: [text: text], facts: [EvaluationFact(text, .string(text))])
      case 1:
        try ReportTests.page(
          .generation(GenerationRequest(prompt: .instruction(text, input: text), stops: [], maximumTokens: 1)), .texts([text, text]),
          [(.answers([text, text]), SampleScore(values: ["f1": MetricValue(0.5)], prediction: .text(text), isCorrect: false))])
      case 2:
        try ReportTests.page(.text(text), .none, [(.text(TextScore(logLikelihood: -1, tokenCount: 0)), SampleScore(values: [:]))])
      default:
        try ReportTests.page(
          .generation(GenerationRequest(prompt: .raw(text), stops: [], maximumTokens: 1)), .program(before: text, after: text),
          [(.answers([text]), SampleScore(values: [:]))])
      }
    #expect(page.elements.count { $0.name == "script" } == 1)
    #expect(
      page.text.contains("</script></style><script>alert('1')</script>&amp;\"' [U+202E]evil[U+2066][U+0000][U+001B][31m[U+007F][U+000D]"))
    for scalar in ["\u{202E}", "\u{2066}", "\u{0}", "\u{1B}", "\u{7F}", "\r", "\u{200B}", "\u{E0041}", "\u{FFFE}"] as [Unicode.Scalar] {
      #expect(!page.text.unicodeScalars.contains(scalar))
      #expect(!page.elements.contains { $0.attributes.values.contains { $0.unicodeScalars.contains(scalar) } })
    }
  }

  @Test("what models disagree about comes first, and the page says how many of how many are there")
  func order() throws {
    let base: [Double] = [1, 0, 1, 0, 1, 0]
    let page = try ReportTests.page([("base", base), ("alpaca", [1, 0, 1, 1, 0, 0])], limit: 3)
    #expect(articles(page) == ["01", "10", "11"])
    #expect(page.text.contains("3 of 6 samples, those that the models differ most in first."))
    #expect(page.text.contains("Sample 3") && page.text.contains("Sample 4") && page.text.contains("Sample 0"))
    let alone = try ReportTests.page([("base", base)], limit: 2)
    #expect(articles(alone) == ["1", "0"])
    #expect(alone.text.contains("2 of 6 samples."))
  }

  @Test("the size is bounded, and so is each text")
  func bounds() throws {
    let request = SampleRequest.continuations([
      Continuation(context: String(repeating: "shot\n", count: 20_000) + "Question?", text: " a"),
      Continuation(context: String(repeating: "shot\n", count: 20_000) + "Question?", text: String(repeating: "b", count: 100_000)),
    ])
    let page = try ReportTests.page([("base", Array(repeating: 1, count: 500))], request: request, byteLimit: 100_000)
    #expect(page.text.utf8.count < 150_000)
    #expect((2..<50).contains(articles(page).count))
    #expect(page.text.contains("\(articles(page).count) of 500 samples."))
    #expect(page.text.contains("characters before"))
    #expect(page.text.contains("[... 98,800 characters are not shown here ...]"))
    // One sample is shown however large.
    #expect(articles(try ReportTests.page([("base", [1, 1])], request: request, byteLimit: 1)).count == 1)
  }

  @Test("a long prompt is folded up to the question; nothing of it is lost", arguments: [0, 200])
  func fold(examples: Int) throws {
    let context = (0..<200).map { "Example \($0)\(examples > 0 ? "\n\n" : "\n")" }.joined() + "This is the question, is it?\nAnswer:"
    let continuations = [Continuation(context: context, text: " a"), Continuation(context: context, text: " b")]
    let task = Samples.task("piqa", subjects: [nil], request: .continuations(continuations), fewShot: examples)
    let scores = [ContinuationScore(logLikelihood: -1, isGreedy: true, tokenCount: 1)]
    let answers = [Samples.model("base", [Samples.records(task, [MetricValue(1)], response: .continuations(scores + scores))])]
    let html = EvaluationReport(EvaluationResult(tasks: [task], models: answers), answers: answers).html
    let page = try PageText(html)
    for index in 0..<200 { #expect(page.text.contains("Example \(index)\n")) }
    #expect(page.elements.contains { $0.attributes["class"] == "before" })
    if examples > 0 { #expect(html.contains("dir=\"auto\">This is the question, is it?\nAnswer:</pre>")) }
  }

  @Test("subjects and categories are there, folded")
  func parts() throws {
    let page = try ReportTests.page(
      [("base", [1, 0, 1]), ("alpaca", [1, 1, 1])], subjects: ["algebra", "algebra", "botany"],
      categories: ["algebra": "STEM", "botany": "STEM"])
    for words in ["2 subjects in 1 category", "algebra", "botany", "STEM", "mean of subjects", "75.00"] {
      #expect(page.text.contains(words), "\(words)")
    }
  }

  @Test("answers stand beside the reference with what was taken from them and their scores")
  func answers() throws {
    let request = SampleRequest.generation(
      GenerationRequest(prompt: .instruction("Add.", input: "1 1"), stops: [], maximumTokens: 1, answerCount: 6, temperature: 1))
    let page = try ReportTests.page(
      request, .texts(["two", "2"]),
      [
        (.answers(["it is 2"]), SampleScore(values: ["f1": MetricValue(0.4567)], prediction: .text("2"), isCorrect: true)),
        (.answers(["a", "b", "c", "d", "e", ""]), SampleScore(values: ["f1": MetricValue(0)], isCorrect: false)),
      ])
    for words in ["Add.\n\n1 1", "accepted", "two\n2", "it is 2", "taken from it: 2", "f1 0.457", "2 further answers are not shown here"] {
      #expect(page.text.contains(words), "\(words)")
    }
  }

  @Test("facts, notes and cut contexts stand at the end")
  func facts() throws {
    let task = Samples.task("piqa", subjects: [nil, nil], notes: ["Shots come from dev."])
    let response = SampleResponse.continuations(
      (0..<2).map { _ in ContinuationScore(logLikelihood: -1, isGreedy: false, tokenCount: 1, cutCount: 4) })
    let answers = [
      Samples.model(
        "base", [Samples.records(task, [MetricValue(1), MetricValue(0)], response: response)],
        facts: [EvaluationFact("fingerprint", .string("ab12"))])
    ]
    let result = EvaluationResult(
      tasks: [task], models: answers, facts: [EvaluationFact("instruction_set", .string("avx2")), EvaluationFact("limit", .null)])
    let page = try PageText(EvaluationReport(result, answers: answers).html)
    for words in [
      "instruction set", "avx2", "limit", "none", "fingerprint", "ab12", "Shots come from dev.", "the context of 2 samples was longer",
    ] {
      #expect(page.text.contains(words), "\(words)")
    }
  }

  @Test("no task, no sample, no figure, many models: still a page", arguments: [0, 1, 2, 30])
  func extremes(modelCount: Int) throws {
    let empty = Samples.task("empty", subjects: [])
    let uncounted = Samples.task("uncounted", subjects: [nil])
    let answers = (0..<modelCount).map {
      Samples.model("model \($0)", [[], Samples.records(uncounted, [nil])])
    }
    let result = EvaluationResult(tasks: [empty, uncounted], models: answers)
    let page = try PageText(EvaluationReport(result, answers: answers).html)
    #expect(page.elements.first?.name == "html")
    #expect(try PageText(EvaluationReport(EvaluationResult(tasks: [], models: []), answers: []).html).text.contains("No task was asked."))
    #expect(!result.table().isEmpty)
  }
}
