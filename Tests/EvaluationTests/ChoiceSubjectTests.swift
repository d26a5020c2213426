import Evaluation
import Testing

@Suite("MMLU, CMMLU and C-Eval")
struct ChoiceSubjectTests {
  private static let header = "question,choice0,choice1,choice2,choice3,answer\n"

  /// The same rows in each form that they are published in.
  private static let mmluForms: [(name: String, dev: String, test: String)] = [
    (
      "astronomy_SPLIT.csv", "How far is the Moon?,near,far,\"far, far\",gone,B\nWhat is a star?,gas,rock,ice,light,A\n",
      "\" Which is red? \",Mars,Venus,the Moon,\"a \"\"dwarf\"\"\",D\n"
    ),
    (
      "astronomy_SPLIT.csv", header + "How far is the Moon?,near,far,\"far, far\",gone,1\nWhat is a star?,gas,rock,ice,light,0\n",
      header + "\" Which is red? \",Mars,Venus,the Moon,\"a \"\"dwarf\"\"\",3\n"
    ),
    (
      "SPLIT.jsonl",
      """
      {"question": "How far is the Moon?", "subject": "astronomy", "choices": ["near", "far", "far, far", "gone"], "answer": 1}
      {"question": "Who?", "subject": "virology", "choices": ["a", "b", "c", "d"], "answer": 1}
      {"question": "What is a star?", "subject": "astronomy", "choices": ["gas", "rock", "ice", "light"], "answer": 0}
      """,
      """
      {"question": " Which is red? ", "subject": "astronomy", "choices": ["Mars", "Venus", "the Moon", "a \\"dwarf\\""], "answer": 3}
      """
    ),
  ]

  @Test("MMLU is asked as lm-evaluation-harness asks it, in every form that it is published in", arguments: mmluForms)
  func mmlu(name: String, dev: String, test: String) throws {
    let files = try ChoiceCase([
      "dev/" + name.replacing("SPLIT", with: "dev"): dev, "test/" + name.replacing("SPLIT", with: "test"): test,
    ])
    let introduction = "The following are multiple choice questions (with answers) about astronomy.\n\n"
    let question = "Which is red?\nA. Mars\nB. Venus\nC. the Moon\nD. a \"dwarf\"\nAnswer:"
    let task = try files.open("mmlu")
    #expect(task.samples.map(\.context) == [introduction + question])
    #expect(task.samples.map(\.choices) == [[" A", " B", " C", " D"]])
    #expect(task.samples.map(\.target) == [.choice(3)])
    #expect(task.samples.map(\.subject) == ["astronomy"])
    #expect(task.categories == ["astronomy": "stem"])
    #expect(task.scorer.metrics == [Metric("acc")])
    #expect(task.fewShot == 0)
    #expect(task.notes.map { $0.replacing(files.folder.path, with: "DATA") } == ["1 of 57 subjects are in DATA."])

    let shots = "How far is the Moon?\nA. near\nB. far\nC. far, far\nD. gone\nAnswer: B\n\n"
    #expect(try files.open("mmlu/astronomy", fewShot: 1).samples.map(\.context) == [introduction + shots + question])
    let second = "What is a star?\nA. gas\nB. rock\nC. ice\nD. light\nAnswer: A\n\n"
    #expect(try files.open("mmlu", fewShot: 2).samples.map(\.context) == [introduction + shots + second + question])
    #expect(files.refusal("mmlu", fewShot: 3)?.contains("holds 2 rows to take worked examples from, but 3 are needed") == true)
  }

  @Test("each subject is limited on its own, and counted in its category")
  func limit() throws {
    let rows = "q1,a,b,c,d,A\nq2,a,b,c,d,B\nq3,a,b,c,d,C\n"
    let files = try ChoiceCase(["test/virology_test.csv": rows, "test/us_foreign_policy_test.csv": rows])
    let task = try files.open("mmlu", limit: 2)
    #expect(
      task.samples.map { "\($0.subject ?? "")/\($0.id)" } == [
        "us_foreign_policy/0", "us_foreign_policy/1", "virology/0", "virology/1",
      ])
    #expect(task.categories == ["us_foreign_policy": "social sciences", "virology": "other"])
    #expect(
      task.samples[0].context?.hasPrefix("The following are multiple choice questions (with answers) about us foreign policy.\n\n") == true)
    #expect(try files.open("mmlu/virology", data: "test/virology_test.csv").samples.count == 3)
  }

  @Test("CMMLU is asked in Chinese and counted in two kinds of categories")
  func cmmlu() throws {
    let files = try ChoiceCase([
      "dev/ancient_chinese.csv": ",Question,A,B,C,D,Answer\n0,例,甲,乙,丙,丁,C\n",
      "test/ancient_chinese.csv": ",Question,A,B,C,D,Answer\n0, 问 ,甲,乙,丙,丁,D\n",
    ])
    let task = try files.open("cmmlu", fewShot: 1)
    #expect(
      task.samples.map(\.context) == [
        "以下是关于古汉语的单项选择题，请直接给出正确答案的选项。\n\n例\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案： C\n\n问\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案："
      ])
    #expect(task.samples.map(\.target) == [.choice(3)])
    #expect(task.categories == ["ancient_chinese": "Social Science"])
    #expect(task.furtherCategories == ["ancient_chinese": "China specific"])
    #expect(task.scorer.metrics == [Metric("acc"), Metric("acc_norm")])
  }

  @Test("C-Eval is scored on its validation files; its test files have no answers")
  func ceval() throws {
    let files = try ChoiceCase([
      "dev/law_dev.csv": "id,question,A,B,C,D,answer,explanation\n0,例,甲,乙,丙,丁,A,因为\n",
      "test/law_test.csv": "id,question,A,B,C,D\n0,问,甲,乙,丙,丁\n",
      "val/law_val.csv": "id,question,A,B,C,D,answer\n0,问,甲,乙,丙,丁,B\n",
      "subject_mapping.json": "{\"law\": [\"Law\", \"法学\", \"Humanities\"]}",
    ])
    let task = try files.open("ceval", fewShot: 1)
    #expect(
      task.samples.map(\.context) == [
        "以下是中国关于法学的单项选择题，请选出其中的正确答案。\n\n例\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案： A\n\n问\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案："
      ])
    #expect(task.version == 2)
    #expect(task.categories == ["law": "Humanities"])
    #expect(files.refusal("ceval", data: "test")?.hasPrefix("ceval: DATA/test holds no rows with answers to score.") == true)
  }

  @Test("one folder with all of them is no confusion")
  func together() throws {
    let files = try ChoiceCase([
      "mmlu/test/college_physics_test.csv": "q,a,b,c,d,A\n",
      "ceval/val/college_physics_val.csv": "id,question,A,B,C,D,answer\n0,q,a,b,c,d,B\n",
      "cmmlu/test/high_school_physics.csv": ",Question,A,B,C,D,Answer\n0,q,a,b,c,d,C\n",
    ])
    #expect(try ["mmlu", "ceval", "cmmlu"].map { try files.open($0).samples.map(\.target) } == [[.choice(0)], [.choice(1)], [.choice(2)]])
  }

  @Test("what is wrong is said with where it is and what to do")
  func refusals() throws {
    let files = try ChoiceCase([
      "test/virology_test.csv": "q,a,b,c,d,A\nq2,a,b,c,d,E\n", "test/anatomy_test.csv": "q,a,b,c,d,A\n",
      "double/anatomy_test.csv": "q,a,b,c,d,A\n", "shots.csv": "q,a,b,c,d,A\n",
    ])
    #expect(
      files.refusal("mmlu/virolgy")?.hasPrefix("mmlu/virolgy: mmlu has no subject 'virolgy'. Did you mean 'virology'? Subjects: ") == true)
    #expect(
      files.refusal("mmlu/virology") == "DATA/test/virology_test.csv: line 2: the answer is 'E'. Expected A, B, C or D, or 0 to 3.")
    #expect(
      files.refusal("mmlu/marketing")
        == "mmlu/marketing: DATA holds no files of this subject. There are: anatomy, virology.")
    #expect(
      files.refusal("mmlu/anatomy")
        == "mmlu/anatomy: several files could be meant: DATA/double/anatomy_test.csv, DATA/test/anatomy_test.csv. Name one with --data.")
    #expect(
      files.refusal("mmlu/anatomy", data: "double", fewShot: 1)
        == "mmlu/anatomy: the files hold no rows for worked examples; those that are scored are never taken. Name others with --shots FILE."
    )
    #expect(
      files.refusal("mmlu/anatomy", data: "double", fewShot: 1, shots: "shots.csv")
        == "DATA/shots.csv: line 1: the same question is scored (DATA/double/anatomy_test.csv, line 1). "
        + "Worked examples must be other questions.")
    #expect(files.refusal("cmmlu")?.hasPrefix("cmmlu: DATA holds no rows of this task. A row has Question, A, B, C, D and Answer") == true)
    #expect(files.refusal("cmmlu")?.contains("There is: double/anatomy_test.csv (CSV without a header of 6 columns); ") == true)
    #expect(throws: EvaluationError.self) { try TaskLibrary.open("mmlu", TaskOptions()) }
  }
}
