extension PromptTemplate {
  private static let header = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
  private static let inputHeader =
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    + "Write a response that appropriately completes the request."

  /// Headers of Stanford Alpaca above the sections, with `ending` after `### Response:`.
  private static func alpaca(_ name: String, ending: String, description: String) -> PromptTemplate {
    let sections = "### Instruction:\n{instruction}\n\n### Response:\(ending)"
    return PromptTemplate(
      name: name,
      promptInput: "\(inputHeader)\n\n### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\(ending)",
      promptNoInput: "\(header)\n\n\(sections)", responseSplit: "### Response:", description: description, chat: sectionChat(sections))
  }

  /// Turns of the Alpaca family, as LLaMA-Factory, FastChat and unsloth write them: an answer, its end, an empty line, and the sections
  /// again without the header. A system text takes the header's place.
  private static func sectionChat(_ sections: String) -> Chat {
    Chat(next: "\n\n\(sections)", withSystem: "{system}\n\n\(sections)")
  }

  /// One prompt for all rows: an input follows its instruction, after `separator`.
  private static func joined(
    _ name: String, prompt: String, separator: String = "\n", responseSplit: String, join: Join, system: String? = nil,
    description: String, specialTokens: [String] = [], responseEnd: String? = nil, trims: Bool = false,
    chat: Chat? = nil
  ) -> PromptTemplate {
    let parts = prompt.split(separator: "{instruction}", maxSplits: 1, omittingEmptySubsequences: false)
    return PromptTemplate(
      name: name, promptInput: parts.joined(separator: "{instruction}\(separator){input}"), promptNoInput: prompt,
      responseSplit: responseSplit, join: join, system: system, description: description, specialTokens: specialTokens,
      responseEnd: responseEnd, trims: trims, chat: chat ?? sections(of: prompt).map(sectionChat))
  }

  /// What follows a header.
  private static func sections(of prompt: String) -> String? {
    prompt.firstRange(of: "### Instruction:").map { String(prompt[$0.lowerBound...]) }
  }

  private static let llama3User =
    "<|start_header_id|>user<|end_header_id|>\n\n{instruction}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"

  private static let all: [PromptTemplate] = [
    alpaca("alpaca", ending: "", description: "Stanford Alpaca's training text: nothing follows '### Response:'."),
    alpaca("alpaca-lora", ending: "\n", description: "alpaca-lora, torchtune, litgpt and axolotl: a newline follows '### Response:'."),
    PromptTemplate(
      name: "alpaca-short", promptInput: "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n",
      promptNoInput: "### Instruction:\n{instruction}\n\n### Response:\n", responseSplit: "### Response:",
      description: "alpaca-lora's short form, without a header.",
      chat: sectionChat("### Instruction:\n{instruction}\n\n### Response:\n")),
    PromptTemplate(
      name: "vigogne",
      promptInput: "Ci-dessous se trouve une instruction qui décrit une tâche, associée à une entrée qui fournit un contexte "
        + "supplémentaire. Écrivez une réponse qui complète correctement la demande.\n\n"
        + "### Instruction:\n{instruction}\n\n### Entrée:\n{input}\n\n### Réponse:\n",
      promptNoInput: "Ci-dessous se trouve une instruction qui décrit une tâche. Écrivez une réponse qui complète correctement la "
        + "demande.\n\n### Instruction:\n{instruction}\n\n### Réponse:\n",
      responseSplit: "### Réponse:", description: "Vigogne, French.",
      chat: sectionChat("### Instruction:\n{instruction}\n\n### Réponse:\n")),
    joined(
      "chinese-alpaca", prompt: "\(header)\n\n### Instruction:\n{instruction}\n\n### Response: ", responseSplit: "### Response:",
      join: .tokens, description: "Chinese-LLaMA-Alpaca's training text: a space follows '### Response:'."),
    joined(
      "chinese-alpaca-inference", prompt: "\(header)\n\n### Instruction:\n\n{instruction}\n\n### Response:\n\n",
      responseSplit: "### Response:", join: .tokens, description: "Chinese-LLaMA-Alpaca's text for inference."),
    joined(
      "chinese-alpaca-2", prompt: "[INST] <<SYS>>\n{system}\n<</SYS>>\n\n{instruction} [/INST]", responseSplit: "[/INST]", join: .tokens,
      system: "You are a helpful assistant. 你是一个乐于助人的助手。", description: "Chinese-LLaMA-Alpaca-2, training and inference.",
      chat: Chat(next: "[INST] {instruction} [/INST]", beginsEachTurn: true)),
    joined(
      "llama-factory", prompt: "\(header)\n\n### Instruction:\n{instruction}\n\n### Response:\n", responseSplit: "### Response:",
      join: .text, description: "LLaMA-Factory's template 'alpaca': an input follows its instruction on a line of its own."),
    joined(
      "unsloth",
      prompt: "Below are some instructions that describe some tasks. Write responses that appropriately complete each request.\n\n"
        + "### Instruction:\n{instruction}\n\n### Response:\n",
      separator: "\nYour input is:\n", responseSplit: "### Response:", join: .text,
      description: "unsloth's Alpaca chat template and merged prompt."),
    joined(
      "llama2", prompt: "[INST] {instruction} [/INST]", responseSplit: "[/INST]", join: .tokens,
      description: "Llama 2 chat; no spaces round answers, as in LLaMA-Factory.",
      chat: Chat(
        next: "[INST] {instruction} [/INST]", withSystem: "[INST] <<SYS>>\n{system}\n<</SYS>>\n\n{instruction} [/INST]",
        beginsEachTurn: true)),
    joined(
      "llama3", prompt: llama3User, responseSplit: "<|start_header_id|>assistant<|end_header_id|>\n\n", join: .tokens,
      description: "Llama 3 chat.", specialTokens: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"], responseEnd: "<|eot_id|>",
      trims: true,
      chat: Chat(next: llama3User, withSystem: "<|start_header_id|>system<|end_header_id|>\n\n{system}<|eot_id|>\(llama3User)")),
  ]

  /// Of the templates that come with the tool, in the order of their presentation.
  public static let names = all.map(\.name)

  /// - Throws: `TokenizerError.unknownTemplate` with the nearest name.
  public static func named(_ name: String) throws -> PromptTemplate {
    guard let template = all.first(where: { $0.name == name }) else {
      throw TokenizerError.unknownTemplate(name: name, suggestion: nearestName(to: name, in: names))
    }
    return template
  }
}

/// The name that `word` was probably meant to be: at most a third of its letters changed, added, dropped or swapped with a neighbour.
func nearestName(to word: String, in names: [String]) -> String? {
  let word = Array(word)
  let candidates = names.map { (name: $0, distance: editDistance(word, Array($0))) }
  guard let best = candidates.min(by: { $0.distance < $1.distance }), best.distance <= max(1, word.count / 3) else { return nil }
  return best.name
}

/// Optimal string alignment distance.
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
  var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
  for i in 0...a.count { rows[i][0] = i }
  for j in 0...b.count { rows[0][j] = j }
  for i in a.indices {
    for j in b.indices {
      var best = min(rows[i][j + 1], rows[i + 1][j]) + 1
      best = min(best, rows[i][j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
      rows[i + 1][j + 1] = best
    }
  }
  return rows[a.count][b.count]
}
