/// A token added to a vocabulary, as Hugging Face's files describe it.
public struct AddedToken: Sendable, Equatable {
  public var id: Int32
  public var content: String
  /// Only templates make it, never a text.
  public var isSpecial: Bool
  /// Found only where no letter or digit is beside it.
  public var isSingleWord: Bool
  /// Takes the white space before it, and after it.
  public var stripsLeft: Bool
  public var stripsRight: Bool
  /// Looked for in the normalised text instead of the text itself.
  public var isNormalized: Bool

  public init(
    id: Int32, content: String, isSpecial: Bool, isSingleWord: Bool = false, stripsLeft: Bool = false, stripsRight: Bool = false,
    isNormalized: Bool = false
  ) {
    self.id = id
    self.content = content
    self.isSpecial = isSpecial
    self.isSingleWord = isSingleWord
    self.stripsLeft = stripsLeft
    self.stripsRight = stripsRight
    self.isNormalized = isNormalized
  }
}

/// Finds added tokens in a text: at each place the longest, from left to right.
///
/// Special tokens are found too, so that they hide what overlaps them as they do in the tokenizers library told to encode special tokens
/// as text, and then are text.
struct AddedTokenFinder: Sendable {
  enum Part {
    case text(Range<Int>)
    case token(Int32)
  }

  private static let longestContent = 1_024

  private var tokens: [AddedToken] = []
  /// A trie: the node below a node by a byte.
  private var nodes: [UInt64: Int32] = [:]
  private var nodeCount: Int32 = 1
  /// Tokens that end at a node.
  private var ends: [Int32: Int32] = [:]
  private var firstBytes = [Bool](repeating: false, count: 256)

  /// Whether there is anything to find that does not become text again.
  private(set) var isEmpty = true

  /// - Parameters:
  ///   - path: the tokenizer's file, for messages.
  ///   - spelled: how a token stands in the text that is searched.
  /// - Throws: `TokenizerError.unsupported` for a token of unusual length.
  init(
    _ tokens: [AddedToken], _ path: String, spelled: (AddedToken) throws -> [UInt8] = { Array($0.content.utf8) }
  ) throws {
    isEmpty = tokens.allSatisfy(\.isSpecial)
    guard !isEmpty else { return }
    for token in tokens {
      let content = try spelled(token)
      guard let first = content.first else { continue }
      guard content.count <= AddedTokenFinder.longestContent else {
        throw TokenizerError.unsupported(path: path, what: "an added token of \(content.count) bytes (id \(token.id))")
      }
      firstBytes[Int(first)] = true
      var node: Int32 = 0
      for byte in content {
        let key = AddedTokenFinder.key(node, byte)
        if let child = nodes[key] {
          node = child
        } else {
          nodes[key] = nodeCount
          node = nodeCount
          nodeCount += 1
        }
      }
      if ends[node] == nil { ends[node] = Int32(self.tokens.count) }
      self.tokens.append(token)
    }
  }

  private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 { UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte) }

  /// Calls `part` with the tokens of `text` and what is between them, in order.
  ///
  /// - Precondition: valid UTF-8.
  func find(in text: UnsafeBufferPointer<UInt8>, _ part: (Part) throws -> Void) throws {
    var start = 0
    var index = 0
    while index < text.count {
      guard firstBytes[Int(text[index])], let (token, matchEnd) = match(text, index) else {
        index += 1
        continue
      }
      defer { index = matchEnd }
      if token.isSpecial { continue }
      if token.isSingleWord, isWord(text, before: index) || isWord(text, at: matchEnd) { continue }
      let tokenStart = token.stripsLeft ? max(start, spacesStart(text, before: index)) : index
      if tokenStart > start { try part(.text(start..<tokenStart)) }
      try part(.token(token.id))
      start = token.stripsRight ? ClassifiedText(text).run(of: .space, from: matchEnd) : matchEnd
    }
    if start < text.count { try part(.text(start..<text.count)) }
  }

  private func match(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> (AddedToken, end: Int)? {
    var node: Int32 = 0
    var index = start
    var longest: (AddedToken, end: Int)?
    while index < text.count, let child = nodes[AddedTokenFinder.key(node, text[index])] {
      node = child
      index += 1
      if let token = ends[node] { longest = (tokens[Int(token)], index) }
    }
    return longest
  }

  // MARK: - Neighbours

  private func previousStart(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int {
    var start = index - 1
    while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  private func isWord(_ text: UnsafeBufferPointer<UInt8>, before index: Int) -> Bool {
    index > 0 && isWord(text, at: previousStart(text, index))
  }

  /// `\w` of Unicode regular expressions.
  private func isWord(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
    guard index < text.count, let scalar = Unicode.Scalar(scalarValue(in: text, at: index).value) else { return false }
    if scalar.properties.isAlphabetic || scalar.properties.isJoinControl { return true }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }

  private func spacesStart(_ text: UnsafeBufferPointer<UInt8>, before index: Int) -> Int {
    let classified = ClassifiedText(text)
    var start = index
    while start > 0 {
      let previous = previousStart(text, start)
      guard classified.character(at: previous).class == .space else { break }
      start = previous
    }
    return start
  }
}
