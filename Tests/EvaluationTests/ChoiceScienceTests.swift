import Evaluation
import Testing

@Suite("ARC and OpenBookQA")
struct ChoiceScienceTests {
  /// The same question in each form that it is published in.
  private static let forms = [
    """
    {"id": "Mercury_1", "question": {"stem": "What falls?", "choices": [{"text": "rain", "label": "1"}, {"text": "a hill", "label": "2"}, \
    {"text": "the sky", "label": "3"}]}, "answerKey": "2"}
    """,
    """
    {"id": "Mercury_1", "question": "What falls?", "choices": {"text": ["rain", "a hill", "the sky"], "label": ["A", "B", "C"]}, \
    "answerKey": "B"}
    """,
    """
    [{"instruction": "Please choose the correct answer to the question: What falls?\\n\\nAnswer1: rain Answer2: a hill Answer3: the sky\
    \\n\\nAnswer format: answer1/answer2/answer3", "input": "", "output": "the correct answer is answer2", "answer": "answer2"}]
    """,
  ]

  @Test(
    "ARC is asked as lm-evaluation-harness asks it, in every form that it is published in", arguments: forms, ["arc_easy", "arc_challenge"])
  func arc(text: String, name: String) throws {
    let folder = name == "arc_easy" ? "ARC-Easy" : "ARC-Challenge"
    let task = try ChoiceCase(["\(folder)/test": text]).open(name)
    #expect(task.samples.map(\.context) == ["Question: What falls?\nAnswer:"])
    #expect(task.samples.map(\.choices) == [[" rain", " a hill", " the sky"]])
    #expect(task.samples.map(\.target) == [.choice(1)])
    #expect(task.scorer.metrics == [Metric("acc"), Metric("acc_norm")])
    #expect(task.version == 1)
  }

  @Test("names of files and folders say which of three sets of the same form a file is of")
  func sets() throws {
    let files = try ChoiceCase([
      "ARC-V1/ARC-Easy-Test.jsonl": ChoiceScienceTests.forms[0],
      "ARC-V1/ARC-Challenge-Test.jsonl": ChoiceScienceTests.forms[0].replacing("falls", with: "rises"),
      "OpenBookQA-V1/test.jsonl": ChoiceScienceTests.forms[0].replacing("falls", with: "sinks"),
    ])
    #expect(try files.open("arc_easy").samples.map(\.context) == ["Question: What falls?\nAnswer:"])
    #expect(try files.open("arc_challenge").samples.map(\.context) == ["Question: What rises?\nAnswer:"])
    #expect(try files.open("openbookqa").samples.map(\.context) == ["What sinks?"])
  }

  @Test("where nothing says it, a file counts that is named itself; OpenBookQA's ids say enough")
  func unnamed() throws {
    let files = try ChoiceCase([
      "a/test.jsonl": ChoiceScienceTests.forms[0], "b/test.jsonl": ChoiceScienceTests.forms[0].replacing("Mercury_1", with: "7-980"),
    ])
    #expect(files.refusal("arc_easy")?.hasPrefix("arc_easy: DATA holds no rows of this task.") == true)
    #expect(try files.open("arc_easy", data: "a/test.jsonl").samples.count == 1)
    #expect(try files.open("openbookqa").samples.map(\.context) == ["What falls?"])
    #expect(files.refusal("arc_easy", data: "b/test.jsonl") != nil)
  }

  @Test("OpenBookQA's export is asked by its stem alone")
  func openBook() throws {
    let row = """
      {"id": "x", "question_stem": "What falls?", "choices": {"text": ["rain", "a hill"], "label": ["A", "B"]}, "answerKey": " A"}
      """
    let task = try ChoiceCase(["main/test.jsonl": row]).open("openbookqa")
    #expect(task.samples.map(\.context) == ["What falls?"])
    #expect(task.samples.map(\.target) == [.choice(0)])
  }

  @Test("the test file is scored, and worked examples are drawn from the training file as lm-evaluation-harness draws them")
  func shots() throws {
    func rows(_ name: String, _ count: Int) -> String {
      let choices = #"{"text": ["yes", "no"], "label": ["A", "B"]}"#
      return (0..<count).map { index in
        #"{"question": "\#(name) \#(index)?", "choices": \#(choices), "answerKey": "\#(index % 2 == 0 ? "A" : "B")"}"#
      }.joined(separator: "\n")
    }
    let files = try ChoiceCase([
      "ARC-Easy/test.jsonl": rows("test", 3), "ARC-Easy/train.jsonl": rows("train", 30), "ARC-Easy/validation.jsonl": rows("validation", 3),
      "shots.jsonl": rows("shot", 3),
    ])
    // random.Random(1234).sample(range(30), 2), twice.
    let drawn = [[24, 14], [3, 0]].map { $0.map { "Question: train \($0)?\nAnswer: \($0 % 2 == 0 ? "yes" : "no")\n\n" }.joined() }
    let task = try files.open("arc_easy", fewShot: 2, limit: 2)
    #expect(task.samples.map(\.context) == [drawn[0] + "Question: test 0?\nAnswer:", drawn[1] + "Question: test 1?\nAnswer:"])
    #expect(task.fewShot == 2)
    // random.Random(1234).sample(range(3), 2)
    let named = try files.open("arc_easy", fewShot: 2, shots: "shots.jsonl", limit: 1)
    #expect(
      named.samples.map(\.context)
        == ["Question: shot 1?\nAnswer: no\n\nQuestion: shot 0?\nAnswer: yes\n\nQuestion: test 0?\nAnswer:"])
    #expect(
      files.refusal("arc_easy", fewShot: 1, shots: "ARC-Easy/test.jsonl")
        == "DATA/ARC-Easy/test.jsonl: line 1: the same question is scored (DATA/ARC-Easy/test.jsonl, line 1). "
        + "Worked examples must be other questions.")
    #expect(
      files.refusal("arc_easy", data: "ARC-Easy/test.jsonl", fewShot: 1)
        == "arc_easy: the files hold no rows for worked examples; those that are scored are never taken. Name others with --shots FILE.")
  }

  @Test(
    "rows that cannot be asked are refused",
    arguments: [
      (
        #"{"question": {"stem": "q", "choices": [{"text": "a", "label": "A"}]}, "answerKey": "B"}"#,
        "'answerKey' is 'B'. Expected one of 'A'."
      ),
      (
        #"{"question": {"stem": "q", "choices": [{"text": "a"}]}, "answerKey": "A"}"#,
        "the question or its choices are incomplete. Expected a text, and for each choice 'text' and 'label'."
      ),
      (
        #"{"instruction": "question: q\n\nAnswer1: a Answer2: b\n\nAnswer format: answer1/answer2", "answer": "answer3"}"#,
        "'answer' is 'answer3'. Expected one of 'answer1', 'answer2'."
      ),
    ])
  func refusals(row: String, reason: String) throws {
    #expect(try ChoiceCase(["ARC-Easy/test.jsonl": row]).refusal("arc_easy") == "DATA/ARC-Easy/test.jsonl: line 1: \(reason)")
  }
}
