/// One model's answer to one sample, and what it was worth.
public struct SampleRecord: Sendable {
  public let sample: Sample
  public let response: SampleResponse
  public let score: SampleScore

  public init(sample: Sample, response: SampleResponse, score: SampleScore) {
    self.sample = sample
    self.response = response
    self.score = score
  }

  /// Whether the model's positions did not reach for the whole context.
  var isCut: Bool {
    guard case .continuations(let scores) = response else { return false }
    return scores.contains { $0.cutCount > 0 }
  }
}

/// What was asked, as a person reads it: the prompt followed by a choice is a text that the model scored.
struct SampleWording {
  let prompt: String
  /// Empty where text is generated.
  let choices: [String]

  /// - Parameter render: how the model's template writes an instruction.
  init(_ request: SampleRequest, render: (PromptText) -> String = SampleWording.plain) {
    switch request {
    case .continuations(let continuations): self.init(continuations)
    case .text(let text): self.init(prompt: "", choices: [text])
    case .generation(let request): self.init(prompt: render(request.prompt), choices: [])
    }
  }

  /// Contexts that differ, as Winogrande's, share their beginning as the prompt.
  private init(_ continuations: [Continuation]) {
    let contexts = continuations.map(\.context.unicodeScalars)
    guard let first = contexts.first else {
      self.init(prompt: "", choices: [])
      return
    }
    let length = contexts.dropFirst().reduce(first.count) { length, other in
      min(length, zip(first, other).prefix { $0 == $1 }.count)
    }
    self.init(
      prompt: String(first.prefix(length)), choices: continuations.map { String($0.context.unicodeScalars.dropFirst(length)) + $0.text })
  }

  private init(prompt: String, choices: [String]) {
    self.prompt = prompt
    self.choices = choices
  }

  /// An instruction without a template.
  static func plain(_ prompt: PromptText) -> String {
    switch prompt {
    case .raw(let text): text
    case .instruction(let instruction, let input): input.map { instruction + "\n\n" + $0 } ?? instruction
    }
  }
}
