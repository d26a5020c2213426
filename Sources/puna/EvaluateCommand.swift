import ArgumentParser
import CPUBackend
import Checkpoints
import Evaluation
import Foundation

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Score a model on tasks, beside its base or other models.",
    discussion: """
      Examples:
        puna evaluate --base models/llama-7b --task mmlu --data mmlu --few-shot 5
        puna evaluate --base models/llama-7b --adapter adapters/alpaca-7b \\
          --against-base --task instructions --data held-out.json --report a.html
      One subject of a task is named as in mmlu/astronomy, a task of your own by its file (.yaml). Tasks:
      \(TaskLibrary.summaries.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))
      Data are read from files as they are published; prompts and scores are lm-evaluation-harness's.
      An evaluation that was interrupted goes on where it stopped when the same command is given again.
      """)

  @OptionGroup var model: ModelArguments
  @Option(help: "A task, one subject of it, or a task file. May be given several times.") var task: [String]
  @Option(help: "Folder or file of the tasks' data.") var data: String?
  @Option(help: "Worked examples before each question; default: the task's own number.") var fewShot: Int?
  @Option(help: "File of worked examples, for tasks whose files hold none.") var shots: String?
  @Option(help: "Only the first N questions of each task, or of each of its subjects.") var limit: Int?
  @Option(help: "Of what is drawn: worked examples, answers at a temperature.") var seed: UInt64 = 1234
  @Option(help: "Answers to each question, for maj@k and pass@k; above 1 with --temperature.") var answers = 1
  @Option(help: "Of generated answers; 0 takes the most likely token.") var temperature: Float = 0
  @Option(help: "Most tokens of an answer; default: the task's own number.") var maxTokens: Int?
  @Option(help: "Prompt template of the task 'instructions'; default: the adapter's own, else alpaca.") var template: String?
  @Flag(help: "Run the programs that a model writes for humaneval, apart from everything else.") var runCode = false
  @Flag(help: "Ask the base alone too, and compare.") var againstBase = false
  @Option(help: "Another model to compare with: NAME=BASE[,ADAPTER[=WEIGHT]]... May be given several times.") var compare: [ComparedModel] =
    []
  @Option(help: "File for the scores, as JSON.") var output: String?
  @Option(help: "File for every question with the model's answer, as JSON lines.") var samples: String?
  @Option(help: "File for a report to read, as HTML.") var report: String?
  @Flag(help: "Print no progress, only notes and results.") var quiet = false
  @OptionGroup var compute: ComputeFlags

  func validate() throws {
    if task.isEmpty { throw ValidationError("Give a --task: \(TaskLibrary.names.joined(separator: ", ")); or a task file.") }
    if let repeated = Set(task).first(where: { name in task.count { $0 == name } > 1 }) {
      throw ValidationError("--task \(repeated) is given twice.")
    }
    if let fewShot, fewShot < 0 { throw ValidationError("--few-shot is \(fewShot); expected a whole number from 0.") }
    if let limit, limit < 1 { throw ValidationError("--limit is \(limit); expected a whole number from 1.") }
    if answers < 1 { throw ValidationError("--answers is \(answers); expected a whole number from 1.") }
    if let maxTokens, maxTokens < 1 { throw ValidationError("--max-tokens is \(maxTokens); expected a whole number from 1.") }
    guard temperature == 0 || temperature >= 0.001 && temperature.isFinite else {
      throw ValidationError("--temperature is \(temperature); expected 0, or a number from 0.001.")
    }
    if answers > 1, temperature == 0 {
      throw ValidationError("--answers \(answers) at temperature 0 are the same answer \(answers) times. Give --temperature too.")
    }
    if againstBase, model.adapter.isEmpty { throw ValidationError("--against-base compares an adapter with its base: give --adapter.") }
    let names = plans.map(\.name)
    if let repeated = Set(names).first(where: { name in names.count { $0 == name } > 1 }) {
      throw ValidationError("two models are called '\(repeated)'. Give --compare another NAME.")
    }
    let files = [output, samples, report].compactMap { $0 }
    if Set(files).count < files.count { throw ValidationError("--output, --samples and --report are different files.") }
  }

  /// The models in the table's order: what the others are compared with comes first.
  private var plans: [ComparedModel] {
    let asked = ComparedModel(
      name: model.adapter.isEmpty
        ? EvaluateCommand.lastPart(of: model.base)
        : model.adapter.map { EvaluateCommand.lastPart(of: $0.path) }
          .joined(separator: " + "), base: model.base, adapters: model.adapter)
    let base = againstBase ? [ComparedModel(name: EvaluateCommand.lastPart(of: model.base), base: model.base, adapters: [])] : []
    return base + [asked] + compare
  }

  private static func lastPart(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

  func run() throws {
    for case let (flag, written?) in [("output", output), ("samples", samples), ("report", report)] {
      guard let read = ([data, shots].compactMap { $0 } + task).first(where: { FileOfAnswers.isSame($0, written) }) else { continue }
      throw Failure("--\(flag) is \(read), which is read. Give it another name.")
    }
    let programs = runCode ? try CandidatePrograms() : nil
    let options = TaskOptions(
      data: data, fewShot: fewShot, shots: shots, limit: limit, answers: answers, temperature: temperature, seed: seed, programs: programs)
    // Everything that can be wrong is found before the first question.
    let tasks = try task.map { name in
      let task = try TaskLibrary.open(name, options)
      return maxTokens.map { task.answering(with: $0) } ?? task
    }
    for task in tasks { for text in task.notes { note("\(task.name): \(text)") } }
    let models = try openModels()
    if tasks.contains(where: \.usesTemplate) {
      for (plan, model) in models { for text in model.templateNotes { note("\(plan.name): \(text)") } }
    }
    let files = try EvaluationFiles(output: output, samples: samples, report: report)
    let run = EvaluationRun(
      models: models, tasks: tasks, seed: seed, facts: facts, precision: compute.precision?.precision, threads: compute.threads,
      isQuiet: quiet)
    Interruption.watch()
    let (result, answers) = try run.run { model, task, records in try files.append(records, of: task, by: model) }
    try files.finish(result, answers)
    // From here on nothing of it is needed again.
    run.forgetJournals()
    for line in result.table(width: Terminal.resultWidth) { print(line) }
  }

  private var facts: [EvaluationFact] {
    var facts: [EvaluationFact] = [EvaluationFact("seed", .integer(Int(clamping: seed)))]
    if let data { facts.append(EvaluationFact("data", .string(data))) }
    if let shots { facts.append(EvaluationFact("shots", .string(shots))) }
    if let limit { facts.append(EvaluationFact("limit", .integer(limit))) }
    if let maxTokens { facts.append(EvaluationFact("max_tokens", .integer(maxTokens))) }
    if answers > 1 { facts.append(EvaluationFact("answers", .integer(answers))) }
    if temperature > 0 { facts.append(EvaluationFact("temperature", .number(Double(temperature)))) }
    return facts
  }

  private func openModels() throws -> [(plan: ComparedModel, model: AskedModel)] {
    func open(_ plan: ComparedModel, _ template: AskedModel.Template) throws -> (plan: ComparedModel, model: AskedModel) {
      (plan, try AskedModel(base: plan.base, adapters: plan.adapters, allowOtherBase: model.allowOtherBase, template: template))
    }
    guard againstBase else { return try plans.map { try open($0, .requested(template)) } }
    // The base is asked as its adapter is.
    let asked = try open(plans[1], .requested(template))
    guard let encoder = asked.model.encoder else { preconditionFailure("tasks may ask in a template") }
    return try [open(plans[0], .same(encoder.template)), asked] + plans.dropFirst(2).map { try open($0, .requested(template)) }
  }
}

/// `NAME=BASE[,ADAPTER[=WEIGHT]]...`
struct ComparedModel: ExpressibleByArgument {
  let name: String
  let base: String
  let adapters: [AdapterArgument]

  init(name: String, base: String, adapters: [AdapterArgument]) {
    self.name = name
    self.base = base
    self.adapters = adapters
  }

  init?(argument: String) {
    guard let sign = argument.firstIndex(of: "="), sign > argument.startIndex else { return nil }
    let parts = argument[argument.index(after: sign)...].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard !parts.contains("") else { return nil }
    name = String(argument[..<sign])
    base = parts[0]
    adapters = parts.dropFirst().compactMap { AdapterArgument(argument: $0) }
  }
}
