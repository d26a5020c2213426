/// Writes configurations that read back as they were: numbers round-trip, and texts are quoted where YAML would take them for something
/// else.
public struct YAMLWriter {
  public indirect enum Value {
    /// Free text, quoted if it needs it.
    case text(String)
    /// A word of the schema, such as `none` or `cosine`, never quoted.
    case word(String)
    case integer(any BinaryInteger)
    case number(Double)
    case flag(Bool)
    case list([Value])
    case section([(String, Value)])
  }

  public private(set) var text = ""
  private var indentation = ""

  public init() {}

  public mutating func write(_ key: String, _ value: Value) { text += "\(indentation)\(key): \(Self.inline(value))\n" }

  /// One item per line.
  public mutating func write(_ key: String, items: [Value]) {
    text += "\(indentation)\(key):\n"
    for item in items { text += "\(indentation)  - \(Self.inline(item))\n" }
  }

  public mutating func section(_ key: String, _ body: (inout YAMLWriter) -> Void) {
    text += "\(indentation)\(key):\n"
    indentation += "  "
    body(&self)
    indentation.removeLast(2)
  }

  private static func inline(_ value: Value) -> String {
    switch value {
    case .text(let text): scalar(text)
    case .word(let word): word
    case .integer(let integer): "\(integer)"
    case .number(let number): Self.number(number)
    case .flag(let flag): "\(flag)"
    case .list(let items): "[\(items.map(inline).joined(separator: ", "))]"
    case .section(let entries): "{\(entries.map { "\($0): \(inline($1))" }.joined(separator: ", "))}"
    }
  }

  /// The shortest decimal form that reads back as the same number; `1.0e-08`, since YAML 1.1 takes `1e-08` for text.
  static func number(_ number: Double) -> String {
    let digits = "\(number)"
    guard let exponent = digits.firstIndex(of: "e"), !digits[..<exponent].contains(".") else { return digits }
    return digits[..<exponent] + ".0" + digits[exponent...]
  }

  static func scalar(_ text: String) -> String {
    let plain = text.unicodeScalars.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || isDigit($0) || "_./-+".unicodeScalars.contains($0))
    }
    let starts = text.unicodeScalars.first.map { $0.properties.isAlphabetic || "./_".unicodeScalars.contains($0) } ?? false
    let words = ["none", "auto", "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"]
    if plain && starts && !words.contains(text.lowercased()) && ScalarSyntax.decimalNumber(text) == nil { return text }
    return "\"" + text.unicodeScalars.map(escaped).joined() + "\""
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\\": return "\\\\"
    case "\"": return "\\\""
    case "\n": return "\\n"
    case "\t": return "\\t"
    case "\r": return "\\r"
    default: break
    }
    let code = String(scalar.value, radix: 16, uppercase: true)
    let isPrintable =
      scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && ![0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF].contains(scalar.value)
    return isPrintable ? String(scalar) : "\\U" + String(repeating: "0", count: 8 - code.count) + code
  }
}
