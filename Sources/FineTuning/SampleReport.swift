import JSON

/// Instructions answered greedily.
public struct SampleReport: Sendable, Equatable {
  public struct Sample: Sendable, Equatable {
    public let instruction: String
    /// Empty for none.
    public let input: String
    /// What the data answer; `nil` for an instruction that is not theirs.
    public let reference: String?
    public let answer: String

    public init(instruction: String, input: String, reference: String?, answer: String) {
      self.instruction = instruction
      self.input = input
      self.reference = reference
      self.answer = answer
    }

    /// Whether the answer is the reference, white space around it aside.
    public var isExact: Bool { reference.map { Sample.trim(answer) == Sample.trim($0) } ?? false }

    private static func trim(_ text: String) -> Substring {
      var rest = text[...]
      while let first = rest.first, first.isWhitespace { rest.removeFirst() }
      while let last = rest.last, last.isWhitespace { rest.removeLast() }
      return rest
    }
  }

  /// 0 before the first step.
  public let step: Int
  public let samples: [Sample]

  public init(step: Int, samples: [Sample]) {
    self.step = step
    self.samples = samples
  }

  /// Of those that have a reference.
  public var exactCount: Int { samples.count { $0.isExact } }
  public var referenceCount: Int { samples.count { $0.reference != nil } }

  /// The line of `metrics.jsonl`.
  func json(seconds: Double) -> String {
    let samples = samples.map { sample in
      "{\"instruction\":\(sample.instruction.json),\"input\":\(sample.input.json),"
        + (sample.reference.map { "\"expected\":\($0.json)," } ?? "") + "\"answer\":\(sample.answer.json)}"
    }
    return "{\"event\":\"samples\",\"step\":\(step),\"samples\":[\(samples.joined(separator: ","))],\"seconds\":\(seconds.json)}"
  }

  /// Reads the line back.
  init?(_ event: JSONValue) {
    guard event["event"]?.string == "samples", let step = event["step"]?.integer, let samples = event["samples"]?.array else { return nil }
    self.init(
      step: step,
      samples: samples.map { sample in
        Sample(
          instruction: sample["instruction"]?.string ?? "", input: sample["input"]?.string ?? "", reference: sample["expected"]?.string,
          answer: sample["answer"]?.string ?? "")
      })
  }
}
