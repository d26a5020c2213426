import ArgumentParser
import Foundation
import Inference
import Tokenizers

struct ChatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat", abstract: "Talk with a model.",
    discussion: """
      Example: puna chat --base models/llama-7b --adapter adapters/alpaca-7b
      A line is a message. /reset forgets what was said, /exit or Ctrl-D ends. Ctrl-C ends an answer, and between answers the program.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var generation: GenerationArguments
  @OptionGroup var compute: ComputeFlags

  func run() throws {
    ChatInterruption.watch()
    let answering = try AnsweringModel(model, generation, compute, usesTemplate: true)
    guard let encoder = answering.encoder else { preconditionFailure("a conversation is written in a template") }
    let hasTurns = encoder.template.chat != nil
    if !hasTurns { note("the template '\(encoder.template.name)' has a single turn: every message is answered by itself.") }
    let held = HeldPrompt()
    var exchanges: [Conversation.Exchange] = []
    var input = ChatInput()
    while let line = try input.line() {
      let message = line.trimmingCharacters(in: .whitespacesAndNewlines)
      if message.isEmpty { continue }
      if message == "/exit" { return }
      if message == "/reset" {
        exchanges = []
        note("what was said is forgotten.")
        continue
      }
      if message.hasPrefix("/"), !message.contains(" ") {
        note("'\(message)' is no command. There are /reset and /exit.")
        continue
      }
      if !hasTurns { exchanges = [] }
      let ids = try encoder.encodePrompt(conversation: Conversation(exchanges: exchanges + [.init(user: message)]))
      guard ids.count < answering.positions else {
        note(
          "the conversation would have \(Terminal.grouped(ids.count)) tokens, but \(answering.name) has "
            + "\(Terminal.grouped(answering.positions)) positions for it and an answer. The message was not taken; /reset begins anew.")
        continue
      }
      exchanges.append(.init(user: message, assistant: try answer(ids, answering, held)))
    }
  }

  /// Streams an answer and returns it.
  private func answer(_ ids: [Int32], _ answering: AnsweringModel, _ held: HeldPrompt) throws -> String {
    var text = AnswerText(answering.tokenizer, stops: answering.stopTexts)
    var said = ""
    func say(_ piece: String) {
      said += piece
      standardOutput(piece)
    }
    ChatInterruption.beginAnswer()
    defer { ChatInterruption.endAnswer() }
    let answer = try answering.generator.generate(
      Prompt(ids), holding: held,
      onToken: { token in
        say(try text.append(token))
        return !text.isStopped && !ChatInterruption.isAsked
      })
    say(text.finish())
    standardOutput("\n")
    answering.explain(answer.ending)
    return said
  }
}

/// Reads what a person types.
private struct ChatInput {
  private var bytes: [UInt8] = []
  private let isTyped = isatty(STDIN_FILENO) == 1

  /// The next line; `nil` at the end.
  mutating func line() throws -> String? {
    if isTyped { FileHandle.standardError.write(Data("> ".utf8)) }
    var end = bytes.firstIndex(of: UInt8(ascii: "\n"))
    while end == nil {
      let data = FileHandle.standardInput.availableData
      if data.isEmpty {
        if isTyped { standardError("") }
        guard !bytes.isEmpty else { return nil }
        // A last line without an end.
        bytes.append(UInt8(ascii: "\n"))
      }
      bytes.append(contentsOf: data)
      end = bytes.firstIndex(of: UInt8(ascii: "\n"))
    }
    let line = bytes[..<(end ?? bytes.endIndex)]
    defer { bytes.removeFirst(line.count + 1) }
    guard let text = String(validating: line, as: UTF8.self) else {
      throw Failure("standard input: not valid UTF-8. Convert it to UTF-8.")
    }
    return text
  }
}
