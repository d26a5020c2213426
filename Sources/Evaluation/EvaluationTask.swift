/// A task with the samples that are asked.
public struct EvaluationTask: Sendable {
  /// As it was asked for: `mmlu`, `mmlu/astronomy`, or the name in a task file.
  public let name: String
  /// Of the prompt and the scoring; scores of different versions are not compared.
  public let version: Int
  /// Worked examples before each question.
  public let fewShot: Int
  public private(set) var samples: [Sample]
  public let scorer: any SampleScorer
  /// The category of each subject, such as `STEM`; empty where a task has none.
  public let categories: [String: String]
  /// Second categories, such as CMMLU's `China specific`, whose subjects count in the first ones too.
  public let furtherCategories: [String: String]
  /// Whether subjects are drawn each by itself, so that the whole's error is pooled from theirs, as lm-evaluation-harness pools those of a
  /// group's tasks; otherwise they are only a way to look at one list of samples.
  public let poolsSubjects: Bool
  /// What a person should know about the files or the settings.
  public let notes: [String]

  public init(
    name: String, version: Int, fewShot: Int, samples: [Sample], scorer: any SampleScorer, categories: [String: String] = [:],
    furtherCategories: [String: String] = [:], poolsSubjects: Bool = true, notes: [String] = []
  ) {
    self.name = name
    self.version = version
    self.fewShot = fewShot
    self.samples = samples
    self.scorer = scorer
    self.categories = categories
    self.furtherCategories = furtherCategories
    self.poolsSubjects = poolsSubjects
    self.notes = notes
  }
}

extension EvaluationTask {
  /// The same task with shorter, or longer, answers.
  public func answering(with maximumTokens: Int) -> EvaluationTask {
    var task = self
    task.samples = samples.map { sample in
      guard case .generation(var request) = sample.request else { return sample }
      request.maximumTokens = maximumTokens
      return Sample(id: sample.id, subject: sample.subject, request: .generation(request), target: sample.target)
    }
    return task
  }
}

/// What a person may say about every task.
public struct TaskOptions: Sendable {
  /// Folder or file of published data (`--data`).
  public var data: String?
  /// `nil`: the task's own number.
  public var fewShot: Int?
  /// A file of worked examples, for tasks whose files hold none (`--shots`).
  public var shots: String?
  /// Of each task, or of each of its subjects; `nil`: all.
  public var limit: Int?
  /// Answers to each question, for maj@k and pass@k.
  public var answers: Int
  /// Of generated answers; 0 takes the most likely token.
  public var temperature: Float
  public var seed: UInt64
  /// Runs candidate programs; `nil`: none may be run.
  public var programs: (any ProgramRunner)?

  public init(
    data: String? = nil, fewShot: Int? = nil, shots: String? = nil, limit: Int? = nil, answers: Int = 1, temperature: Float = 0,
    seed: UInt64 = 1234, programs: (any ProgramRunner)? = nil
  ) {
    self.data = data
    self.fewShot = fewShot
    self.shots = shots
    self.limit = limit
    self.answers = answers
    self.temperature = temperature
    self.seed = seed
    self.programs = programs
  }
}

/// Runs candidate programs where they can do no harm.
public protocol ProgramRunner: Sendable {
  /// Whether a Python program runs to its end, and what became of it in a few words.
  ///
  /// - Throws: when the program could not be run at all.
  func run(_ program: String) throws -> (passes: Bool, outcome: String)
}
