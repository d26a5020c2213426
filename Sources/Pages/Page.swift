/// Lines of a report: labels at the left, text beside them.
package struct Page {
  package static let width = 100
  package static let labelWidth = 15

  package private(set) var lines: [String] = []

  package init() {}

  package mutating func line(_ text: String) { lines.append(text) }

  /// An empty line between sections.
  package mutating func gap() { if lines.last?.isEmpty == false { lines.append("") } }

  /// Text beside a label, broken between words.
  package mutating func row(_ label: String, _ text: String) {
    let indentation = String(repeating: " ", count: Page.labelWidth)
    var start = Page.padded(label, to: Page.labelWidth - 1) + " "
    for part in Page.wrapped(text, to: Page.width - Page.labelWidth) {
      lines.append(start + part)
      start = indentation
    }
  }

  package mutating func rows(_ label: String, _ texts: [String]) {
    for (index, text) in texts.enumerated() { row(index == 0 ? label : "", text) }
  }

  /// A sentence each, further lines indented.
  package mutating func list(_ texts: [String]) {
    for text in texts {
      for (index, part) in Page.wrapped(text, to: Page.width - 4).enumerated() { lines.append((index == 0 ? "  " : "    ") + part) }
    }
  }

  /// Columns as wide as their widest cell; those in `right` are aligned to the right.
  package mutating func table(_ rows: [[String]], right: Set<Int> = []) {
    var widths: [Int] = []
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], VisibleText.width(cell))
      }
    }
    for row in rows {
      var line = ""
      for (column, cell) in row.enumerated() {
        let gap = String(repeating: " ", count: widths[column] - VisibleText.width(cell))
        line += "  " + (right.contains(column) ? gap + cell : cell + gap)
      }
      while line.hasSuffix(" ") { line.removeLast() }
      lines.append(line)
    }
  }

  package var text: String { lines.joined(separator: "\n") + "\n" }

  package static func padded(_ text: String, to width: Int) -> String {
    text.count >= width ? text : text + String(repeating: " ", count: width - text.count)
  }

  /// A word longer than a line keeps its own.
  package static func wrapped(_ text: String, to width: Int) -> [String] {
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
