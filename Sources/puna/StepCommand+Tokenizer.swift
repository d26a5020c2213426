import Chains
import Configuration
import Recipes

extension TokenizerTrainCommand: StepCommand {
  func stepDescription(words: [String], at location: Location) throws(ConfigurationError) -> StepDescription {
    StepDescription(
      reads: input.map { self.input("--input", $0, .file, location) },
      consults: sample.map { [self.input("--sample", $0, .file, location)] } ?? [], writes: [output],
      settings: StepDescription.settings(ofCommand: decisive(words, without: ["--quiet", "--json"], options: ["--sample"])),
      existingOutput: .refused)
  }
}

extension TokenizerMergeCommand: StepCommand {
  func stepDescription(words: [String], at location: Location) throws(ConfigurationError) -> StepDescription {
    StepDescription(
      reads: (base == Recipe.starter ? [] : [input("--base", base, .file, location)]) + add.map { input("--add", $0, .file, location) },
      consults: sample.map { [input("--sample", $0, .file, location)] } ?? [], writes: [output],
      settings: StepDescription.settings(ofCommand: decisive(words, without: ["--json"], options: ["--sample"])),
      existingOutput: .refused, acceptsQuiet: false)
  }
}
