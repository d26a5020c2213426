import Evaluation
import TestSupport
import Testing

@Suite("Tasks of generated text")
struct TextTaskTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ name: String, _ options: TaskOptions = TaskOptions()) throws -> EvaluationTask {
    var options = options
    if options.data == nil { options.data = folder.path }
    return try TaskLibrary.open(name, options)
  }

  // MARK: - NQ-Open and TriviaQA

  private static let moon =
    #"{"question": "when was the last time anyone was on the moon", "answer": ["14 December 1972 UTC", "December 1972"]}"#
  private static let song = #"{"question": "who sang i ran all the way home", "answer": ["The Impalas"]}"#
  private static let train = """
    {"question": "q0", "answer": ["a0", "b0"]}
    {"question": "q1", "answer": ["a1"]}
    {"question": "q2", "answer": ["a2"]}
    """

  @Test("NQ-Open is asked as the harness asks it, and ends at a line, a full stop or a comma")
  func naturalQuestions() throws {
    try folder.write(Self.moon + "\n" + Self.song + "\n", to: "NQ-open.dev.jsonl")
    let task = try open("nq_open")
    #expect(task.name == "nq_open" && task.version == 4 && task.fewShot == 0 && task.notes.isEmpty)
    #expect(task.samples.map(\.id) == [0, 1])
    #expect(
      task.samples[0].request
        == generation("Answer these questions:\n\nQ: when was the last time anyone was on the moon?\nA:", stops: ["\n", ".", ","]))
    #expect(task.samples[0].target == .texts(["14 December 1972 UTC", "December 1972"]))
    #expect(try open("nq_open", TaskOptions(limit: 1)).samples.count == 1)
  }

  // lm_eval draws one row more than it needs: Random(1234).sample(range(3), 2) is [1, 0], then [0, 2].
  @Test("worked examples are drawn from the training file, with their first answer, anew for each question")
  func naturalQuestionShots() throws {
    try folder.write(Self.moon + "\n" + Self.song + "\n", to: "NQ-open.dev.jsonl")
    try folder.write(Self.train, to: "NQ-open.train.jsonl")
    let task = try open("nq_open", TaskOptions(fewShot: 1))
    #expect(task.fewShot == 1)
    #expect(
      task.samples.map(prompt) == [
        "Answer these questions:\n\nQ: q1?\nA: a1\nQ: when was the last time anyone was on the moon?\nA:",
        "Answer these questions:\n\nQ: q0?\nA: a0\nQ: who sang i ran all the way home?\nA:",
      ])
  }

  @Test("TriviaQA is read as it is published and as the hub has it, and asked with a second question mark")
  func trivia() throws {
    let published = """
      {"Data": [{"Answer": {"Aliases": ["Park Grove (1895)", "York"], "Value": "York"}, "Question": "Where in England was Dame Judi born?", "QuestionId": "tc_3"}], "Version": 1.0}
      """
    let hub =
      #"{"question": "Where in England was Dame Judi born?", "question_id": "tc_3", "answer": {"aliases": ["Park Grove (1895)", "York"], "value": "York"}}"#
    for (text, name) in [(published, "wikipedia-dev.json"), (hub, "validation.jsonl")] {
      let path = try folder.write(text, to: "\(name).d/\(name)")
      let task = try open("triviaqa", TaskOptions(data: path))
      #expect(task.version == 3)
      #expect(
        task.samples.map(\.request)
          == [generation("Question: Where in England was Dame Judi born??\nAnswer:", stops: ["\n", ".", ","])])
      #expect(task.samples[0].target == .texts(["Park Grove (1895)", "York"]))
    }
    let unanswered = try folder.write(#"{"Data": [{"Question": "Where?", "QuestionId": "tc_4"}]}"#, to: "test.json")
    #expect(
      throws: EvaluationError.file(
        path: unanswered, place: "row 1",
        reason: "there is no 'Answer': the answers of the test questions are not published. Score the dev file.")
    ) { try open("triviaqa", TaskOptions(data: unanswered)) }
  }

  @Test("an open answer is stripped and compared as the harness does")
  func openAnswers() throws {
    try folder.write(Self.song, to: "dev.jsonl")
    let task = try open("nq_open")
    let right = try task.scorer.score(task.samples[0], .answers([" Impalas "]))
    #expect(right == SampleScore(values: ["exact_match": MetricValue(1)], prediction: .text("Impalas"), isCorrect: true))
    let wrong = try task.scorer.score(task.samples[0], .answers(["the Impala"]))
    #expect(wrong == SampleScore(values: ["exact_match": MetricValue(0)], prediction: .text("the Impala"), isCorrect: false))
  }

  // MARK: - GSM8K

  private func problem(_ number: Int) -> String { #"{"question": "Q\#(number)?", "answer": "It is \#(number).\n#### \#(number)"}"# }

  private func problems(_ numbers: ClosedRange<Int>) -> String { numbers.map(problem).joined(separator: "\n") }

  // Random(1234).sample(range(7), 5), twice.
  @Test("GSM8K is asked with five solutions drawn from its training file")
  func gradeSchoolMath() throws {
    try folder.write(problems(1...2), to: "test.jsonl")
    try folder.write(problems(10...16), to: "train.jsonl")
    try folder.write(problems(1...2), to: "test_socratic.jsonl")
    let task = try open("gsm8k")
    #expect(task.version == 3 && task.fewShot == 5)
    #expect(task.scorer.metrics.map(\.name) == ["exact_match_strict", "exact_match_flexible"])
    func asked(_ number: Int, _ shots: [Int]) -> String {
      shots.map { "Question: Q\($0 + 10)?\nAnswer: It is \($0 + 10).\n#### \($0 + 10)\n\n" }.joined() + "Question: Q\(number)?\nAnswer:"
    }
    #expect(task.samples[0].request == generation(asked(1, [6, 3, 0, 4, 5]), stops: ["Question:", "</s>", "<|im_end|>"]))
    #expect(prompt(task.samples[1]) == asked(2, [6, 4, 0, 5, 3]))
    #expect(task.samples[0].target == .texts(["It is 1.\n#### 1"]))
    #expect(try open("gsm8k", TaskOptions(fewShot: 0)).samples.map(prompt) == ["Question: Q1?\nAnswer:", "Question: Q2?\nAnswer:"])
  }

  // Random(1234).sample(range(6), 2), the second time.
  @Test("worked examples of --shots are drawn as those of a training file are")
  func shotsFile() throws {
    let test = try folder.write(problems(1...2), to: "test.jsonl")
    let shots = try folder.write(problems(20...25), to: "shots/mine.jsonl")
    let task = try open("gsm8k", TaskOptions(data: test, fewShot: 2, shots: shots))
    #expect(
      prompt(task.samples[1])
        == "Question: Q20?\nAnswer: It is 20.\n#### 20\n\nQuestion: Q25?\nAnswer: It is 25.\n#### 25\n\nQuestion: Q2?\nAnswer:")
  }

  @Test("worked examples are never the scored rows")
  func scoredShots() throws {
    let test = try folder.write(problems(1...4), to: "test.jsonl")
    #expect(
      throws: EvaluationError.file(
        path: test, place: nil, reason: "its rows are scored; worked examples of gsm8k must come from another file.")
    ) { try open("gsm8k", TaskOptions(data: test, fewShot: 1, shots: test)) }
    let shots = try folder.write(problem(9) + "\n" + problem(3), to: "shots.jsonl")
    #expect(
      throws: EvaluationError.file(
        path: shots, place: "row 2", reason: "the same row is scored, in \(test). Worked examples must be other rows.")
    ) { try open("gsm8k", TaskOptions(data: test, fewShot: 2, shots: shots)) }
  }

  @Test("without a training file GSM8K says what to do")
  func noShots() throws {
    let test = try folder.write(problems(1...2), to: "gsm8k_test.jsonl")
    let error = EvaluationError.task(
      name: "gsm8k",
      reason: "asks with 5 worked examples, and beside \(test) there is no training file to take them from. "
        + "Name a file of them with --shots, or ask without: --few-shot 0.")
    #expect(throws: error) { try open("gsm8k") }
    #expect(throws: error) { try open("gsm8k", TaskOptions(data: test)) }
  }

  @Test("a solution is judged strictly and flexibly, several also by their majority")
  func votes() throws {
    try folder.write(problem(18), to: "test.jsonl")
    let one = try open("gsm8k", TaskOptions(fewShot: 0))
    let score = try one.scorer.score(one.samples[0], .answers(["so it is $18."]))
    #expect(score.values == ["exact_match_strict": MetricValue(0), "exact_match_flexible": MetricValue(1)])
    #expect(score.prediction == .text("[invalid]") && score.isCorrect == false)

    let several = try open("gsm8k", TaskOptions(fewShot: 0, answers: 10, temperature: 0.2))
    guard case .generation(let request) = several.samples[0].request else {
      Issue.record("no text is asked for")
      return
    }
    #expect(request.answerCount == 10 && request.temperature == 0.2)
    #expect(
      several.scorer.metrics.map(\.name)
        == ["exact_match_strict", "exact_match_flexible", "maj@8_strict", "maj@8_flexible", "maj@10_strict", "maj@10_flexible"])
    let answers = ["#### 7", "#### 18", "#### 18", "#### 7", "1", "2", "3", "#### 18", "#### 7", "#### 7"]
    let values = try several.scorer.score(several.samples[0], .answers(answers)).values.mapValues(\.value)
    #expect(
      values == [
        "exact_match_strict": 0, "exact_match_flexible": 0, "maj@8_strict": 1, "maj@8_flexible": 1, "maj@10_strict": 0,
        "maj@10_flexible": 0,
      ])
  }

  // MARK: - HumanEval

  private struct Runner: ProgramRunner {
    func run(_ program: String) throws -> (passes: Bool, outcome: String) {
      program == "def one():\n    return 1\n\n\ndef check(f):\n    assert f() == 1\n\ncheck(one)"
        ? (true, "passed") : (false, "AssertionError")
    }
  }

  private static let program =
    #"{"task_id": "HumanEval/0", "prompt": "def one():\n", "entry_point": "one", "test": "\n\ndef check(f):\n    assert f() == 1\n"}"#

  @Test("programs are completed from their prompt and run with their tests")
  func humanEval() throws {
    try folder.write(Self.program, to: "HumanEval.jsonl")
    let task = try open("humaneval", TaskOptions(programs: Runner()))
    #expect(task.version == 1 && task.scorer.metrics.map(\.name) == ["pass@1"])
    #expect(
      task.samples[0].request
        == .generation(
          GenerationRequest(
            prompt: .raw("def one():\n"), stops: ["\nclass", "\ndef", "\n#", "\nif", "\nprint"], maximumTokens: 1024,
            keepsLeadingSpace: true)))
    let right = try task.scorer.score(task.samples[0], .answers(["    return 1"]))
    #expect(right == SampleScore(values: ["pass@1": MetricValue(1)], prediction: .text("passed"), isCorrect: true))
    let wrong = try task.scorer.score(task.samples[0], .answers(["    return 2"]))
    #expect(wrong == SampleScore(values: ["pass@1": MetricValue(0)], prediction: .text("AssertionError"), isCorrect: false))
  }

  @Test("of several programs it is told how many pass")
  func severalPrograms() throws {
    try folder.write(Self.program, to: "HumanEval.jsonl")
    let task = try open("humaneval", TaskOptions(answers: 20, temperature: 0.8, programs: Runner()))
    #expect(task.scorer.metrics.map(\.name) == ["pass@1", "pass@10", "pass@20"])
    let answers = (0..<20).map { $0 % 4 == 1 ? "    return 1" : "    return 0" }
    let score = try task.scorer.score(task.samples[0], .answers(answers))
    #expect(score.prediction == .text("5 of 20 pass; the first: AssertionError") && score.isCorrect == false)
    #expect(abs((score.values["pass@1"]?.value ?? 0) - 0.25) < 1e-12)
    #expect(abs((score.values["pass@10"]?.value ?? 0) - 0.9837461300309598) < 1e-12)
    #expect(score.values["pass@20"] == MetricValue(1))
  }

  @Test("without --run-code nothing is generated for HumanEval")
  func noPrograms() throws {
    try folder.write(Self.program, to: "HumanEval.jsonl")
    #expect(
      throws: EvaluationError.task(
        name: "humaneval",
        reason:
          "is scored by running the programs that the model writes. Pass --run-code to let them run, shut off from files and network; "
          + "without it there is nothing to score.")
    ) { try open("humaneval") }
  }

  // MARK: - Instructions

  @Test("instructions are asked in the model's template and compared with their outputs")
  func instructions() throws {
    let path = try folder.write(
      """
      [{"instruction": "Name the young of the goose.", "input": "", "output": "A gosling."},
       {"instruction": "Write the plural of this noun.", "input": "leaf", "output": "leaves"}]
      """, to: "mine.json")
    let task = try open("instructions", TaskOptions(data: path))
    #expect(task.notes.isEmpty && task.scorer.metrics.map(\.name) == ["exact_match", "f1", "rougeL"])
    #expect(
      task.samples.map(\.request) == [
        .generation(GenerationRequest(prompt: .instruction("Name the young of the goose.", input: nil), stops: [], maximumTokens: 256)),
        .generation(
          GenerationRequest(prompt: .instruction("Write the plural of this noun.", input: "leaf"), stops: [], maximumTokens: 256)),
      ])
    let score = try task.scorer.score(task.samples[0], .answers(["\nThe gosling"]))
    #expect(score.values == ["exact_match": MetricValue(0), "f1": MetricValue(1), "rougeL": MetricValue(0.5)])
    #expect(score.prediction == .text("The gosling") && score.isCorrect == false)
    #expect(try task.scorer.score(task.samples[1], .answers([" leaves\n"])).isCorrect == true)
  }

  @Test("what instructions with references should know is noted")
  func instructionNotes() throws {
    let path = try folder.write(
      """
      {"instruction": "a", "output": ""}
      {"instruction": "首都？", "output": "北京"}
      """, to: "mine.jsonl")
    #expect(
      try open("instructions", TaskOptions(data: path)).notes == [
        "1 reference is empty",
        "f1 and rougeL take each Chinese, Japanese or Korean character for a word; the programs they are from know only spaces and a-z",
      ])
  }

  // MARK: - What is refused

  @Test("a folder without the task's file is refused with what there is")
  func nothing() throws {
    try folder.write("question,answer\na,b\n", to: "other.csv")
    #expect(
      throws: EvaluationError.task(
        name: "nq_open",
        reason: "\(folder.path) holds no rows of this task. A row has 'question' and 'answer', a list of texts (NQ-open.dev.jsonl). "
          + "Read are JSON, JSON lines, CSV and TSV, also in gzip or bzip2. There is: other.csv (CSV with 'question', 'answer').")
    ) { try open("nq_open") }
    #expect(throws: EvaluationError.self) { try TaskLibrary.open("nq_open", TaskOptions()) }
    #expect(throws: EvaluationError.self) { try TaskLibrary.open("instructions", TaskOptions()) }
  }

  @Test("several files that could be meant are named")
  func several() throws {
    let first = try folder.write(Self.moon, to: "a-dev.jsonl"), second = try folder.write(Self.song, to: "b-dev.jsonl")
    #expect(
      throws: EvaluationError.task(
        name: "nq_open", reason: "several files could be meant: \(first), \(second). Name one with --data.")
    ) { try open("nq_open") }
  }

  @Test(
    "rows that are not the task's are refused with their place",
    arguments: [
      ("nq_open", #"{"question": "q", "answer": []}"#, "'answer' is an empty list. Expected at least one answer."),
      ("nq_open", #"{"answer": ["a"]}"#, "there is no 'question'. The row has 'answer'."),
      ("nq_open", #"{"question": "q", "answer": [1]}"#, "'answer' is a list. Expected a list of texts."),
      ("nq_open", #"{"question": "q", "answer": "a"}"#, "'answer' is a text. Expected a list of texts."),
      ("gsm8k", #"{"question": "q", "answer": "18"}"#, "'answer' has no '#### ' before its result. Expected a worked solution of GSM8K."),
      (
        "triviaqa", #"{"question": "q", "answer": {"aliases": []}}"#,
        "'answer' has no 'aliases'. Expected a list of at least one text."
      ),
      ("humaneval", #"{"prompt": "p", "test": 3, "entry_point": "f"}"#, "'test' is a number. Expected a text."),
    ] as [(String, String, String)])
  func badRows(name: String, row: String, reason: String) throws {
    let path = try folder.write(row + "\n", to: "rows.jsonl")
    #expect {
      try open(name, TaskOptions(data: path, fewShot: 0, programs: Runner()))
    } throws: { error in
      guard case EvaluationError.file(path, _?, let found) = error else { return false }
      return found == reason
    }
  }

  @Test("settings that a task has no use for are refused")
  func settings() throws {
    try folder.write(Self.moon, to: "dev.jsonl")
    func reason(_ name: String, _ options: TaskOptions) -> String? {
      do {
        _ = try open(name, options)
        return nil
      } catch EvaluationError.task(_, let reason) { return reason } catch { return "\(error)" }
    }
    #expect(reason("nq_open/history", TaskOptions()) == "has no subjects, and so no 'history'.")
    #expect(reason("nq_open", TaskOptions(answers: 3, temperature: 1)) == "asks for one answer to each question, not 3.")
    #expect(reason("gsm8k", TaskOptions(answers: 3)) == "3 answers at temperature 0 are all the same. Set --temperature, such as 0.2.")
    #expect(
      reason("humaneval", TaskOptions(fewShot: 2, programs: Runner())) == "takes no worked examples: a program is begun, not asked for.")
    #expect(
      reason("instructions", TaskOptions(shots: "x"))
        == "takes no worked examples, and so no --shots: each instruction stands alone in the model's template.")
  }

  // MARK: - Parts

  private func generation(_ prompt: String, stops: [String], maximumTokens: Int = 256) -> SampleRequest {
    .generation(GenerationRequest(prompt: .raw(prompt), stops: stops, maximumTokens: maximumTokens))
  }

  private func prompt(_ sample: Sample) -> String? {
    guard case .generation(let request) = sample.request, case .raw(let prompt) = request.prompt else { return nil }
    return prompt
  }
}
