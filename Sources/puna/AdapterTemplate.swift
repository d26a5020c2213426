import Adapters
import Tokenizers

/// The template that prompts are written in: the one that was asked for, else what the adapters were trained with, else `alpaca`.
struct AdapterTemplate {
  let template: PromptTemplate
  /// What a person should know about the choice.
  let notes: [String]

  private struct Recorded {
    let adapter: String
    let template: PromptTemplate
  }

  /// - Throws: `TokenizerError` for a template that is unknown or wrong, `AdapterError` and `CheckpointError` for a record that cannot be read.
  init(requested: String?, adapters: [String]) throws {
    let recorded = try adapters.flatMap { path in
      try (RunRecord.ofAdapter(path)?.templates ?? []).map { recorded in
        Recorded(
          adapter: path,
          template: try PromptTemplate(json: Array(recorded.text.utf8), path: "\(path): the template in \(RunRecord.fileName)"))
      }
    }
    var distinct: [Recorded] = []
    for one in recorded where !distinct.contains(where: { $0.template.writesInstructions(as: one.template) }) { distinct.append(one) }
    let names = distinct.map { "'\($0.template.name)'" }.joined(separator: ", ")

    if let requested {
      template = try PromptTemplate.open(requested)
      let isRecorded = distinct.contains { [template] in $0.template.writesInstructions(as: template) }
      if let first = distinct.first, !isRecorded {
        let isNamesake = distinct.contains { [template] in $0.template.name == template.name }
        notes = [
          "\(first.adapter) was trained with the template \(names); --template asks for "
            + (isNamesake ? "another of this name." : "'\(template.name)'.")
        ]
      } else {
        notes = []
      }
      return
    }
    if let first = distinct.first {
      template = first.template.withTurnsOfItsNamesake
      notes =
        distinct.count == 1
        ? [] : ["the adapters were trained with the templates \(names); the first is used. --template chooses another."]
      return
    }
    template = try PromptTemplate.named("alpaca")
    notes = ["\(adapters.isEmpty ? "a base names" : "\(adapters[0]) records") no template; 'alpaca' is used. --template chooses another."]
  }
}

extension PromptTemplate {
  /// Whether instructions are written the same way; conversations may differ.
  fileprivate func writesInstructions(as other: PromptTemplate) -> Bool {
    var other = other
    (other.name, other.description, other.chat) = (name, description, chat)
    return self == other
  }

  /// Runs from before templates knew conversations recorded none; the template of that name says how they go on, if it is the same.
  fileprivate var withTurnsOfItsNamesake: PromptTemplate {
    guard chat == nil, let known = try? PromptTemplate.named(name), known.writesInstructions(as: self) else { return self }
    return known
  }
}
