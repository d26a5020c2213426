import JSON

extension RunHistory {
  /// Instructions that a model answered after a step; step 0 is before training.
  public struct Samples: Sendable, Equatable {
    public struct Sample: Sendable, Equatable {
      public let instruction: String
      public let input: String
      /// nil where there is no reference.
      public let expected: String?
      public let answer: String

      /// Whether the answer is the reference, white space around it aside.
      public var isExact: Bool { expected.map { $0.trimmed == answer.trimmed } ?? false }
    }

    public let step: Int
    public let samples: [Sample]
  }

  /// The `samples` events.
  public var samples: [Samples] {
    others.filter { $0.name == "samples" }.map { event in
      Samples(
        step: event.step,
        samples: (event.value["samples"]?.array ?? []).compactMap { sample in
          guard let instruction = sample["instruction"]?.string, let answer = sample["answer"]?.string else { return nil }
          return Samples.Sample(
            instruction: instruction, input: sample["input"]?.string ?? "", expected: sample["expected"]?.string, answer: answer)
        })
    }
  }

  /// Sentences of the `warning` events, each once.
  public var warnings: [String] {
    var known: Set<String> = []
    return others.filter { $0.name == "warning" }.compactMap { $0.value["text"]?.string }.filter { known.insert($0).inserted }
  }
}

extension String {
  fileprivate var trimmed: Substring {
    var rest = self[...]
    while let first = rest.first, first.isWhitespace { rest.removeFirst() }
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    return rest
  }
}
