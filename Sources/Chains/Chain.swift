import Configuration
import Recipes

/// Commands that follow each other, each reading what earlier ones wrote.
///
/// ```yaml
/// output: work/chinese-llama        # where chain.json, the record of what is done, is kept
/// steps:
///   - name: pieces                  # default: the command's name
///     run: tokenizer train --input texts/zh.txt --size 2000 --output work/chinese-llama/zh.model
///   - run: [train, recipes/pretrain.yaml, lora.rank=16]
/// ```
public struct Chain: Sendable {
  public struct Step: Sendable {
    /// From 1.
    public let number: Int
    public let name: String
    public let words: [String]
    public let location: Location
    public let description: StepDescription

    /// As messages call it: `step 3 (pre-training)`.
    public var title: String { "step \(number) (\(name))" }
  }

  /// The file as it was named.
  public let path: String
  /// Folder of the record.
  public let output: String
  public let steps: [Step]

  /// Reads a chain file and checks everything that can be known before the first step.
  ///
  /// - Parameter describe: what the command line `words` would do; what is wrong with it goes to `location`.
  /// - Throws: `ConfigurationError` with everything that is wrong, step by step.
  public static func read(
    _ path: String, describe: (_ words: [String], _ location: Location) throws(ConfigurationError) -> StepDescription
  ) throws(ConfigurationError) -> Chain {
    try read(ConfigurationReader(path: path), describe: describe)
  }

  /// Reads a chain from a text that is being read.
  package static func read(
    _ reader: ConfigurationReader, describe: (_ words: [String], _ location: Location) throws(ConfigurationError) -> StepDescription
  ) throws(ConfigurationError) -> Chain {
    let file = ChainFile(reader)
    var problems = ConfigurationError(reader.allProblems(otherNames: otherNames)).problems
    var steps: [Step] = []
    // What a step that cannot be understood writes is not known: then nothing is said of what may come from it.
    var firstUnknown: Int?
    for (index, entry) in file.steps.enumerated() {
      let place = StepPlace(title: "step \(index + 1) (\(entry.name))", location: entry.location)
      do throws(ConfigurationError) {
        guard let words = entry.words else { throw ConfigurationError([]) }
        let description = place.inside(try describe(words, entry.location))
        steps.append(Step(number: index + 1, name: entry.name, words: words, location: entry.location, description: description))
      } catch {
        problems += error.problems.map(place.inside)
        firstUnknown = firstUnknown ?? index + 1
      }
    }
    let chain = Chain(path: reader.name, output: file.output, steps: steps)
    problems += ChainChecks(chain, firstUnknown: firstUnknown).problems
    if !problems.isEmpty { throw ConfigurationError(inOrder: problems) }
    return chain
  }

  /// What other tools call the keys.
  private static let otherNames = [
    "stages": "steps", "jobs": "steps", "commands": "steps", "command": "run", "cmd": "run", "output_dir": "output", "folder": "output",
    "title": "name",
  ]

  /// The step called `text`, or its number.
  ///
  /// - Returns: nil if there is none.
  public func step(_ text: String) -> Step? {
    steps.first { $0.name == text } ?? Int(text).flatMap { number in steps.first { $0.number == number } }
  }
}

/// Places a step's problems: those of its command line are found at its line of the chain file, and say which step it is.
private struct StepPlace {
  let title: String
  let location: Location

  func inside(_ problem: Problem) -> Problem {
    isOwn(problem.location) ? Problem("\(title): \(problem.text)", at: location) : problem
  }

  func inside(_ description: StepDescription) -> StepDescription {
    func inside(_ file: ExpectedFile) -> ExpectedFile {
      isOwn(file.location) ? ExpectedFile(kind: file.kind, label: "\(title): \(file.label)", path: file.path, location: location) : file
    }
    var description = description
    description.reads = description.reads.map(inside)
    description.consults = description.consults.map(inside)
    return description
  }

  private func isOwn(_ place: Location) -> Bool {
    if case .commandLine = place { return true }
    return place == location
  }
}
