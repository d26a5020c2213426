import Configuration
import FineTuning

extension RecipeParser {
  func earlyStopping(_ top: ConfigurationSection) -> TrainingOptions.EarlyStopping? {
    guard let value = top.value("early_stopping"), !value.isWord("none") else { return nil }
    let section = top.section("early_stopping")
    guard case .section = value.content else { return nil }
    if section.value("patience") == nil { section.noteMissing("patience", expecting: "a number of validations from 1") }
    return TrainingOptions.EarlyStopping(
      patience: section.integer("patience", from: 1, default: 1),
      minimumImprovement: section.number("minimum_improvement", .from(0), default: 0))
  }

  func samples(_ top: ConfigurationSection) -> SampleOptions {
    let expectation = "auto, none, a number of held-out rows from 1 to 1000, or a list of instructions or of {instruction, input}"
    guard let value = top.value("samples") else { return .auto }
    guard case .scalar = value.content else { return .questions(questions(top, expectation)) }
    return top.read("samples", expecting: expectation, default: .auto) { value in
      if value.isWord("auto") { return .auto }
      if value.isWord("none") { return SampleOptions.none }
      if let count = value.integer(from: 1, upTo: 1000) { return .heldOut(count) }
      // A number out of range is a mistake, not an instruction.
      return value.number == nil && value.flag == nil ? value.usableText.map { .questions([SampleOptions.Question(instruction: $0)]) } : nil
    }
  }

  private func questions(_ top: ConfigurationSection, _ expectation: String) -> [SampleOptions.Question] {
    if case .list(let list)? = top.value("samples")?.content, list.isEmpty {
      top.note("samples is an empty list; expected \(expectation).", at: "samples")
    }
    return (top.items("samples", expecting: "an instruction, or {instruction, input}") ?? []).compactMap { item in
      switch item {
      case .text(let instruction, _, _): return SampleOptions.Question(instruction: instruction)
      case .section(let section):
        if section.value("instruction") == nil { section.noteMissing("instruction", expecting: "what is asked") }
        let instruction = section.text("instruction", expecting: "what is asked")
        let input = section.text("input", expecting: "what it is asked about", or: "none")
        return instruction.map { SampleOptions.Question(instruction: $0, input: input ?? "") }
      }
    }
  }
}
