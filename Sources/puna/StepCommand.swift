import ArgumentParser
import Chains
import Configuration
import Recipes

/// A command that can be a step of a chain: it says beforehand what it reads, what it writes, and what decides its result.
protocol StepCommand: ParsableCommand {
  /// - Parameters:
  ///   - words: the command line as it was given.
  ///   - location: of the command line, for what its flags name.
  /// - Throws: `ConfigurationError` for what is wrong with the command or the recipe that it reads.
  func stepDescription(words: [String], at location: Location) throws(ConfigurationError) -> StepDescription
}

extension StepCommand {
  /// The file or folder that a flag names.
  func input(_ flag: String, _ path: String, _ kind: ExpectedFile.Kind, _ location: Location) -> ExpectedFile {
    ExpectedFile(kind: kind, label: flag, path: path, location: location)
  }

  /// A base and adapters on it; the starter needs no files.
  func model(_ base: String, _ adapters: [AdapterArgument], _ location: Location, flag: String = "--base") -> [ExpectedFile] {
    (base == Recipe.starter ? [] : [input(flag, base, .base, location)]) + adapters.map { input("--adapter", $0.path, .folder, location) }
  }

  /// A template that is no name.
  func template(_ template: String?, _ location: Location) -> [ExpectedFile] {
    guard let template, template.contains("/") || template.lowercased().hasSuffix(".json") else { return [] }
    return [input("--template", template, .file, location)]
  }

  func refusal(_ text: String, at location: Location) -> ConfigurationError { ConfigurationError([Problem(text, at: location)]) }

  /// The words that decide a result.
  ///
  /// - Parameters:
  ///   - flags: that do not, with no value.
  ///   - options: that do not, with one.
  func decisive(_ words: [String], without flags: Set<String> = [], options: Set<String> = []) -> [String] {
    var kept: [String] = []
    var skipsNext = false
    for word in words {
      defer { skipsNext = options.contains(word) }
      let name = String(word.prefix { $0 != "=" })
      if skipsNext || flags.contains(word) || options.contains(name) { continue }
      kept.append(word)
    }
    return kept
  }
}

/// A command line of a chain, understood.
enum StepCommandLine {
  private static let names = ["train", "tokenizer train", "tokenizer merge", "merge", "evaluate", "generate"]

  /// - Throws: `ConfigurationError` for a command that cannot be a step, a command line that is wrong, or what its recipe is wrong in.
  static func describe(_ words: [String], at location: Location) throws(ConfigurationError) -> StepDescription {
    func refusal(_ text: String) -> ConfigurationError { ConfigurationError([Problem(text, at: location)]) }

    let commands = Puna.configuration.subcommands.map { $0._commandName }
    guard let first = words.first, commands.contains(first) else {
      let suggestion = Suggestion.sentence(for: words.first ?? "", among: commands)
      throw refusal("'\(words.first ?? "")' is no command of puna.\(suggestion)")
    }
    let command: any ParsableCommand
    do {
      command = try Puna.parseAsRoot(words)
    } catch {
      throw refusal(Puna.message(for: error))
    }
    guard type(of: command)._commandName != "help" else { throw refusal("asks for help; a step does something.") }
    guard let step = command as? any StepCommand else {
      throw refusal("'\(first)' cannot be a step; expected \(names.orList).")
    }
    return try step.stepDescription(words: words, at: location)
  }
}
