import JSON

/// A JSON document whose keys stay in the order that they are given in.
indirect enum OrderedJSON {
  case value(JSONValue)
  case array([OrderedJSON])
  case object([(key: String, value: OrderedJSON)])

  static func string(_ text: String) -> OrderedJSON { .value(.string(text)) }
  static func integer(_ number: Int) -> OrderedJSON { .value(.integer(number)) }
  /// JSON has no infinity, which a perplexity can reach, and no NaN: they are null.
  static func number(_ number: Double?) -> OrderedJSON {
    if let number, number.isFinite { .value(.number(number)) } else { .value(.null) }
  }

  /// Everything in one line.
  var line: String {
    var text = ""
    append(to: &text, separators: (",", ":"))
    return text
  }

  /// For people too: what holds other structures is spread over lines, what holds plain values takes one.
  var document: String {
    var text = ""
    append(to: &text, indentation: "\n")
    return text + "\n"
  }

  private var isFlat: Bool {
    switch self {
    case .value: true
    case .array(let elements): elements.allSatisfy(\.isValue)
    case .object(let members): members.allSatisfy { $0.value.isValue }
    }
  }

  private var isValue: Bool { if case .value = self { true } else { false } }

  private func append(to text: inout String, separators: (comma: String, colon: String)) {
    switch self {
    case .value(let value): text += value.line
    case .array(let elements):
      text += "["
      for (index, element) in elements.enumerated() {
        if index > 0 { text += separators.comma }
        element.append(to: &text, separators: separators)
      }
      text += "]"
    case .object(let members):
      text += "{"
      for (index, member) in members.enumerated() {
        text += (index > 0 ? separators.comma : "") + JSONValue.string(member.key).line + separators.colon
        member.value.append(to: &text, separators: separators)
      }
      text += "}"
    }
  }

  private func append(to text: inout String, indentation: String) {
    guard !isFlat else { return append(to: &text, separators: (", ", ": ")) }
    let inner = indentation + "  "
    switch self {
    case .value: break
    case .array(let elements):
      text += "["
      for (index, element) in elements.enumerated() {
        text += (index > 0 ? "," : "") + inner
        element.append(to: &text, indentation: inner)
      }
      text += indentation + "]"
    case .object(let members):
      text += "{"
      for (index, member) in members.enumerated() {
        text += (index > 0 ? "," : "") + inner + JSONValue.string(member.key).line + ": "
        member.value.append(to: &text, indentation: inner)
      }
      text += indentation + "}"
    }
  }
}
