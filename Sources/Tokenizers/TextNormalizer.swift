import Foundation

/// What happens to a text before it is cut into words.
struct TextNormalizer: Sendable {
  enum Step: Sendable, Equatable {
    case prepend([UInt8])
    case replace([UInt8], by: [UInt8])
    case composed(Composition)
    case lowercase
    case strip(left: Bool, right: Bool)
  }

  /// Unicode's normalisation forms.
  enum Composition: String, Sendable { case nfc = "NFC", nfd = "NFD", nfkc = "NFKC", nfkd = "NFKD" }

  struct Growth: Error {}

  var steps: [Step] = []

  /// The text after all steps, and whether its beginning was stripped.
  ///
  /// - Throws: `Growth` when a text becomes many times as long.
  func normalized(_ text: UnsafeBufferPointer<UInt8>) throws -> (text: [UInt8], isStripped: Bool) {
    var bytes = Array(text)
    var isStripped = false
    for step in steps {
      switch step {
      case .prepend(let prefix): if !bytes.isEmpty { bytes = prefix + bytes }
      case .replace(let pattern, let content): bytes = TextNormalizer.replacing(pattern, by: content, in: bytes)
      case .composed(let composition): bytes = composition.normalized(bytes)
      case .lowercase: bytes = TextNormalizer.lowercase(bytes)
      case .strip(let left, let right):
        let stripped = TextNormalizer.strip(bytes, left: left, right: right)
        if stripped.startIndex > 0 { isStripped = true }
        bytes = Array(stripped)
      }
      // No normaliser of a language model does this; it would grow with every step.
      if bytes.count / 32 > text.count + 4_096 { throw Growth() }
    }
    return (bytes, isStripped)
  }

  private static func replacing(_ pattern: [UInt8], by content: [UInt8], in text: [UInt8]) -> [UInt8] {
    guard let first = pattern.first, text.count >= pattern.count else { return text }
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 2)
    text.withUnsafeBufferPointer { text in
      var index = 0
      while index < text.count {
        let byte = text[index]
        if byte == first, index + pattern.count <= text.count, matches(pattern, text, index) {
          result.append(contentsOf: content)
          index += pattern.count
        } else {
          result.append(byte)
          index += 1
        }
      }
    }
    return result
  }

  @inline(__always) private static func matches(_ pattern: [UInt8], _ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
    var index = 1
    while index < pattern.count, text[start + index] == pattern[index] { index += 1 }
    return index == pattern.count
  }

  /// Character by character, without the rules for the ends of words.
  private static func lowercase(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      result.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
    }
    return result
  }

  private static func strip(_ text: [UInt8], left: Bool, right: Bool) -> ArraySlice<UInt8> {
    text.withUnsafeBufferPointer { bytes in
      let classified = ClassifiedText(bytes)
      var start = 0
      if left { start = classified.run(of: .space, from: 0) }
      var end = bytes.count
      while right, end > start {
        var last = end - 1
        while last > start, bytes[last] & 0xC0 == 0x80 { last -= 1 }
        guard classified.character(at: last).class == .space else { break }
        end = last
      }
      return text[start..<end]
    }
  }
}

extension TextNormalizer.Composition {
  fileprivate func normalized(_ text: [UInt8]) -> [UInt8] {
    let string = String(decoding: text, as: UTF8.self)
    switch self {
    case .nfc: return Array(string.precomposedStringWithCanonicalMapping.utf8)
    case .nfd: return Array(string.decomposedStringWithCanonicalMapping.utf8)
    case .nfkc: return Array(string.precomposedStringWithCompatibilityMapping.utf8)
    case .nfkd: return Array(string.decomposedStringWithCompatibilityMapping.utf8)
    }
  }
}
