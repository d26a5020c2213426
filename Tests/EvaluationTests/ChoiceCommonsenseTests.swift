import Evaluation
import Testing

@Suite("HellaSwag, PIQA, WinoGrande and BoolQ")
struct ChoiceCommonsenseTests {
  @Test("HellaSwag's rows lose WikiHow's marks, and their second part its capitals, as lm-evaluation-harness has it")
  func hellaSwag() throws {
    let row = """
      {"ind": 4, "activity_label": "Baking", "ctx_a": "[header] How to bake [title] Find  flour. [step] Not  rye.", \
      "ctx_b": "then Anna's  BREAD", \
      "endings": ["rises [substeps] well.", " falls.  ", "[title] ends [", "is\\n[cold\\n]."], "label": 2}
      """
    let files = try ChoiceCase([
      "hellaswag_val.jsonl": row, "hellaswag_test.jsonl": "{\"activity_label\": \"\", \"ctx_a\": \"\", \"ctx_b\": \"\", \"endings\": []}",
    ])
    let task = try files.open("hellaswag")
    #expect(task.samples.map(\.context) == ["Baking: How to bake. Find flour. Not rye. Then anna's bread"])
    // Expected values are those of its `preprocess`.
    #expect(task.samples.map(\.choices) == [[" rises well.", " falls.", "  ends [", " is\n[cold\n]."]])
    #expect(task.samples.map(\.target) == [.choice(2)])
    #expect(task.version == 1)
    #expect(task.scorer.metrics == [Metric("acc"), Metric("acc_norm")])
  }

  @Test("HellaSwag's six lines are taken as they are")
  func sixLines() throws {
    let task = try ChoiceCase(["val.txt": "Roof: a man. he\n3\nsits  down.\nis [x] up.\nruns.\nfalls.\n"]).open("hellaswag")
    #expect(task.samples.map(\.context) == ["Roof: a man. he"])
    #expect(task.samples.map(\.choices) == [[" sits  down.", " is [x] up.", " runs.", " falls."]])
    #expect(task.samples.map(\.target) == [.choice(3)])
  }

  @Test("worked examples of HellaSwag are never the scored row, where one is drawn too many")
  func hellaSwagShots() throws {
    func rows(_ indices: [Int]) -> String {
      indices.map { #"{"activity_label": "A\#($0)", "ctx_a": "a.", "ctx_b": "b", "endings": ["x", "y"], "label": \#($0 % 2)}"# }.joined(
        separator: "\n")
    }
    let files = try ChoiceCase(["hellaswag_val.jsonl": rows([14]), "hellaswag_train.jsonl": rows(Array(0..<30))])
    // random.Random(1234).sample(range(30), 3) is 24, 14, 3.
    #expect(
      try files.open("hellaswag", fewShot: 2).samples.map(\.context)
        == ["A24: a. B x\n\nA3: a. B y\n\nA14: a. B"])
  }

  @Test("PIQA's labels are in the rows, or on the lines of a file beside them")
  func piqa() throws {
    let rows =
      "{\"goal\": \"Cool tea\", \"sol1\": \"wait\", \"sol2\": \"boil it\"}\n{\"goal\": \"Fly\", \"sol1\": \"jump\", \"sol2\": \"board a plane\"}\n"
    let files = try ChoiceCase([
      "dev.jsonl": rows, "dev-labels.lst": "0\r\n1\r\n", "bad/dev.jsonl": rows, "bad/dev-labels.lst": "0\n", "none/tests.jsonl": rows,
    ])
    let task = try files.open("piqa", data: "dev.jsonl")
    #expect(task.samples.map(\.context) == ["Question: Cool tea\nAnswer:", "Question: Fly\nAnswer:"])
    #expect(task.samples.map(\.choices) == [[" wait", " boil it"], [" jump", " board a plane"]])
    #expect(task.samples.map(\.target) == [.choice(0), .choice(1)])
    #expect(
      files.refusal("piqa", data: "bad")
        == "DATA/bad/dev-labels.lst: holds 1 labels, but DATA/bad/dev.jsonl has 2 rows. They belong together.")
    #expect(
      files.refusal("piqa", data: "none")
        == "piqa: DATA/none/tests.jsonl holds no answers and is not scored. Scores need rows with answers that are not for training; "
        + "--data can name a file.")
    let labelled = try ChoiceCase(["validation.jsonl": "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\", \"label\": 1}"])
    #expect(try labelled.open("piqa").samples.map(\.target) == [.choice(1)])
  }

  @Test("WinoGrande asks which beginning makes the end likelier")
  func winoGrande() throws {
    let files = try ChoiceCase([
      "dev.jsonl":
        #"{"qID": "1", "sentence": "Ann thanked Eve because _  helped _ her. ", "option1": "Ann", "option2": "Eve", "answer": "2"}"#,
      "train_xl.jsonl": #"{"sentence": "A _ b.", "option1": "c", "option2": "d", "answer": "1"}"# + "\n"
        + #"{"sentence": "The cup is in the box, so the _ is big.", "option1": "cup", "option2": "box", "answer": "2"}"#,
      "test.jsonl": #"{"sentence": "A _ b", "option1": "c", "option2": "d"}"#,
      "shots/few.jsonl": #"{"sentence": "No blank", "option1": "c", "option2": "d", "answer": "1"}"#,
    ])
    let expected = ["Ann", "Eve"].map { Continuation(context: "Ann thanked Eve because \($0)", text: " helped _ her.") }
    let task = try files.open("winogrande", data: "dev.jsonl")
    #expect(task.samples.map(\.continuations) == [expected])
    #expect(task.samples.map(\.target) == [.choice(1)])
    #expect(task.scorer.metrics == [Metric("acc")])
    // Two rows are drawn, in this order: 1, 0.
    let shot = "The cup is in the box, so the box is big.\n\n"
    #expect(
      try files.open("winogrande", data: "dev.jsonl", fewShot: 1, shots: "train_xl.jsonl").samples.map(\.continuations)
        == [expected.map { Continuation(context: shot + $0.context, text: $0.text) }])
    #expect(
      files.refusal("winogrande", data: "shots")
        == "DATA/shots/few.jsonl: line 1: the sentence has no '_' for the options.")
  }

  @Test(
    "BoolQ is asked with the title before the passage, as SuperGLUE has it",
    arguments: [
      #"{"question": "is tea hot", "title": "Tea", "answer": true, "passage": "Tea is a drink."}"#,
      #"{"question": "is tea hot", "passage": "Tea -- Tea is a drink.", "idx": 0, "label": 1}"#,
      #"{"question": "is tea hot", "passage": "Tea -- Tea is a drink.", "idx": 0, "label": true}"#,
    ])
  func boolQ(row: String) throws {
    let task = try ChoiceCase(["dev.jsonl": row]).open("boolq")
    #expect(task.samples.map(\.context) == ["Tea -- Tea is a drink.\nQuestion: is tea hot?\nAnswer:"])
    #expect(task.samples.map(\.choices) == [[" no", " yes"]])
    #expect(task.samples.map(\.target) == [.choice(1)])
    #expect(task.version == 2)
  }

  @Test("several files of one split are no guess")
  func ambiguous() throws {
    let row = #"{"question": "q", "passage": "p", "answer": true}"#
    let files = try ChoiceCase(["a/dev.jsonl": row, "b/dev.jsonl": row, "train.jsonl": row])
    #expect(
      files.refusal("boolq") == "boolq: several files could be meant: DATA/a/dev.jsonl, DATA/b/dev.jsonl. Name one with --data.")
    #expect(files.refusal("boolq/x") == "boolq/x: boolq has no subjects, so that there is no 'x'.")
  }
}
