import Configuration
import Datasets

extension RecipeParser {
  mutating func data(_ section: ConfigurationSection) -> DataOptions {
    var options = DataOptions(train: [])
    options.format = section.choice("format", default: options.format)
    options.template = template(section, default: options.template)
    options.train = sources(section, format: options.format, template: options.template)
    if section.value("template") != nil, !options.train.isEmpty, options.train.allSatisfy({ $0.format == .text }) {
      section.note("\(section.label("template")) is '\(options.template)', but text has no template. Leave it out.", at: "template")
    }
    options.validation = validation(section)
    options.maximumLength = section.integer("max_length", from: 1, default: options.maximumLength)
    options.tooLong = section.choice("too_long", default: options.tooLong)
    options.trainOnPrompt = section.flag("train_on_prompt", default: options.trainOnPrompt)
    options.shuffle = section.flag("shuffle", default: options.shuffle)
    options.tokenCache = section.read("token_cache", expecting: "auto, none, or a folder", default: options.tokenCache) { value in
      if value.isWord("auto") { return .auto }
      if value.isWord("none") { return TokenCaching.none }
      // A number or a flag is a mistake, not a folder's name.
      return value.number == nil && value.flag == nil ? value.usableText.map { .folder($0) } : nil
    }
    return options
  }

  private mutating func sources(_ section: ConfigurationSection, format: DataOptions.Format, template: String) -> [DataOptions.Source] {
    let expectation = "the path of a data file, or a list of paths or of {path, format, template, weight}"
    guard section.value("train") != nil else {
      section.noteMissing("train", expecting: expectation)
      return []
    }
    guard let items = section.items("train", expecting: expectation) else { return [] }
    if case .list(let list)? = section.value("train")?.content, list.isEmpty {
      section.note("\(section.label("train")) is an empty list; expected \(expectation).", at: "train")
    }
    var sources: [DataOptions.Source] = []
    for item in items {
      var source = DataOptions.Source(path: "", format: format, template: template)
      let place: Location
      switch item {
      case .text(let path, let label, let location):
        source.path = path
        place = location
        expect(.file, label, path, at: location)
      case .section(let entry):
        source.format = entry.choice("format", default: format)
        source.template = self.template(entry, default: template)
        if source.format == .text, entry.value("template") != nil {
          entry.note("\(entry.label("template")) is '\(source.template)', but text has no template. Leave it out.", at: "template")
        }
        source.weight = entry.number("weight", .above(0), default: 1)
        if entry.value("path") == nil { entry.noteMissing("path", expecting: "the path of a data file") }
        guard let path = entry.text("path", expecting: "the path of a data file") else { continue }
        source.path = path
        place = entry.location(of: "path")
        expect(.file, entry.label("path"), path, at: place)
      }
      if sources.contains(where: { $0.path == source.path && $0.template == source.template }) {
        reader.note("data.train names '\(source.path)' twice; {path: ..., weight: 2} takes two copies of it.", at: place)
      }
      sources.append(source)
    }
    return sources
  }

  private mutating func validation(_ section: ConfigurationSection) -> DataOptions.Validation {
    let expectation = "none, a fraction below 1, a number of rows from 1, or a path"
    let validation: DataOptions.Validation = section.read("validation", expecting: expectation, default: .none) { value in
      if value.isWord("none") { return DataOptions.Validation.none }
      if let count = value.integer(from: 1, upTo: Int(Int32.max)) { return .count(count) }
      if let fraction = value.number(in: .above(0).below(1)) { return .fraction(fraction) }
      // A number out of range is a mistake, not the name of a file.
      return value.number == nil && value.flag == nil ? value.usableText.map { .path($0) } : nil
    }
    if case .path(let path) = validation { expect(.file, section.label("validation"), path, at: section.location(of: "validation")) }
    return validation
  }

  private mutating func template(_ section: ConfigurationSection, default fallback: String) -> String {
    guard let template = section.text("template", expecting: "the name of a template or the path of one") else { return fallback }
    let names = DataOptions.templateNames
    if names.contains(template) { return template }
    if template.contains("/") || template.lowercased().hasSuffix(".json") {
      expect(.file, section.label("template"), template, at: section.location(of: "template"))
      return template
    }
    let suggestion = Suggestion.sentence(for: template, among: names)
    section.note(
      "\(section.label("template")) is '\(template)'; expected \(names.orList), or the path of a template file.\(suggestion)",
      at: "template")
    return fallback
  }
}
