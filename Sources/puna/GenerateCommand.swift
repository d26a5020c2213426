import ArgumentParser
import Foundation
import Inference

struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Answer an instruction, continue a text, or answer a file of instructions.",
    discussion: """
      Examples:
        puna generate --base starter --adapter adapters/starter-quickstart --instruction "What is a young bat called?"
        puna generate --base models/llama-7b --prompt "The llama" --temperature 0.8 --top-p 0.95
        puna generate --base models/llama-7b --adapter adapters/alpaca-7b --file questions.json --output answers.jsonl
      """)

  @OptionGroup var model: ModelArguments
  @Option(help: "What is asked, put into the template.") var instruction: String?
  @Option(help: "What the instruction is about.") var input: String?
  @Option(help: "Raw text to be continued; begins as the model's tokenizer begins a sequence.") var prompt: String?
  @Option(help: "Rows with 'instruction' and optional 'input', as JSON or JSON lines.") var file: String?
  @Option(help: "File for the answers to --file, as JSON lines; default: standard output.") var output: String?
  @Flag(help: "Print no progress, only notes and results.") var quiet = false
  @OptionGroup var generation: GenerationArguments
  @OptionGroup var compute: ComputeFlags

  func validate() throws {
    if [instruction, prompt, file].compactMap({ $0 }).count != 1 {
      throw ValidationError("Give one of --instruction, --prompt and --file.")
    }
    if input != nil, instruction == nil { throw ValidationError("--input belongs to --instruction.") }
    if output != nil, file == nil { throw ValidationError("--output belongs to --file; one answer goes to standard output.") }
    if generation.template != nil, prompt != nil {
      throw ValidationError("--template has no effect on --prompt, which is raw text. Use --instruction.")
    }
  }

  func run() throws {
    // Before a large model is opened.
    let rows = try file.map { try FileOfAnswers(questions: $0, output: output) }
    let answering = try AnsweringModel(model, generation, compute, usesTemplate: prompt == nil)
    Interruption.watch()
    if let rows {
      try rows.answer(by: answering, isQuiet: quiet)
      return
    }
    let ids: [Int32]
    if let instruction, let encoder = answering.encoder {
      ids = try encoder.encodePrompt(instruction: instruction, input: input)
    } else {
      ids = try answering.rawPrompt(prompt ?? "")
    }
    var text = AnswerText(answering.tokenizer, stops: answering.stopTexts, continues: prompt.map { !$0.isEmpty } ?? false)
    let answer = try answering.generator.generate(
      answering.checked(ids, "The prompt has"), holding: HeldPrompt(),
      onToken: { token in
        standardOutput(try text.append(token))
        return !text.isStopped && !Interruption.isAsked
      })
    standardOutput(text.finish() + "\n")
    if Interruption.isAsked { throw ExitCode(Interruption.status) }
    answering.explain(answer.ending)
  }
}
