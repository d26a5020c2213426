extension JSONValue {
  /// The document as Python's `json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)` writes it, with a line end.
  public var text: String {
    var text = ""
    append(to: &text, indentation: "\n")
    return text + "\n"
  }

  /// The document in one line, keys sorted.
  public var line: String {
    var text = ""
    append(to: &text, indentation: nil)
    return text
  }

  /// The line, shortened: for messages.
  public var excerpt: String {
    let line = line
    return line.count > 60 ? line.prefix(57) + "..." : line
  }

  private func append(to text: inout String, indentation: String?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += "\(value)"
    case .number(let value):
      precondition(value.isFinite, "JSON has no infinity and no NaN")
      text += "\(value)"
    case .string(let value): JSONValue.append(value, to: &text)
    case .array(let elements):
      JSONValue.append(elements, between: ("[", "]"), to: &text, indentation) { $0.append(to: &$1, indentation: $2) }
    case .object(let members):
      let sorted = members.sorted { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
      JSONValue.append(sorted, between: ("{", "}"), to: &text, indentation) { member, text, indentation in
        JSONValue.append(member.key, to: &text)
        text += indentation == nil ? ":" : ": "
        member.value.append(to: &text, indentation: indentation)
      }
    }
  }

  private static func append<Element>(
    _ elements: [Element], between brackets: (String, String), to text: inout String, _ indentation: String?,
    each: (Element, inout String, String?) -> Void
  ) {
    text += brackets.0
    let inner = indentation.map { $0 + "  " }
    for (index, element) in elements.enumerated() {
      if index > 0 { text += "," }
      text += inner ?? ""
      each(element, &text, inner)
    }
    if !elements.isEmpty { text += indentation ?? "" }
    text += brackets.1
  }

  private static func append(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\u{8}": text += "\\b"
      case "\u{C}": text += "\\f"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
