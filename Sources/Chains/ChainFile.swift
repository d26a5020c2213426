import Configuration

/// What a chain's YAML file says, step by step; problems go to the reader.
struct ChainFile {
  struct Step {
    let name: String
    /// Nil where they cannot be read, which was noted.
    let words: [String]?
    /// Of the command line.
    let location: Location
  }

  /// The folder of the record.
  let output: String
  let steps: [Step]

  private static let outputExpectation = "a folder for \(ChainRecord.fileName), the record of what is done"
  private static let stepsExpectation = "a list of steps, each {name, run}"
  private static let runExpectation = "a command line of puna such as 'train recipes/quickstart.yaml', or a list of its words"

  init(_ reader: ConfigurationReader) {
    let top = reader.top
    output = top.text("output", expecting: ChainFile.outputExpectation) ?? ""
    if top.value("output") == nil { top.noteMissing("output", expecting: ChainFile.outputExpectation) }
    if top.value("steps") == nil { top.noteMissing("steps", expecting: ChainFile.stepsExpectation) }
    if case .list(let list)? = top.value("steps")?.content, list.isEmpty {
      top.note("steps is an empty list; expected \(ChainFile.stepsExpectation).", at: "steps")
    }
    var steps: [Step] = []
    for item in top.items("steps", expecting: ChainFile.stepsExpectation) ?? [] {
      switch item {
      case .text(let text, let label, let location):
        reader.note("\(label) is '\(text)'; expected {name, run}, such as 'run: \(text)'.", at: location)
      case .section(let section):
        let words = ChainFile.words(section, reader)
        let name = ChainFile.name(section, taken: steps.map(\.name)) ?? ChainFile.defaultName(words, taken: steps.map(\.name))
        steps.append(Step(name: name, words: words, location: section.location(of: "run")))
      }
    }
    self.steps = steps
  }

  private static func words(_ section: ConfigurationSection, _ reader: ConfigurationReader) -> [String]? {
    guard let value = section.value("run") else {
      section.noteMissing("run", expecting: runExpectation)
      return nil
    }
    func refuse(_ text: String) -> [String]? {
      section.note("\(section.label("run")) \(text)", at: "run")
      return nil
    }
    var words: [String]
    switch value.content {
    case .scalar(let scalar):
      do throws(CommandWords.SplitError) {
        words = try CommandWords.split(scalar.text)
      } catch {
        return refuse("cannot be split into words: \(error)")
      }
    case .list(let items):
      words = items.compactMap { if case .scalar(let scalar) = $0.content { scalar.text } else { nil } }
      if words.count < items.count { return refuse("holds a list or a section; expected \(runExpectation).") }
    case .section: return refuse("\(value.finding); expected \(runExpectation).")
    }
    if words.isEmpty { return refuse("has no words; expected \(runExpectation).") }
    if words[0] == "puna" || words[0].hasSuffix("/puna") { return refuse("begins with '\(words[0])'; leave that out.") }
    // A program's arguments end there.
    if words.contains(where: { $0.contains("\0") }) { return refuse("holds a NUL character.") }
    return words
  }

  private static func name(_ section: ConfigurationSection, taken: [String]) -> String? {
    guard let name = section.text("name", expecting: "a name for the step") else { return nil }
    if Int(name) != nil { section.note("\(section.label("name")) is '\(name)'; expected a word, as numbers count steps.", at: "name") }
    if taken.contains(name) { section.note("\(section.label("name")) is '\(name)', as an earlier step is called.", at: "name") }
    return name
  }

  /// The command's name, numbered where it comes again: `merge`, `merge 2`.
  private static func defaultName(_ words: [String]?, taken: [String]) -> String {
    guard let words else { return "?" }
    let name = words.prefix(words[0] == "tokenizer" ? 2 : 1).joined(separator: " ")
    guard taken.contains(name) else { return name }
    return (2...taken.count + 2).lazy.map { "\(name) \($0)" }.first { !taken.contains($0) } ?? name
  }
}
