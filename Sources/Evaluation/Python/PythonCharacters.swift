extension Unicode.Scalar {
  /// `\w` in Python's regular expressions: letters, numbers and the low line, but no combining marks.
  package var isPythonWord: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber, .letterNumber, .otherNumber:
      true
    default: self == "_"
    }
  }

  /// Whether Python's `string.punctuation` has it.
  package var isASCIIPunctuation: Bool {
    switch value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    default: false
    }
  }
}

extension [Unicode.Scalar] {
  /// As `str.split()`.
  package var pythonWords: [[Unicode.Scalar]] { split(whereSeparator: \.isPythonSpace).map { Array($0) } }

  /// As `str.lower()`: every code point's own mapping, but for a sigma that ends a word.
  package var pythonLowercased: [Unicode.Scalar] {
    var lowered: [Unicode.Scalar] = []
    lowered.reserveCapacity(count)
    for (index, scalar) in enumerated() {
      if scalar.isASCII {
        lowered.append(("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) + 0x20) : scalar)
      } else if scalar == "\u{3A3}" {
        lowered.append(isWordEnd(index) ? "\u{3C2}" : "\u{3C3}")
      } else {
        lowered += scalar.properties.lowercaseMapping.unicodeScalars
      }
    }
    return lowered
  }

  /// Whether a letter with case stands before `index`, and none after it.
  private func isWordEnd(_ index: Int) -> Bool {
    func beginsCased(_ part: some Sequence<Unicode.Scalar>) -> Bool {
      part.first { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
    }
    return beginsCased(self[..<index].reversed()) && !beginsCased(self[(index + 1)...])
  }
}
