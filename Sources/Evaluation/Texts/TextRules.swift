/// Text as Python sees it, whose rules decide what published scores count as equal. Lengths and places are in code points.
package enum PythonText {
  /// What `str.strip`, `str.split` and `\s` take for white space.
  package static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  /// `\w`: letters, numbers and the low line, but no combining marks.
  package static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber, .letterNumber, .otherNumber:
      true
    default: scalar == "_"
    }
  }

  /// `string.punctuation`.
  package static func isASCIIPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    default: false
    }
  }

  /// `str.strip()`.
  package static func strip(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !isSpace($0) }), let last = scalars.lastIndex(where: { !isSpace($0) }) else { return "" }
    return String(scalars[first...last])
  }

  /// `str.split()`.
  package static func words(_ text: some Sequence<Unicode.Scalar>) -> [[Unicode.Scalar]] {
    text.split(whereSeparator: isSpace).map { Array($0) }
  }

  /// `str.lower()`: every code point's own mapping, but for a final sigma.
  package static func lowercase(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var lowered: [Unicode.Scalar] = []
    lowered.reserveCapacity(scalars.count)
    for (index, scalar) in scalars.enumerated() {
      if scalar.isASCII {
        lowered.append(("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) + 0x20) : scalar)
      } else if scalar == "\u{3A3}" {
        lowered.append(isFinal(index, in: scalars) ? "\u{3C2}" : "\u{3C3}")
      } else {
        lowered += scalar.properties.lowercaseMapping.unicodeScalars
      }
    }
    return lowered
  }

  /// Whether a letter with case stands before the sigma at `index`, and none after it.
  private static func isFinal(_ index: Int, in scalars: [Unicode.Scalar]) -> Bool {
    func isCased(_ part: some Sequence<Unicode.Scalar>) -> Bool {
      part.first { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
    }
    return isCased(scalars[..<index].reversed()) && !isCased(scalars[(index + 1)...])
  }
}
