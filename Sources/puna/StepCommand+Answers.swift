import Chains
import Configuration
import Recipes

extension EvaluateCommand: StepCommand {
  func stepDescription(words: [String], at location: Location) throws(ConfigurationError) -> StepDescription {
    let writes = [output, samples, report].compactMap { $0 }
    if writes.isEmpty { throw refusal("'evaluate' keeps nothing; give it --output, --samples or --report.", at: location) }
    var reads = model(model.base, model.adapter, location)
    for other in compare { reads += model(other.base, other.adapters, location, flag: "--compare \(other.name)") }
    if let data { reads.append(input("--data", data, .fileOrFolder, location)) }
    if let shots { reads.append(input("--shots", shots, .file, location)) }
    for file in task where file.hasSuffix(".yaml") || file.hasSuffix(".yml") {
      reads.append(input("--task", file, .file, location))
      // What is wrong with a task file is for the evaluation to say; here it only names what it reads.
      let settings = (try? ConfigurationReader(path: file))?.settings ?? [:]
      if data == nil, let data = settings["data"] { reads.append(input("--task \(file): data", data, .fileOrFolder, location)) }
      if shots == nil, let shots = settings["shots"], shots != "none" {
        reads.append(input("--task \(file): shots", shots, .file, location))
      }
    }
    return StepDescription(
      reads: reads + template(template, location), writes: writes,
      settings: StepDescription.settings(ofCommand: decisive(words, without: ["--quiet"], options: ["--threads"])),
      existingOutput: .replaced)
  }
}

extension GenerateCommand: StepCommand {
  func stepDescription(words: [String], at location: Location) throws(ConfigurationError) -> StepDescription {
    guard let file, let output else {
      throw refusal("'generate' is a step only with --file and --output, which keeps the answers.", at: location)
    }
    return StepDescription(
      reads: model(model.base, model.adapter, location) + [input("--file", file, .file, location)]
        + template(generation.template, location), writes: [output],
      settings: StepDescription.settings(ofCommand: decisive(words, without: ["--quiet"], options: ["--threads"])),
      existingOutput: .replaced)
  }
}
