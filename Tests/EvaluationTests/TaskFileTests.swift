import Configuration
import Evaluation
import Foundation
import TestSupport
import Testing

@Suite("Task files")
struct TaskFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ yaml: String, _ rows: String, _ options: TaskOptions = TaskOptions()) throws -> EvaluationTask {
    var options = options
    if options.data == nil { options.data = try folder.write(rows, to: "rows.jsonl") }
    return try TaskLibrary.open(try folder.write(yaml, to: "task.yaml"), options)
  }

  // MARK: - Choices

  private static let animals = """
    {"question": "Who moos?", "options": ["a cow", "a hen"], "answer": 0}
    {"question": "Who clucks?", "options": ["a cow", "a hen"], "answer": "B"}
    {"question": "Who is {options.0}?", "options": ["x", "a hen"], "answer": "a hen"}
    """

  @Test("choices are put behind the prompt; the answer is a number, a letter or a text")
  func choices() throws {
    let task = try open(
      """
      task: farm
      version: 3
      description: "On the farm. {not a field}\\n\\n"
      prompt: "Question: {question}\\nAnswer:"
      choices: options
      answer: answer
      """, Self.animals)
    #expect(task.name == "farm" && task.version == 3 && task.fewShot == 0)
    #expect(
      task.samples[0].request
        == .continuations([
          Continuation(context: "On the farm. {not a field}\n\nQuestion: Who moos?\nAnswer:", text: " a cow"),
          Continuation(context: "On the farm. {not a field}\n\nQuestion: Who moos?\nAnswer:", text: " a hen"),
        ]))
    #expect(task.samples.map(\.target) == [.choice(0), .choice(1), .choice(1)])
    #expect(task.scorer.metrics.map(\.name) == ["acc", "acc_norm"])
    // What a row says is no template.
    guard case .continuations(let last) = task.samples[2].request else {
      Issue.record("no choices are asked")
      return
    }
    #expect(last[0].context.hasSuffix("Who is {options.0}?\nAnswer:"))
  }

  @Test("choices written in the file, entries of lists and objects, braces, and another delimiter")
  func written() throws {
    let task = try open(
      """
      task: written
      prompt: "{{{q.text}}}:"
      choices: ["{o.1}", "no {n} {f}"]
      answer: "{o.1}"
      delimiter: ""
      metric: acc_norm
      """, #"{"q": {"text": "which"}, "o": ["a", "bb"], "n": 12, "f": true, "a.b": 1}"#)
    #expect(
      task.samples[0].request
        == .continuations([Continuation(context: "{which}:", text: "bb"), Continuation(context: "{which}:", text: "no 12 true")]))
    #expect(task.samples[0].target == .choice(0) && task.scorer.metrics.map(\.name) == ["acc_norm"])
    // Two characters against ten: -3 / 2 against -20 / 10. One character less each would turn it round.
    let scores = [
      ContinuationScore(logLikelihood: -3, isGreedy: false, tokenCount: 1),
      ContinuationScore(logLikelihood: -20, isGreedy: false, tokenCount: 1),
    ]
    let score = try task.scorer.score(task.samples[0], .continuations(scores))
    #expect(score.values == ["acc_norm": MetricValue(1)] && score.isCorrect == true)
  }

  @Test("worked examples are the first rows of their file, each with its answer")
  func shots() throws {
    let shots = try folder.write(
      """
      {"question": "Who barks?", "options": ["a dog", "a cat"], "answer": "A"}
      {"question": "Who mews?", "options": ["a dog", "a cat"], "answer": "B"}
      """, to: "shots.jsonl")
    let yaml = """
      task: farm
      prompt: "{question}"
      choices: options
      answer: answer
      few_shot: 1
      shots: \(shots)
      """
    func context(_ task: EvaluationTask) -> String? {
      guard case .continuations(let continuations) = task.samples[0].request else { return nil }
      return continuations[0].context
    }
    #expect(context(try open(yaml, Self.animals)) == "Who barks? a dog\n\nWho moos?")
    #expect(context(try open(yaml, Self.animals, TaskOptions(fewShot: 2))) == "Who barks? a dog\n\nWho mews? a cat\n\nWho moos?")
    #expect(context(try open(yaml, Self.animals, TaskOptions(fewShot: 0))) == "Who moos?")
    #expect(
      throws: EvaluationError.file(
        path: shots, place: nil,
        reason: "holds 2 rows to take worked examples from, but 3 are needed. Lower --few-shot, or name another file with --shots.")
    ) { try open(yaml, Self.animals, TaskOptions(fewShot: 3)) }
    let scored = try folder.write(Self.animals, to: "scored.jsonl")
    #expect(
      throws: EvaluationError.file(
        path: scored, place: "row 1", reason: "the same row is scored, in \(scored). Worked examples must be other rows.")
    ) { try open(yaml, "", TaskOptions(data: scored, shots: scored)) }
  }

  // MARK: - Generated answers

  @Test("answers are generated until a stop, taken out of the text and compared with what is accepted")
  func generation() throws {
    let task = try open(
      """
      task: sums
      prompt: "{sum} ="
      answer: results
      stop: ["\\n", ";"]
      max_tokens: 8
      extract: "(?:equals|is) *(-?[0-9]+)"
      normalize: [case]
      metric: [f1, exact_match]
      """,
      """
      {"sum": "1 + 1", "results": ["2", "two"]}
      {"sum": "2 - 3", "results": -1}
      """)
    #expect(
      task.samples[1].request
        == .generation(GenerationRequest(prompt: .raw("2 - 3 ="), stops: ["\n", ";"], maximumTokens: 8)))
    #expect(task.samples.map(\.target) == [.texts(["2", "two"]), .texts(["-1"])])
    #expect(task.scorer.metrics.map(\.name) == ["f1", "exact_match"])
    let right = try task.scorer.score(task.samples[1], .answers([" well, it is -1 or equals 7"]))
    #expect(right == SampleScore(values: ["f1": MetricValue(1), "exact_match": MetricValue(1)], prediction: .text("-1"), isCorrect: true))
    #expect(try task.scorer.score(task.samples[0], .answers(["2"])).prediction == .text("[invalid]"))
  }

  @Test("a pattern that finds no end is given up")
  func endlessPattern() throws {
    let task = try open("task: t\nprompt: \"{q}\"\nanswer: q\nextract: \"(x+x+)+y\"", #"{"q": "a"}"#)
    #expect(throws: EvaluationError.self) {
      try task.scorer.score(task.samples[0], .answers([String(repeating: "x", count: 5000)]))
    }
  }

  @Test("with template: true the prompt is an instruction, and an answer ends where the model ends it")
  func instruction() throws {
    let task = try open(
      """
      task: mine
      template: true
      prompt: "{instruction}"
      input: "{input}"
      answer: "{output}"
      """,
      """
      {"instruction": "Write the plural.", "input": "leaf", "output": "leaves"}
      {"instruction": "Say hello.", "input": "", "output": "Hello."}
      """)
    #expect(
      task.samples.map(\.request) == [
        .generation(GenerationRequest(prompt: .instruction("Write the plural.", input: "leaf"), stops: [], maximumTokens: 256)),
        .generation(GenerationRequest(prompt: .instruction("Say hello.", input: nil), stops: [], maximumTokens: 256)),
      ])
    #expect(try task.scorer.score(task.samples[0], .answers([" leaves\n"])).isCorrect == true)
  }

  @Test("without a stop an answer ends at what stands behind worked examples")
  func defaultStop() throws {
    let task = try open("task: t\nprompt: \"{q}\"\nanswer: q", #"{"q": "a"}"#)
    #expect(task.samples[0].request == .generation(GenerationRequest(prompt: .raw("a"), stops: ["\n\n"], maximumTokens: 256)))
  }

  // MARK: - Texts

  @Test("with text the likelihood of whole texts is asked for")
  func texts() throws {
    let task = try open(
      "task: poems\ntext: \"{title}\\n{body}\"\nmetric: [byte_perplexity, bits_per_byte]", #"{"title": "Ode", "body": "né"}"#)
    #expect(task.samples.map(\.request) == [.text("Ode\nné")])
    #expect(task.scorer.metrics.map(\.name) == ["byte_perplexity", "bits_per_byte"])
    let score = try task.scorer.score(task.samples[0], .text(TextScore(logLikelihood: -12, tokenCount: 3)))
    #expect(score.values == ["byte_perplexity": MetricValue(-12, weight: 7), "bits_per_byte": MetricValue(-12, weight: 7)])
  }

  // MARK: - Mistakes

  @Test("all mistakes of a file are told at once, with their lines")
  func mistakes() throws {
    let path = try folder.write(
      """
      task: t
      promt: "x"
      num_fewshot: 2
      choices: ["{a}"]
      answer: "{b"
      metric: [acc, exact_match]
      stop: "x"
      version: 0
      """, to: "task.yaml")
    let error = #expect(throws: ConfigurationError.self) { try TaskLibrary.open(path, TaskOptions()) }
    #expect(
      error?.problems.map { $0.description.replacingOccurrences(of: path, with: "F") } == [
        "F: 'prompt' is missing; expected a text with {field}s of a row.",
        "F:2: unknown key 'promt'. Did you mean 'prompt'?",
        "F:3: unknown key 'num_fewshot'. Did you mean 'few_shot'?",
        "F:4: choices has one entry; expected at least two.",
        "F:5: answer has a '{' without a field's name and '}' behind it; write '{{' for a brace.",
        "F:6: entry 2 of metric is 'exact_match'; expected acc or acc_norm.",
        "F:7: 'stop' has no place here: with 'choices' nothing is generated.",
        "F:8: version is 0; expected a whole number from 1.",
      ])
  }

  @Test(
    "a task needs a name of its own",
    arguments: [
      ("", "'task' is missing; expected a name for the task, of letters, digits, '_', '-' and '.'."),
      ("task: a b", "task is 'a b'; expected a name for the task, of letters, digits, '_', '-' and '.'."),
      ("task: mmlu", "there is a task 'mmlu' already; choose another name."),
    ] as [(String, String)])
  func names(line: String, problem: String) throws {
    let path = try folder.write(line + "\ntext: \"{text}\"\n", to: "task.yaml")
    let error = #expect(throws: ConfigurationError.self) { try TaskLibrary.open(path, TaskOptions()) }
    #expect(error?.problems.map(\.text) == [problem])
  }

  @Test("fields that rows do not have are told all at once, with the fields there are")
  func unknownFields() throws {
    let yaml = try folder.write("task: t\nprompt: \"{qestion} {x.0}\"\nchoices: options\nanswer: \"{anser}\"\n", to: "task.yaml")
    let data = try folder.write(Self.animals, to: "rows.jsonl")
    let error = #expect(throws: ConfigurationError.self) { try TaskLibrary.open(yaml, TaskOptions(data: data)) }
    let has = "of \(data) does not have; it has 'question', 'options', 'answer'."
    #expect(
      error?.problems.map(\.description) == [
        "\(yaml):2: prompt names 'qestion', which line 1 \(has) Did you mean 'question'?",
        "\(yaml):2: prompt names 'x.0', which line 1 \(has)",
        "\(yaml):4: answer names 'anser', which line 1 \(has) Did you mean 'answer'?",
      ])
  }

  @Test(
    "a row that does not hold what the file names is refused with its place",
    arguments: [
      (
        #"{"question": "q", "options": ["a", "b"], "answer": "C"}"#,
        "the answer 'C' is none of the 2 choices. Expected the text of a choice, its letter (A is the first) or its number (0 is the first)."
      ),
      (
        #"{"question": "q", "options": ["1", "0"], "answer": 1}"#,
        "the answer '1' is the text of one choice, and the letter or number of another. Name the field that holds one meaning only."
      ),
      (#"{"question": "q", "options": "ab", "answer": "A"}"#, "'options' is a text. Expected a list of choices."),
      (
        #"{"question": "q", "options": ["a", null], "answer": "A"}"#,
        "'options' is a list of 1 texts among 2 entries. Expected two texts or more."
      ),
      (#"{"question": null, "options": ["a", "b"], "answer": "A"}"#, "'question' is null. Expected a text."),
      (#"{"options": ["a", "b"], "answer": "A"}"#, "there is no 'question'. The row has 'options', 'answer'."),
    ] as [(String, String)])
  func badRow(row: String, reason: String) throws {
    let data = try folder.write(Self.animals + "\n" + row + "\n", to: "rows.jsonl")
    let yaml = try folder.write("task: t\nprompt: \"{question}\"\nchoices: options\nanswer: answer\n", to: "task.yaml")
    #expect(throws: EvaluationError.file(path: data, place: "line 4", reason: reason)) {
      try TaskLibrary.open(yaml, TaskOptions(data: data))
    }
  }

  @Test("settings that a task file has no use for are refused")
  func settings() throws {
    let asked = "task: t\nprompt: \"{q}\"\nanswer: q\n", row = #"{"q": "a"}"#
    func reason(_ yaml: String, _ options: TaskOptions) -> String? {
      do {
        _ = try open(yaml, row, options)
        return nil
      } catch EvaluationError.task(_, let reason) { return reason } catch { return "\(error)" }
    }
    #expect(reason(asked, TaskOptions(answers: 2, temperature: 1)) == "asks for one answer to each question, not 2.")
    #expect(
      reason(asked, TaskOptions(fewShot: 1))
        == "asks with worked examples, and has no file of them. Write 'shots: FILE' in the task file, or pass --shots FILE.")
    #expect(
      reason(asked + "template: true\n", TaskOptions(fewShot: 1))
        == "takes no worked examples: each instruction stands alone in the model's template.")
    #expect(reason("task: t\ntext: \"{q}\"\n", TaskOptions(fewShot: 1)) == "takes no worked examples: whole texts are scored.")
    let file = try folder.write(asked, to: "alone.yaml")
    #expect(
      throws: EvaluationError.task(name: "t", reason: "has no data. Write 'data: FILE' in the task file, or pass --data FILE.")
    ) { try TaskLibrary.open(file, TaskOptions()) }
  }

  // MARK: - What is shipped

  private static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  @Test("the shipped task files open with their data", arguments: [("puna-questions", 40), ("puna-answers", 154)])
  func shipped(name: String, count: Int) throws {
    let path = "\(Self.package)/recipes/tasks/\(name).yaml"
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    func value(_ key: String) -> String? {
      lines.first { $0.hasPrefix(key + ": ") }?.dropFirst(key.count + 2).split(separator: " ").first.map(String.init)
    }
    // Paths in it are relative to the package.
    let data = try #require(value("data"))
    let options = TaskOptions(data: "\(Self.package)/\(data)", shots: value("shots").map { "\(Self.package)/\($0)" })
    let task = try TaskLibrary.open(path, options)
    #expect(task.samples.count == count && !task.scorer.metrics.isEmpty)
  }
}
