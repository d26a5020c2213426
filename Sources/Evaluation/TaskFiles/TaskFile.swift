import Configuration

/// A task of a person's own, as its YAML file describes it.
struct TaskFile: Sendable {
  /// What is asked of the model, and how its response is judged.
  enum Kind: Sendable {
    case choices(ChoiceList, answer: RowAnswer, metrics: [ChoiceMetric])
    case generation(Generation, answer: RowAnswer)
    /// The likelihood of whole texts.
    case text(RowTemplate, metrics: [TextMetric])
  }

  enum ChoiceList: Sendable, Equatable {
    case templates([RowTemplate])
    case field(RowField)
  }

  /// A field as it is, which may hold a number or a list, or a text made of fields.
  enum RowAnswer: Sendable, Equatable {
    case field(RowField)
    case template(RowTemplate)
  }

  struct Generation: Sendable {
    var stops: [String]
    var maximumTokens: Int
    var scorer: ReferenceScorer
    var isInstruction: Bool
    var input: RowTemplate?
  }

  enum ChoiceMetric: String, CaseIterable, Sendable { case acc, acc_norm }

  enum TextMetric: String, CaseIterable, Sendable { case word_perplexity, byte_perplexity, bits_per_byte, token_perplexity }

  enum Normal: String, CaseIterable, Sendable { case `case`, punctuation, articles }

  let name: String
  let version: Int
  let data: String?
  let shots: String?
  let fewShot: Int
  let description: String
  let prompt: RowTemplate
  /// Between a prompt and its answer.
  let delimiter: String
  /// Behind a worked example.
  let shotDelimiter: String
  let kind: Kind
  /// Where each key stands.
  let locations: ConfigurationLocations

  /// What lm-evaluation-harness calls the keys.
  private static let otherNames = [
    "doc_to_text": "prompt", "doc_to_target": "answer", "doc_to_choice": "choices", "target_delimiter": "delimiter",
    "fewshot_delimiter": "shot_delimiter", "num_fewshot": "few_shot", "until": "stop", "max_gen_toks": "max_tokens", "metrics": "metric",
    "metric_list": "metric", "dataset_path": "data", "filter": "extract",
  ]

  /// - Throws: `ConfigurationError` with everything that is wrong.
  init(path: String) throws(ConfigurationError) {
    try self.init(ConfigurationReader(path: path))
  }

  init(_ reader: ConfigurationReader) throws(ConfigurationError) {
    let top = reader.top
    let keys = TaskFileKeys(reader)
    if top.value("task") == nil { top.noteMissing("task", expecting: "a name for the task") }
    name = top.text("task", expecting: "a name for the task") ?? ""
    version = top.integer("version", from: 1, default: 1)
    data = top.text("data", expecting: "the path of a file")
    shots = top.text("shots", expecting: "the path of a file")
    fewShot = top.integer("few_shot", from: 0, upTo: 1000, default: 0)
    description = keys.writtenText("description", default: "")
    delimiter = keys.writtenText("delimiter", default: " ")
    let shotDelimiter = keys.writtenText("shot_delimiter", default: "\n\n")
    self.shotDelimiter = shotDelimiter

    let text = keys.template("text"), prompt = keys.template("prompt"), input = keys.template("input")
    let choices = keys.choices(), answer = keys.answer()
    let isInstruction = top.flag("template", default: false)
    let stops = keys.stops(default: isInstruction || shotDelimiter.isEmpty ? [] : [shotDelimiter])
    let maximumTokens = top.integer("max_tokens", from: 1, default: 256)
    let extraction = keys.extraction()
    let normalization = keys.normalization()
    self.prompt = prompt ?? RowTemplate.empty

    if top.value("text") != nil {
      keys.refuse(
        ["prompt", "choices", "answer", "description", "delimiter", "shot_delimiter", "shots", "few_shot"] + TaskFileKeys.ofGeneration,
        because: "'text' asks for the likelihood of whole texts")
      kind = .text(text ?? RowTemplate.empty, metrics: keys.metrics(default: TextMetric.allCases))
    } else {
      if top.value("prompt") == nil { top.noteMissing("prompt", expecting: "a text with {field}s of a row") }
      if top.value("answer") == nil { top.noteMissing("answer", expecting: "a field of a row, or a text with {field}s") }
      if top.value("choices") != nil {
        keys.refuse(TaskFileKeys.ofGeneration, because: "with 'choices' nothing is generated")
        kind = .choices(
          choices ?? .templates([]), answer: answer ?? .template(.empty), metrics: keys.metrics(default: ChoiceMetric.allCases))
      } else {
        if isInstruction {
          keys.refuse(
            ["description", "delimiter", "shot_delimiter", "shots", "few_shot"],
            because: "with 'template: true' the prompt stands alone in the model's template")
        } else {
          keys.refuse(["input"], because: "it is for instructions, with 'template: true'")
        }
        let measures: [ReferenceScorer.Measure] = keys.metrics(default: [.exactMatch])
        kind = .generation(
          Generation(
            stops: stops, maximumTokens: maximumTokens,
            scorer: ReferenceScorer(measures, normalization: normalization, extraction: extraction), isInstruction: isInstruction,
            input: input),
          answer: answer ?? .template(.empty))
      }
    }
    locations = reader.locations
    try reader.finish(otherNames: TaskFile.otherNames)
  }
}

extension RowTemplate {
  static let empty = RowTemplate(parts: [])

  private init(parts: [Part]) { self.parts = parts }
}
