import JSON

/// The sections of a `tokenizer.json` that say what happens around its model. What is not known is refused by its name.
struct TokenizerSteps {
  var normalizer = TextNormalizer()
  var splitter = WordSplitter()
  var decoder = PieceDecoder()
  /// Whether the model's pieces spell bytes.
  var isByteLevel = false
  /// Put before and after a sequence.
  var begin: [Int32] = []
  var end: [Int32] = []

  private let path: String
  private var decodesBytes = false

  /// More steps than any tokenizer has.
  private static let maximumStepCount = 64

  init(_ sections: [String: JSONValue], _ path: String) throws {
    self.path = path
    if let section = sections["normalizer"] { try readNormalizer(section) }
    if let section = sections["pre_tokenizer"] { try readPreTokenizer(section) }
    if let section = sections["post_processor"] { try readPostProcessor(section) }
    guard let section = sections["decoder"] else {
      throw inconsistent("it has no decoder, so that its ids cannot be made into text")
    }
    try readDecoder(section)
    guard normalizer.steps.count + splitter.steps.count + decoder.replacements.count <= TokenizerSteps.maximumStepCount else {
      throw inconsistent("it has more than \(TokenizerSteps.maximumStepCount) steps")
    }
    guard decodesBytes == isByteLevel else {
      throw inconsistent(
        isByteLevel ? "its pre-tokenizer is ByteLevel and its decoder is not" : "its decoder is ByteLevel and its pre-tokenizer is not")
    }
  }

  private func unsupported(_ what: String) -> TokenizerError { .unsupported(path: path, what: what) }
  private func inconsistent(_ reason: String) -> TokenizerError { .inconsistent(path: path, reason: reason) }

  // MARK: - Fields

  private func type(of value: JSONValue, _ section: String) throws -> String {
    guard let type = value["type"]?.string else { throw inconsistent("a \(section) has no 'type': \(value.excerpt)") }
    return type
  }

  private func elements(_ key: String, of value: JSONValue, _ section: String) throws -> [JSONValue] {
    guard let elements = value[key]?.array else { throw inconsistent("a \(section) Sequence has no list of '\(key)'") }
    return elements
  }

  private func flag(_ key: String, of value: JSONValue, default missing: Bool) throws -> Bool {
    switch value[key] {
    case nil, .null: return missing
    case .bool(let flag): return flag
    case .some(let other): throw inconsistent("'\(key)' is \(other.excerpt); expected true or false")
    }
  }

  private func text(_ key: String, of value: JSONValue) throws -> [UInt8] {
    guard let text = value[key]?.string else { throw inconsistent("'\(key)' is missing or no string in \(value.excerpt)") }
    guard text.utf8.count <= 256 else { throw unsupported("'\(key)' of \(text.utf8.count) bytes") }
    return Array(text.utf8)
  }

  private func replacement(_ value: JSONValue, _ section: String) throws -> (pattern: [UInt8], content: [UInt8]) {
    guard let pattern = value["pattern"] else { throw inconsistent("a \(section) Replace has no 'pattern'") }
    if let expression = pattern["Regex"]?.string { throw unsupported("a \(section) that replaces the expression '\(expression)'") }
    let text = try text("String", of: pattern)
    guard !text.isEmpty else { throw unsupported("a \(section) that replaces nothing") }
    return (text, try self.text("content", of: value))
  }

  // MARK: - Sections

  private mutating func readNormalizer(_ value: JSONValue) throws {
    let type = try type(of: value, "normalizer")
    switch type {
    case "Sequence": for element in try elements("normalizers", of: value, "normalizer") { try readNormalizer(element) }
    case "Prepend": normalizer.steps.append(.prepend(try text("prepend", of: value)))
    case "Replace":
      let (pattern, content) = try replacement(value, "normalizer")
      normalizer.steps.append(.replace(pattern, by: content))
    case "Lowercase": normalizer.steps.append(.lowercase)
    case "Strip":
      normalizer.steps.append(
        .strip(left: try flag("strip_left", of: value, default: true), right: try flag("strip_right", of: value, default: true)))
    default:
      guard let composition = TextNormalizer.Composition(rawValue: type) else { throw unsupported("normalizer '\(type)'") }
      normalizer.steps.append(.composed(composition))
    }
  }

  private mutating func readPreTokenizer(_ value: JSONValue) throws {
    let type = try type(of: value, "pre_tokenizer")
    if isByteLevel, type != "Sequence" { throw unsupported("a pre_tokenizer '\(type)' after ByteLevel") }
    switch type {
    case "Sequence": for element in try elements("pretokenizers", of: value, "pre_tokenizer") { try readPreTokenizer(element) }
    case "ByteLevel":
      isByteLevel = true
      if try flag("add_prefix_space", of: value, default: true) { splitter.steps.append(.prefix([UInt8(ascii: " ")], onlyFirst: false)) }
      if try flag("use_regex", of: value, default: true) { splitter.steps.append(.pattern(.gpt2)) }
    case "Digits": splitter.steps.append(.digits(isIndividual: try flag("individual_digits", of: value, default: false)))
    case "Split": try readSplit(value)
    case "Metaspace":
      let (mark, scheme) = try metaspace(value)
      splitter.steps.append(.replace([UInt8(ascii: " ")], by: mark))
      if scheme != "never" { splitter.steps.append(.prefix(mark, onlyFirst: scheme == "first")) }
      if try flag("split", of: value, default: true) { splitter.steps.append(.delimiter(mark, .mergedWithNext)) }
    default: throw unsupported("pre_tokenizer '\(type)'")
    }
  }

  private mutating func readSplit(_ value: JSONValue) throws {
    let behavior = value["behavior"]?.string ?? ""
    let isInverted = try flag("invert", of: value, default: false)
    if let expression = value["pattern"]?["Regex"]?.string {
      guard let pattern = WordPattern(text: expression) else { throw unsupported("a pre_tokenizer that splits by '\(expression)'") }
      // The known expressions match all there is: what they match, isolated, is what is left when everything else is removed.
      guard behavior == "Isolated" && !isInverted || behavior == "Removed" && isInverted else {
        throw unsupported("a pre_tokenizer Split with behavior '\(behavior)'\(isInverted ? ", inverted," : "")")
      }
      splitter.steps.append(.pattern(pattern))
      return
    }
    guard let pattern = value["pattern"] else { throw inconsistent("a pre_tokenizer Split has no 'pattern'") }
    let delimiter = try text("String", of: pattern)
    guard !isInverted, !delimiter.isEmpty, let place = WordSplitter.DelimiterPlace(rawValue: behavior) else {
      let text = String(decoding: delimiter, as: UTF8.self)
      throw unsupported("a pre_tokenizer Split at '\(text)' with behavior '\(behavior)'\(isInverted ? ", inverted," : "")")
    }
    splitter.steps.append(.delimiter(delimiter, place))
  }

  /// The character that stands for a space, and where one is put before a text: `always`, `first` or `never`. Older files say
  /// `add_prefix_space`.
  private func metaspace(_ value: JSONValue) throws -> (mark: [UInt8], scheme: String) {
    let mark = try text("replacement", of: value)
    guard String(decoding: mark, as: UTF8.self).unicodeScalars.count == 1 else {
      throw inconsistent("Metaspace's 'replacement' must be one character")
    }
    let addsSpace = try flag("add_prefix_space", of: value, default: true)
    let scheme = value["prepend_scheme"]?.string ?? (addsSpace ? "always" : "never")
    guard ["always", "first", "never"].contains(scheme) else { throw unsupported("Metaspace's prepend_scheme '\(scheme)'") }
    guard addsSpace || scheme == "never" else {
      throw inconsistent("Metaspace's 'add_prefix_space' is false and its 'prepend_scheme' is '\(scheme)'")
    }
    return (mark, scheme)
  }

  private mutating func readPostProcessor(_ value: JSONValue) throws {
    let type = try type(of: value, "post_processor")
    switch type {
    case "Sequence": for element in try elements("processors", of: value, "post_processor") { try readPostProcessor(element) }
    case "ByteLevel": break
    case "TemplateProcessing": try readTemplate(value)
    default: throw unsupported("post_processor '\(type)'")
    }
  }

  private mutating func readTemplate(_ value: JSONValue) throws {
    guard let single = value["single"]?.array else { throw inconsistent("a TemplateProcessing has no list of 'single'") }
    var isAfterText = false
    for part in single {
      if let sequence = part["Sequence"] {
        guard !isAfterText, sequence["id"]?.string == "A" else {
          throw unsupported("a TemplateProcessing whose 'single' is not one sequence A")
        }
        isAfterText = true
        continue
      }
      guard let name = part["SpecialToken"]?["id"]?.string else {
        throw inconsistent("'single' of TemplateProcessing has \(part.excerpt); expected a SpecialToken or a Sequence")
      }
      guard let ids = value["special_tokens"]?[name]?["ids"]?.array?.map({ $0.integer.flatMap(Int32.init(exactly:)) }),
        let known = ids as? [Int32], known.allSatisfy({ $0 >= 0 })
      else { throw inconsistent("TemplateProcessing has no ids for '\(name)'") }
      if isAfterText { end += known } else { begin += known }
    }
    guard isAfterText, begin.count <= 1, end.count <= 1 else {
      throw unsupported("a TemplateProcessing with more than one token before or after the text")
    }
  }

  private mutating func readDecoder(_ value: JSONValue) throws {
    var steps = [value]
    if try type(of: value, "decoder") == "Sequence" { steps = try elements("decoders", of: value, "decoder") }
    var isFused = false
    for step in steps {
      let type = try type(of: step, "decoder")
      switch type {
      case "ByteLevel": decodesBytes = true
      case "Replace":
        if isFused { throw unsupported("a decoder Replace after Fuse") }
        decoder.replacements.append(try replacement(step, "decoder"))
      // Pieces that are bytes are made into bytes in any case.
      case "ByteFallback": break
      case "Fuse": isFused = true
      case "Strip":
        let (start, stop) = (step["start"]?.integer ?? 0, step["stop"]?.integer ?? 0)
        guard isFused, step["content"]?.string == " ", start == 0 || start == 1, stop == 0 else {
          throw unsupported("a decoder Strip other than of one space at the beginning, after Fuse,")
        }
        if start == 1 { decoder.spaces = .oneAtStart }
      case "Metaspace":
        let (mark, scheme) = try metaspace(step)
        decoder.spaceMark = mark
        if scheme != "never" { decoder.spaces = .firstPiece }
      default: throw unsupported("decoder '\(type)'")
      }
    }
  }
}
