import Foundation

/// Numbers as people read them.
package enum Words {
  /// `52,002`
  package static func grouped(_ number: Int) -> String {
    var text = String(number.magnitude)
    var index = text.count - 3
    while index > 0 {
      text.insert(",", at: text.index(text.startIndex, offsetBy: index))
      index -= 3
    }
    return number < 0 ? "-" + text : text
  }

  /// `10000`, `0.5`, `1e-05`
  package static func number(_ value: Double) -> String {
    if let whole = Int(exactly: value), whole.magnitude < 1_000_000_000 { return "\(whole)" }
    return String(format: "%g", value)
  }

  /// `2.20 GB`, `13.1 MB`, `786 kB`, `3.9 kB`, `42 B`
  package static func bytes(_ count: Int) -> String {
    switch count {
    case ..<1000: "\(count) B"
    case ..<100_000: String(format: "%.1f kB", Double(count) / 1e3)
    case ..<1_000_000: String(format: "%.0f kB", Double(count) / 1e3)
    case ..<1_000_000_000: String(format: "%.1f MB", Double(count) / 1e6)
    default: String(format: "%.2f GB", Double(count) / 1e9)
    }
  }

  /// `1.9 GB/s`; bytes per second.
  package static func rate(_ value: Double) -> String {
    value >= 1e9 ? String(format: "%.1f GB/s", value / 1e9) : String(format: "%.0f MB/s", value / 1e6)
  }

  /// `1 h 04 min`, `2 min 10 s`, `8 s` or `0.21 s`
  package static func duration(_ seconds: Double) -> String {
    guard seconds >= 10 else { return String(format: seconds < 1 ? "%.2f s" : "%.1f s", seconds) }
    // From files it may be anything.
    guard seconds < 1e15 else { return "ages" }
    let whole = Int(seconds.rounded())
    if whole >= 3600 { return String(format: "%d h %02d min", whole / 3600, whole % 3600 / 60) }
    return whole >= 60 ? String(format: "%d min %02d s", whole / 60, whole % 60) : "\(whole) s"
  }

  /// `1 row`, `2 rows`
  package static func count(_ number: Int, _ noun: String) -> String { "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")" }

  /// `a, b, c and 4 more`
  package static func list(_ names: [String], atMost limit: Int = 6) -> String {
    guard names.count > limit + 1 else { return names.joined(separator: ", ") }
    return names.prefix(limit).joined(separator: ", ") + " and \(grouped(names.count - limit)) more"
  }

  /// `0-3, 5, 7-9` of numbers in ascending order.
  package static func ranges(_ numbers: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = ranges.last, number == last.upperBound + 1 {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
  }

  /// `12.5 %`, and `0.03 %` below a tenth.
  package static func share(_ part: Int, of whole: Int) -> String {
    guard whole > 0 else { return "" }
    let percent = 100 * Double(part) / Double(whole)
    return String(format: percent < 0.1 ? "%.2f %%" : "%.1f %%", percent)
  }
}
