/// Texts as Python reads them: by code points. Swift's own methods go by characters, to which `e` with an accent and `\r\n` are one.
extension String {
  /// Python's `len`.
  package var codePointCount: Int { unicodeScalars.count }

  /// As `str.strip()`.
  package var pythonStripped: String {
    let scalars = unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.isPythonSpace }), let last = scalars.lastIndex(where: { !$0.isPythonSpace }) else {
      return ""
    }
    return String(scalars[first...last])
  }

  /// As `str.capitalize()`: all but the first letter become small.
  package var pythonCapitalized: String {
    guard let first = unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowercased()
  }

  /// `len(re.split(r"\s+", text))`: white space at either end has an empty word before or behind it.
  package var pythonWordCount: Int {
    var count = 1
    var isInSpace = false
    for scalar in unicodeScalars {
      let isSpace = scalar.isPythonSpace
      if isSpace && !isInSpace { count += 1 }
      isInSpace = isSpace
    }
    return count
  }

  /// As `str.replace`: from left to right, without overlaps.
  package func replacingText(_ old: String, with new: String) -> String {
    let bytes = Array(utf8), old = Array(old.utf8)
    guard let first = old.first, bytes.count >= old.count else { return self }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var place = 0
    while place < bytes.count {
      if bytes[place] == first, bytes[place...].starts(with: old) {
        result += new.utf8
        place += old.count
      } else {
        result.append(bytes[place])
        place += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Whether both have the same code points.
  package func isSameText(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

extension Unicode.Scalar {
  /// `str.isspace()`, and `\s` in its regular expressions.
  package var isPythonSpace: Bool { properties.isWhitespace || (0x1C...0x1F).contains(value) }
}
