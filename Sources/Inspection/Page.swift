/// Lines of a report: labels at the left, text beside them.
struct Page {
  static let width = 100
  static let labelWidth = 15

  private(set) var lines: [String] = []

  mutating func line(_ text: String) { lines.append(text) }

  /// An empty line between sections.
  mutating func gap() { if lines.last?.isEmpty == false { lines.append("") } }

  /// Text beside a label, broken between words.
  mutating func row(_ label: String, _ text: String) {
    let indentation = String(repeating: " ", count: Page.labelWidth)
    var start = Page.padded(label, to: Page.labelWidth - 1) + " "
    for part in Page.wrapped(text, to: Page.width - Page.labelWidth) {
      lines.append(start + part)
      start = indentation
    }
  }

  mutating func rows(_ label: String, _ texts: [String]) {
    for (index, text) in texts.enumerated() { row(index == 0 ? label : "", text) }
  }

  /// A sentence each, further lines indented.
  mutating func list(_ texts: [String]) {
    for text in texts {
      for (index, part) in Page.wrapped(text, to: Page.width - 4).enumerated() { lines.append((index == 0 ? "  " : "    ") + part) }
    }
  }

  /// Columns as wide as their widest cell; those in `right` are aligned to the right.
  mutating func table(_ rows: [[String]], right: Set<Int> = []) {
    var widths: [Int] = []
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], cell.count)
      }
    }
    for row in rows {
      var line = ""
      for (column, cell) in row.enumerated() {
        let gap = String(repeating: " ", count: widths[column] - cell.count)
        line += "  " + (right.contains(column) ? gap + cell : cell + gap)
      }
      while line.hasSuffix(" ") { line.removeLast() }
      lines.append(line)
    }
  }

  var text: String { lines.joined(separator: "\n") + "\n" }

  static func padded(_ text: String, to width: Int) -> String {
    text.count >= width ? text : text + String(repeating: " ", count: width - text.count)
  }

  /// A word longer than a line keeps its own.
  static func wrapped(_ text: String, to width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return line.isEmpty ? lines : lines + [line]
  }
}
