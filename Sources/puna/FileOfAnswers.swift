import ArgumentParser
import Checkpoints
import Datasets
import Foundation
import Inference
import JSON

/// A file of instructions and the file of their answers: JSON lines in the order of the rows, complete or not there.
struct FileOfAnswers {
  private let questions: QuestionFile
  /// Nil: standard output.
  private let output: AtomicFile?

  /// Reads the rows and begins the output, so that neither fails after hours.
  init(questions path: String, output: String?) throws {
    questions = try QuestionFile(path: path)
    for (key, count) in questions.ignoredKeys.sorted(by: { $0.key < $1.key }) {
      note("the key '\(key)' of \(Terminal.grouped(count)) row\(count == 1 ? "" : "s") is not used.")
    }
    if let output, FileOfAnswers.isSame(output, path) {
      throw Failure("--output is the file of the rows itself, \(path). Give it another name.")
    }
    self.output = try output.map { try AtomicFile($0) }
  }

  /// - Throws: `ExitCode` when interrupted; no file appears then.
  func answer(by model: AnsweringModel, isQuiet: Bool) throws {
    guard let encoder = model.encoder else { preconditionFailure("rows are written in a template") }
    let prompts = try questions.rows.enumerated().map { index, row in
      try model.checked(
        encoder.encodePrompt(instruction: row.instruction, input: row.input), "\(questions.path): the prompt of row \(index + 1) has")
    }
    var texts = prompts.map { _ in AnswerText(model.tokenizer, stops: model.stopTexts) }
    var finished: [String?] = prompts.map { _ in nil }
    var answers = prompts.map { _ in "" }
    var written = 0
    var progress = AnswerProgress(total: prompts.count, isQuiet: isQuiet)
    var endings: [Answer.Ending] = []
    _ = try model.generator.generate(
      prompts,
      onToken: { index, token in
        answers[index] += try texts[index].append(token)
        if Interruption.isAsked { throw ExitCode(Interruption.status) }
        progress.countToken()
        return !texts[index].isStopped
      },
      onAnswer: { index, answer in
        finished[index] = line(questions.rows[index], answers[index] + texts[index].finish())
        endings.append(answer.ending)
        progress.countAnswer()
        while written < finished.count, let line = finished[written] {
          try write(line)
          finished[written] = ""
          written += 1
        }
      })
    try output?.commit()
    progress.finish()
    let cut = [
      (Answer.Ending.maximumTokens, "after \(Terminal.grouped(model.maximumTokens)) tokens (--max-tokens)"),
      (.positions, "at the last of the \(Terminal.grouped(model.positions)) positions of \(model.name)"),
    ]
    for (ending, place) in cut {
      let count = endings.count { $0 == ending }
      if count > 0 { note("\(Terminal.grouped(count)) answer\(count == 1 ? " was" : "s were") ended \(place).") }
    }
  }

  private func line(_ row: QuestionFile.Row, _ answer: String) -> String {
    func quoted(_ text: String) -> String { JSONValue.string(text).line }
    return "{\"instruction\": \(quoted(row.instruction)), \"input\": \(quoted(row.input ?? "")), \"output\": \(quoted(answer))}\n"
  }

  private func write(_ line: String) throws {
    guard let output else {
      standardOutput(line)
      return
    }
    try Array(line.utf8).withUnsafeBytes { try output.append($0) }
  }

  /// Whether two paths lead to one file.
  static func isSame(_ a: String, _ b: String) -> Bool {
    func real(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path }
    return real(a) == real(b)
  }
}

/// How far a file of answers is: a line that renews itself on a terminal, a line now and then elsewhere.
struct AnswerProgress {
  private let total: Int
  private let isQuiet: Bool
  private let began = Date()
  private var lastShown = Date()
  private var answers = 0
  private var tokens = 0

  init(total: Int, isQuiet: Bool) {
    self.total = total
    self.isQuiet = isQuiet
  }

  mutating func countToken() {
    tokens += 1
    guard !isQuiet, Date().timeIntervalSince(lastShown) >= (Terminal.isInteractive ? 0.5 : 30) else { return }
    lastShown = Date()
    let left = answers == 0 ? "" : ", about \(Terminal.duration(seconds / Double(answers) * Double(total - answers))) left"
    let text = "\(Terminal.grouped(answers)) of \(Terminal.grouped(total)) answers, \(rate)\(left)"
    if Terminal.isInteractive {
      FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    } else {
      standardError(text)
    }
  }

  mutating func countAnswer() { answers += 1 }

  func finish() {
    guard !isQuiet else { return }
    let clear = Terminal.isInteractive ? "\r\u{1B}[K" : ""
    standardError(
      "\(clear)\(Terminal.grouped(answers)) answer\(answers == 1 ? "" : "s") in \(Terminal.duration(seconds)), "
        + "\(Terminal.grouped(tokens)) tokens, \(rate)")
  }

  private var seconds: Double { Date().timeIntervalSince(began) }
  private var rate: String { String(format: "%.1f tokens/s", Double(tokens) / max(seconds, 1e-3)) }
}
