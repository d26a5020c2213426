import Foundation
import TestSupport
import Testing

/// `puna generate` and `puna chat` as processes, most of them with the starter and the adapter that the repository holds.
@Suite(.serialized) struct GenerateTests {
  static let quickstart = "\(Workspace.package)/adapters/starter-quickstart"
  static let taught = ["--base", "starter", "--adapter", quickstart, "--precision", "float32"]

  @Test func answersAnInstructionInTheAdaptersTemplate() throws {
    let result = try Workspace().run(["generate"] + GenerateTests.taught + ["--instruction", "What is a young bat called?"])
    #expect(result.status == 0)
    #expect(result.output == "A pup.\n")
    #expect(result.error.isEmpty, "\(result.error)")
  }

  @Test func continuesAText() throws {
    let workspace = try Workspace()
    let arguments = ["generate", "--base", "starter", "--precision", "float32", "--prompt", "The llama", "--max-tokens", "20"]
    let whole = try workspace.run(arguments)
    #expect(whole.status == 0 && whole.output.hasPrefix(" is tame. The llama has"), "\(whole.output)\(whole.error)")
    #expect(whole.error == "note: the answer was ended after 20 tokens (--max-tokens).\n")
    let cut = try workspace.run(arguments + ["--stop", "has", "--stop", "llama h"])
    #expect(cut.output == " is tame. The \n", "\(cut.output)")
    #expect(cut.error.isEmpty)
  }

  @Test func theSameSeedMakesTheSameText() throws {
    let workspace = try Workspace()
    let arguments = ["generate", "--base", "starter", "--prompt", "The", "--temperature", "1.5", "--max-tokens", "30"]
    let texts = try ["3", "3", "4"].map { try workspace.run(arguments + ["--seed", $0]).output }
    #expect(texts[0] == texts[1] && texts[0] != texts[2])
    let chosen = try workspace.run(arguments)
    let seed = try #require(chosen.error.split(separator: " ").drop { $0 != "--seed" }.dropFirst().first)
    #expect(try workspace.run(arguments + ["--seed", String(seed)]).output == chosen.output)
  }

  @Test func answersAFile() throws {
    let workspace = try Workspace()
    try workspace.write(
      #"""
      {"instruction": "What is a young bat called?", "output": "not used", "id": 3}
      {"instruction": "Write the larger number.", "input": "41 and 44"}
      {"instruction": "What is a young goose called?", "input": null, "output": null}
      """#, to: "q.jsonl")
    let arguments = ["generate"] + GenerateTests.taught + ["--file", "q.jsonl"]
    let result = try workspace.run(arguments + ["--output", "a.jsonl", "--quiet"])
    #expect(result.status == 0 && result.output.isEmpty)
    #expect(result.error == "note: the key 'id' of 1 row is not used.\n")
    let answers = try workspace.read("a.jsonl")
    #expect(
      answers == #"""
        {"instruction": "What is a young bat called?", "input": "", "output": "A pup."}
        {"instruction": "Write the larger number.", "input": "41 and 44", "output": "44"}
        {"instruction": "What is a young goose called?", "input": "", "output": "A gosling."}

        """#)
    let printed = try workspace.run(arguments)
    #expect(printed.output == answers && printed.error.contains("3 answers in "), "\(printed.error)")
    let cut = try workspace.run(arguments + ["--max-tokens", "1"])
    #expect(cut.error.contains("note: 3 answers were ended after 1 tokens (--max-tokens).\n"), "\(cut.error)")
  }

  @Test func anotherTemplateThanTheAdaptersIsAnnounced() throws {
    let workspace = try Workspace()
    let arguments = ["generate"] + GenerateTests.taught + ["--instruction", "What is a young bat called?"]
    let other = try workspace.run(arguments + ["--template", "llama2"])
    #expect(
      other.error.contains("\(GenerateTests.quickstart) was trained with the template 'alpaca'; --template asks for 'llama2'.\n"),
      "\(other.error)")
    let same = try workspace.run(arguments + ["--template", "alpaca"])
    #expect(same.output == "A pup.\n" && same.error.isEmpty)
    let base = try workspace.run(["generate", "--base", "starter", "--instruction", "a", "--max-tokens", "1"])
    #expect(base.error.hasPrefix("note: a base names no template; 'alpaca' is used. --template chooses another.\n"), "\(base.error)")
  }

  @Test func talks() throws {
    let workspace = try Workspace()
    let lines = "What is a young bat called?\n\n/foo\nAnd a goose?\n/reset\nWhat is a young bat called?\n/exit\nHello\n"
    let result = try workspace.run(["chat"] + GenerateTests.taught, input: lines)
    #expect(result.status == 0)
    let answers = result.output.split(separator: "\n")
    #expect(answers.count == 3 && answers[0] == "A pup." && answers[2] == "A pup.", "\(result.output)")
    #expect(result.error == "note: '/foo' is no command. There are /reset and /exit.\nnote: what was said is forgotten.\n")
    // The adapter's instructions in a template without turns.
    let section = "### Instruction:\\n{instruction}\\n\\n### Response:"
    let header = "Below is an instruction that describes a task"
    let task = "Write a response that appropriately completes the request.\\n\\n"
    let input = section.replacingOccurrences(of: "### Response", with: "### Input:\\n{input}\\n\\n### Response")
    try workspace.write(
      """
      {"prompt_input": "\(header), paired with an input that provides further context. \(task)\(input)",
      "prompt_no_input": "\(header). \(task)\(section)", "response_split": "### Response:"}
      """, to: "single.json")
    let single = try workspace.run(
      ["chat", "--template", "single.json"] + GenerateTests.taught,
      input: "What is a young bat called?\nWhat is a young goose called?\n")
    #expect(single.output == "A pup.\nA gosling.\n")
    #expect(single.error == "note: the template 'single' has a single turn: every message is answered by itself.\n")
    // A last line without an end, and a conversation that becomes too long.
    let long = String(repeating: "llama ", count: 100)
    let turns = try workspace.run(
      ["chat", "--base", "starter", "--template", "llama2", "--max-tokens", "4"],
      input: String(repeating: long + "\n", count: 8) + "/reset\nThe llama")
    #expect(turns.status == 0, "\(turns.error)")
    #expect(turns.error.contains(" positions for it and an answer. The message was not taken; /reset begins anew.\n"), "\(turns.error)")
    #expect(turns.error.hasSuffix("note: the answer was ended after 4 tokens (--max-tokens).\n"), "\(turns.error)")
  }

  @Test(.enabled(if: SharedFiles.exist, "no ../shared beside the package")) func aRealModelContinuesNothing() throws {
    let folder = SharedFiles.file("data/stories260k")
    let ids = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: "\(folder)/greedy_ids.json"))) as? [Int])
    let count = ids.count - (ids[0] == 1 ? 1 : 0)
    let result = try Workspace().run([
      "generate", "--base", "\(folder)/hf", "--prompt", "", "--max-tokens", String(count), "--precision", "float32",
    ])
    let expected = try String(contentsOfFile: "\(folder)/greedy.txt", encoding: .utf8)
    #expect(result.output.trimmingCharacters(in: .newlines) == expected.trimmingCharacters(in: .newlines))
  }
}

extension MistakeTests {
  static let generate = ["generate", "--base", "starter"]

  static let generation = [
    Mistake("nothing to answer", "Error: Give one of --instruction, --prompt and --file.", status: 2, arguments: generate),
    Mistake(
      "an instruction and a prompt", "Error: Give one of --instruction, --prompt and --file.", status: 2,
      arguments: generate + ["--instruction", "a", "--prompt", "b"]),
    Mistake("input alone", "Error: --input belongs to --instruction.", status: 2, arguments: generate + ["--prompt", "a", "--input", "b"]),
    Mistake(
      "a file for one answer", "Error: --output belongs to --file; one answer goes to standard output.", status: 2,
      arguments: generate + ["--prompt", "a", "--output", "b"]),
    Mistake(
      "a template for raw text", "Error: --template has no effect on --prompt, which is raw text. Use --instruction.", status: 2,
      arguments: generate + ["--prompt", "a", "--template", "alpaca"]),
    Mistake(
      "no tokens to make", "Error: --max-tokens is 0; expected a whole number from 1.", status: 2,
      arguments: generate + ["--prompt", "a", "--max-tokens", "0"]),
    Mistake(
      "temperature below zero", "Error: --temperature is -1.0; expected 0, or a number from 0.001.", status: 2,
      arguments: generate + ["--prompt", "a", "--temperature=-1"]),
    Mistake(
      "temperature nan", "Error: --temperature is nan; expected 0, or a number from 0.001.", status: 2,
      arguments: generate + ["--prompt", "a", "--temperature", "nan"]),
    Mistake(
      "top-p of nothing", "Error: --top-p is 0.0; expected a number above 0, at most 1.", status: 2,
      arguments: generate + ["--prompt", "a", "--temperature", "1", "--top-p", "0"]),
    Mistake(
      "top-k without a temperature",
      "Error: --top-k has no effect at temperature 0, which takes the most likely token. Give --temperature too.", status: 2,
      arguments: generate + ["--prompt", "a", "--top-k", "5"]),
    Mistake(
      "an empty stop", "Error: --stop is empty; expected a text.", status: 2, arguments: generate + ["--prompt", "a", "--stop", ""]),
    Mistake(
      "a base without a tokenizer", "base has no tokenizer: put its tokenizer.model or tokenizer.json into the folder.",
      arguments: ["generate", "--base", "base", "--prompt", "a"]),
    Mistake("no such base to generate", "nowhere: ", arguments: ["generate", "--base", "nowhere", "--prompt", "a"]),
    Mistake(
      "an unknown template to answer in", "Unknown template 'alpacca'. Did you mean 'alpaca'?",
      arguments: generate + ["--instruction", "a", "--template", "alpacca"]),
    Mistake("no such questions", "q.json: no such file.", arguments: generate + ["--file", "q.json"]),
    Mistake(
      "questions without instructions", "q.json: row 2 has no 'instruction'. Expected objects with 'instruction' and optional 'input'.",
      arguments: generate + ["--file", "q.json"]
    ) { try $0.write(#"[{"instruction": "a"}, {"messages": []}]"#, to: "q.json") },
    Mistake(
      "answers over questions", "--output is the file of the rows itself, q.json. Give it another name.",
      arguments: generate + ["--file", "q.json", "--output", "./q.json"]
    ) { try $0.write(#"[{"instruction": "a"}]"#, to: "q.json") },
    Mistake("answers into no folder", "nowhere/a: ", arguments: generate + ["--file", "q.json", "--output", "nowhere/a"]) {
      try $0.write(#"[{"instruction": "a"}]"#, to: "q.json")
    },
    Mistake("a question beyond the positions", "q.json: the prompt of row 1 has ", arguments: generate + ["--file", "q.json"]) {
      try $0.write("[{\"instruction\": \"\(String(repeating: "llama ", count: 2000))\"}]", to: "q.json")
    },
    Mistake(
      "a prompt beyond the positions", "The prompt has ", arguments: generate + ["--prompt", String(repeating: "llama ", count: 2000)]),
    Mistake(
      "a record that is broken", "adapter/run.json:1: unreadable JSON at byte 26: ",
      arguments: ["chat", "--base", "starter", "--adapter", "adapter"]
    ) {
      try $0.write(#"{"base_fingerprint": "a", "#, to: "adapter/run.json")
    },
  ]
}
