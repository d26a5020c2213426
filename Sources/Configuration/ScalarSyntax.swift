/// What counts as a number in a configuration: decimal digits, with `_` between them, and nothing that YAML 1.1 would read
/// otherwise (octal `010`, sexagesimal `1:30`, `0x10`).
enum ScalarSyntax {
  /// The digits of a whole number without separators, or `nil`.
  static func wholeNumber(_ text: String) -> String? {
    guard let digits = withoutSeparators(text) else { return nil }
    var unsigned = digits[...]
    if let sign = unsigned.first, sign == "+" || sign == "-" { unsigned.removeFirst() }
    guard !unsigned.isEmpty, unsigned.allSatisfy(isDigit), unsigned == "0" || unsigned.first != "0" else { return nil }
    return digits
  }

  /// A decimal number in the form that `Double` reads, or `nil`.
  static func decimalNumber(_ text: String) -> String? {
    guard let digits = withoutSeparators(text) else { return nil }
    var rest = digits[...]
    if let sign = rest.first, sign == "+" || sign == "-" { rest.removeFirst() }
    let whole = rest.prefix(while: isDigit)
    rest = rest.dropFirst(whole.count)
    var fraction: Substring = ""
    if rest.first == "." {
      rest.removeFirst()
      fraction = rest.prefix(while: isDigit)
      rest = rest.dropFirst(fraction.count)
    }
    guard !whole.isEmpty || !fraction.isEmpty, whole.count < 2 || whole.first != "0" else { return nil }
    guard let mark = rest.first else { return normalized(digits) }
    guard mark == "e" || mark == "E" else { return nil }
    rest.removeFirst()
    if let sign = rest.first, sign == "+" || sign == "-" { rest.removeFirst() }
    guard !rest.isEmpty, rest.allSatisfy(isDigit) else { return nil }
    return normalized(digits)
  }

  private static func isDigit(_ character: Character) -> Bool { character.isASCII && character.isWholeNumber }

  /// `Double` wants digits on both sides of a point.
  private static func normalized(_ digits: String) -> String {
    guard let point = digits.firstIndex(of: ".") else { return digits }
    var text = digits
    let after = text.index(after: point)
    if after == text.endIndex || !isDigit(text[after]) { text.insert("0", at: after) }
    if point == text.startIndex || !isDigit(text[text.index(before: point)]) { text.insert("0", at: point) }
    return text
  }

  private static func withoutSeparators(_ text: String) -> String? {
    guard text.contains("_") else { return text }
    let characters = Array(text)
    for (index, character) in characters.enumerated() where character == "_" {
      guard index > 0, index + 1 < characters.count, isDigit(characters[index - 1]), isDigit(characters[index + 1]) else { return nil }
    }
    return String(characters.filter { $0 != "_" })
  }
}
