/// A strict reader of pages: well-formed XML without declarations, entities of five kinds, text that XML 1.0 allows.
public struct PageText {
  public struct Malformed: Error, Equatable { public let reason: String }

  /// Each element's name with its attributes, in order.
  public private(set) var elements: [(name: String, attributes: [String: String])] = []
  /// All text outside of `style` and `script`, unescaped.
  public private(set) var text = ""
  public private(set) var script = ""
  private var rest: Substring.UnicodeScalarView

  /// - Parameter prologue: what the text must begin with.
  public init(_ page: String, prologue: String = "<!DOCTYPE html>\n") throws {
    guard page.hasPrefix(prologue) else { throw Malformed(reason: "no document type") }
    rest = page.dropFirst(prologue.count).unicodeScalars
    var open: [String] = []
    while let scalar = rest.first {
      guard scalar == "<" else {
        let piece = try PageText.unescaped(take { $0 != "<" })
        switch open.last {
        case "script": script += piece
        case "style": break
        default: text += piece
        }
        continue
      }
      rest.removeFirst()
      if rest.first == "/" {
        rest.removeFirst()
        let name = take { $0 != ">" }
        guard open.popLast() == name else { throw Malformed(reason: "</\(name)> closes another element") }
        rest = rest.dropFirst()
        continue
      }
      let name = take { $0.properties.isAlphabetic || ("0"..."9").contains($0) }
      guard !name.isEmpty else { throw Malformed(reason: "no element begins with '\(rest.prefix(20))'") }
      let attributes = try self.attributes(of: name)
      elements.append((name, attributes))
      if rest.first == "/" { rest.removeFirst() } else { open.append(name) }
      guard rest.popFirst() == ">" else { throw Malformed(reason: "<\(name)> does not end") }
    }
    guard open.isEmpty else { throw Malformed(reason: "<\(open[0])> is not closed") }
  }

  private mutating func attributes(of name: String) throws -> [String: String] {
    var attributes: [String: String] = [:]
    while rest.first == " " {
      rest.removeFirst()
      let key = take { $0 != "=" && $0 != " " && $0 != ">" }
      guard rest.popFirst() == "=", rest.popFirst() == "\"" else { throw Malformed(reason: "attribute \(key) of <\(name)> has no quotes") }
      let value = take { $0 != "\"" }
      guard !value.contains("<") else { throw Malformed(reason: "attribute \(key) holds '<'") }
      rest = rest.dropFirst()
      guard attributes.updateValue(try PageText.unescaped(value), forKey: key) == nil else { throw Malformed(reason: "\(key) twice") }
    }
    return attributes
  }

  private mutating func take(while matches: (Unicode.Scalar) -> Bool) -> String {
    let piece = rest.prefix(while: matches)
    rest = rest[piece.endIndex...]
    return String(String.UnicodeScalarView(piece))
  }

  private static func unescaped(_ text: String) throws -> String {
    for scalar in text.unicodeScalars where scalar.value < 0x20 && scalar != "\n" && scalar != "\t" {
      throw Malformed(reason: "control character \(scalar.value)")
    }
    var parts = text.split(separator: "&", omittingEmptySubsequences: false)
    var result = String(parts.removeFirst())
    for part in parts {
      let entities = ["amp;": "&", "lt;": "<", "gt;": ">", "quot;": "\"", "#39;": "'"]
      guard let entity = entities.first(where: { part.hasPrefix($0.key) }) else { throw Malformed(reason: "&\(part.prefix(10))") }
      result += entity.value + part.dropFirst(entity.key.count)
    }
    return result
  }
}
