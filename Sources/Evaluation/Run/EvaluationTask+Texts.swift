extension EvaluationTask {
  /// Whether a sample is asked in the model's template.
  public var usesTemplate: Bool {
    samples.contains { sample in
      if case .generation(let request) = sample.request, case .instruction = request.prompt { true } else { false }
    }
  }

  /// Gives `body` every text that decides what a model responds, in order: a digest of them tells one task from another.
  public func forEachText(_ body: (String) -> Void) {
    body("\(name) \(version) \(fewShot) \(samples.count)")
    var last: String?
    for sample in samples {
      switch sample.request {
      case .continuations(let continuations):
        for continuation in continuations {
          // The context is the same for all choices mostly.
          if continuation.context != last { body(continuation.context) }
          last = continuation.context
          body("\u{1}" + continuation.text)
        }
      case .text(let text): body("\u{2}" + text)
      case .generation(let request):
        switch request.prompt {
        case .raw(let text): body("\u{3}" + text)
        case .instruction(let text, let input): body("\u{4}" + text + "\u{5}" + (input ?? ""))
        }
        body("\(request.stops) \(request.maximumTokens) \(request.answerCount) \(request.temperature) \(request.keepsLeadingSpace)")
      }
    }
  }
}

extension SampleRequest {
  /// About what it costs, for telling how much is left: bytes of text to read or write.
  public var size: Int {
    switch self {
    case .continuations(let continuations): continuations.reduce(continuations.first?.context.utf8.count ?? 0) { $0 + $1.text.utf8.count }
    case .text(let text): text.utf8.count
    // Writing a token takes as long as reading many.
    case .generation(let request): request.prompt.size + 40 * request.maximumTokens * request.answerCount
    }
  }
}

extension PromptText {
  fileprivate var size: Int {
    switch self {
    case .raw(let text): text.utf8.count
    case .instruction(let text, let input): text.utf8.count + (input?.utf8.count ?? 0)
    }
  }
}
