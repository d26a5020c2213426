/// A piece of an HTML page that is also well-formed XML. Text of others enters through `text` alone, which escapes it.
package struct Markup: Sendable {
  package let source: String

  package init(source: String) { self.source = source }

  package static let nothing = Markup(source: "")
  private static let void: Set<String> = ["br", "circle", "input", "line", "meta", "path", "rect"]

  /// Text as text; what is invisible or turns the reading direction is spelled out.
  ///
  /// - Parameter isBlock: whether line ends and tabs stay as they are.
  package static func text(_ text: String, isBlock: Bool = false) -> Markup { Markup(source: escaped(text, isBlock: isBlock)) }

  package static func element(_ name: String, _ attributes: [(String, String)] = [], _ children: [Markup] = []) -> Markup {
    var source = "<\(name)"
    for (key, value) in attributes { source += " \(key)=\"\(escaped(value, isBlock: false))\"" }
    guard !void.contains(name) else { return Markup(source: source + "/>") }
    source += ">"
    for child in children { source += child.source }
    return Markup(source: source + "</\(name)>")
  }

  package static func element(_ name: String, class style: String, _ children: [Markup] = []) -> Markup {
    element(name, style.isEmpty ? [] : [("class", style)], children)
  }

  package static func element(_ name: String, _ text: String) -> Markup { element(name, [], [.text(text)]) }

  /// Text of others, in the direction of its own script.
  package static func foreign(_ name: String, class style: String, _ text: String) -> Markup {
    element(name, [("class", style), ("dir", "auto")], [.text(text, isBlock: true)])
  }

  private static func escaped(_ text: String, isBlock: Bool) -> String {
    var result = ""
    let visible = VisibleText.visible(text, isBlock: isBlock)
    result.reserveCapacity(visible.utf8.count)
    for scalar in visible.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
