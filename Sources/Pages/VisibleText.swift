/// Text that someone else wrote, made safe to look at.
package enum VisibleText {
  /// The text with what is invisible, moves the cursor or turns the reading direction spelled out: `[U+202E]`.
  ///
  /// - Parameter isBlock: whether line ends and tabs may stay.
  package static func visible(_ text: String, isBlock: Bool = false) -> String {
    guard text.unicodeScalars.contains(where: isHidden) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if !isHidden(scalar) || (isBlock && (scalar == "\n" || scalar == "\t")) {
        result.append(scalar)
      } else {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        result.append(contentsOf: "[U+\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits)]".unicodeScalars)
      }
    }
    return String(result)
  }

  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20...0x7E: false
    // C0 and C1, with DEL.
    case 0..<0x20, 0x7F...0x9F: true
    // Directions and their isolates, invisible spaces and operators, line and paragraph separators; joiners belong to their scripts.
    case 0x061C, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
    // Noncharacters, specials without a meaning alone, and tags.
    case 0xFDD0...0xFDEF, 0xFFF0...0xFFFB, 0xE0000...0xE007F: true
    default: scalar.value & 0xFFFE == 0xFFFE
    }
  }

  /// Columns that a text takes on a terminal: two for East Asian wide characters, none for what stands above or below others.
  package static func width(_ text: String) -> Int {
    text.unicodeScalars.reduce(0) { $0 + width($1) }
  }

  /// Unicode's East_Asian_Width W and F, in ranges that name blocks.
  private static func width(_ scalar: Unicode.Scalar) -> Int {
    if scalar.value < 0x300 { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF, 0xA960...0xA97F,
      0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF,
      0x1F900...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }

  /// At most `limit` columns, shortened in the middle, where names that resemble each other are most alike.
  package static func shortened(_ text: String, to limit: Int) -> String {
    guard width(text) > limit else { return text }
    let half = max(1, (limit - 1) / 2)
    return clipped(Array(text), to: limit - 1 - half) + "…" + String(clipped(text.reversed(), to: half).reversed())
  }

  private static func clipped(_ characters: [Character], to limit: Int) -> String {
    var result = ""
    var columns = 0
    for character in characters {
      columns += width(String(character))
      if columns > limit { break }
      result.append(character)
    }
    return result
  }
}
