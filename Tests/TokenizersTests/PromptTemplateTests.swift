import Foundation
import TestSupport
import Testing
import Tokenizers

struct PromptTemplateTests {
  static let header = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
  static let inputHeader =
    "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that "
    + "appropriately completes the request.\n\n"
  static let vigogne = "Ci-dessous se trouve une instruction qui décrit une tâche"

  /// Name, prompt of `I`, prompt of `I` with input `X`.
  static let texts: [(String, String, String)] = [
    (
      "alpaca", header + "### Instruction:\nI\n\n### Response:",
      inputHeader + "### Instruction:\nI\n\n### Input:\nX\n\n### Response:"
    ),
    (
      "alpaca-lora", header + "### Instruction:\nI\n\n### Response:\n",
      inputHeader + "### Instruction:\nI\n\n### Input:\nX\n\n### Response:\n"
    ),
    ("alpaca-short", "### Instruction:\nI\n\n### Response:\n", "### Instruction:\nI\n\n### Input:\nX\n\n### Response:\n"),
    (
      "vigogne",
      vigogne + ". Écrivez une réponse qui complète correctement la demande.\n\n### Instruction:\nI\n\n### Réponse:\n",
      vigogne + ", associée à une entrée qui fournit un contexte supplémentaire. Écrivez une réponse qui complète correctement la demande."
        + "\n\n### Instruction:\nI\n\n### Entrée:\nX\n\n### Réponse:\n"
    ),
    ("chinese-alpaca", header + "### Instruction:\nI\n\n### Response: ", header + "### Instruction:\nI\nX\n\n### Response: "),
    (
      "chinese-alpaca-inference", header + "### Instruction:\n\nI\n\n### Response:\n\n",
      header + "### Instruction:\n\nI\nX\n\n### Response:\n\n"
    ),
    (
      "chinese-alpaca-2", "[INST] <<SYS>>\nYou are a helpful assistant. 你是一个乐于助人的助手。\n<</SYS>>\n\nI [/INST]",
      "[INST] <<SYS>>\nYou are a helpful assistant. 你是一个乐于助人的助手。\n<</SYS>>\n\nI\nX [/INST]"
    ),
    ("llama-factory", header + "### Instruction:\nI\n\n### Response:\n", header + "### Instruction:\nI\nX\n\n### Response:\n"),
    (
      "unsloth",
      "Below are some instructions that describe some tasks. Write responses that appropriately complete each request.\n\n"
        + "### Instruction:\nI\n\n### Response:\n",
      "Below are some instructions that describe some tasks. Write responses that appropriately complete each request.\n\n"
        + "### Instruction:\nI\nYour input is:\nX\n\n### Response:\n"
    ),
    ("llama2", "[INST] I [/INST]", "[INST] I\nX [/INST]"),
    (
      "llama3",
      "<|start_header_id|>user<|end_header_id|>\n\nI<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
      "<|start_header_id|>user<|end_header_id|>\n\nI\nX<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
  ]

  @Test func everyNameHasItsText() throws {
    #expect(Self.texts.map(\.0) == PromptTemplate.names)
    for (name, withoutInput, withInput) in Self.texts {
      let template = try PromptTemplate.named(name)
      #expect(template.prompt(instruction: "I") == withoutInput, "\(name)")
      #expect(template.prompt(instruction: "I", input: "") == withoutInput, "\(name)")
      #expect(template.prompt(instruction: "I", input: "X") == withInput, "\(name)")
    }
  }

  @Test func whichJoin() throws {
    let apart = try PromptTemplate.names.filter { try PromptTemplate.named($0).join == .tokens }
    #expect(apart == ["chinese-alpaca", "chinese-alpaca-inference", "chinese-alpaca-2", "llama2", "llama3"])
  }

  @Test(
    .enabled(if: SharedFiles.exist, "needs the shared folder (PUNA_SHARED)"),
    arguments: [
      ("alpaca-lora", "alpaca"), ("alpaca", "alpaca_legacy"), ("alpaca-short", "alpaca_short"), ("vigogne", "vigogne"),
    ])
  func equalsThePublishedFile(name: String, file: String) throws {
    let published = try PromptTemplate.open(SharedFiles.file("data/alpaca/\(file).json"))
    let ours = try PromptTemplate.named(name)
    #expect(published.promptInput == ours.promptInput)
    #expect(published.promptNoInput == ours.promptNoInput)
    #expect(published.responseSplit == ours.responseSplit)
    #expect(published.join == .text)
  }

  @Test func placeholdersAreReplacedInOnePass() throws {
    let template = try PromptTemplate.named("alpaca-short")
    #expect(
      template.prompt(instruction: "say {input} and {instruction}", input: "{instruction}{output}")
        == "### Instruction:\nsay {input} and {instruction}\n\n### Input:\n{instruction}{output}\n\n### Response:\n")
  }

  @Test func responsesAreFound() throws {
    let template = try PromptTemplate.named("alpaca")
    #expect(template.response(in: "### Instruction:\nI\n\n### Response: \n yes, no\n") == "yes, no")
    #expect(template.response(in: "### Response:") == "")
    #expect(template.response(in: "no mark") == "no mark")
  }

  @Test func unknownNames() {
    let near = #expect(throws: TokenizerError.self) { try PromptTemplate.open("alpcaa") }
    #expect(near?.description == "Unknown template 'alpcaa'. Did you mean 'alpaca'?")
    let far = #expect(throws: TokenizerError.self) { try PromptTemplate.open("something") }
    #expect(far?.description.hasPrefix("Unknown template 'something'. Known: alpaca, alpaca-lora, ") == true)
  }

  // MARK: - Files

  static let good = #""prompt_input": "{instruction}+{input}:", "prompt_no_input": "{instruction}:", "response_split": ":""#

  @Test func filesAndRecords() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      """
      {"description": "d", \(Self.good), "join": "tokens", "system": "S",
       "inference": {"prompt_input": "{system}{instruction}-{input}", "prompt_no_input": "{instruction}-"}}
      """, to: "mine.json")
    let template = try PromptTemplate.open(path)
    #expect(template.name == "mine")
    #expect(template.join == .tokens)
    #expect(template.inference == .init(input: "{system}{instruction}-{input}", noInput: "{instruction}-"))
    for template in try PromptTemplate.names.map({ try PromptTemplate.named($0) }) + [template] {
      #expect(try PromptTemplate(json: Array(template.json().utf8), path: "run.json") == template)
    }
  }

  @Test(arguments: [
    ("[]", ["the file is an array; expected an object with 'prompt_input', 'prompt_no_input' and 'response_split'."]),
    ("{}", ["'prompt_input' is missing.", "'prompt_no_input' is missing.", "'response_split' is missing."]),
    ("{\n\"promt_input\": \"\",\n\(good)}", ["line 2: unknown key 'promt_input'. Did you mean 'prompt_input'?"]),
    ("{\(good), \"join\": \"both\"}", ["'join' is 'both'; expected 'text' or 'tokens'."]),
    ("{\(good), \"trim\": 1, \"system\": 2}", ["'system' is a number; expected a string.", "'trim' is a number; expected true or false."]),
    (
      #"{"prompt_input": "{instruction}", "prompt_no_input": "{input}{system}", "response_split": ""}"#,
      [
        "'prompt_input' has no {input}.", "'prompt_no_input' has no {instruction}.",
        "'prompt_no_input' has {input}, but it is for rows without one.", "'prompt_no_input' has {system}, but the file has no 'system'.",
      ]
    ),
  ])
  func badFiles(json: String, problems: [String]) {
    #expect(throws: TokenizerError.badTemplate(path: "t.json", problems: problems)) {
      try PromptTemplate(json: Array(json.utf8), path: "t.json")
    }
  }

  @Test func fileThatIsNoJSON() {
    let error = #expect(throws: TokenizerError.self) { try PromptTemplate(json: Array("{\n  'a': 1}".utf8), path: "t.json") }
    #expect(error?.description == "t.json:2:3: (byte 4) expected a key in double quotes, found '''")
  }
}
