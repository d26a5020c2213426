/// How a text is cut into words, which merges never join: the steps of a pre-tokenizer, each cutting what the one before it left.
struct WordSplitter: Sendable {
  enum Step: Sendable, Equatable {
    case pattern(WordPattern)
    /// Numbers apart from the rest, and from each other if `isIndividual`.
    case digits(isIndividual: Bool)
    case delimiter([UInt8], DelimiterPlace)
    case replace([UInt8], by: [UInt8])
    /// Puts this before what does not begin with it: all parts, or the one that begins the text.
    case prefix([UInt8], onlyFirst: Bool)
  }

  enum DelimiterPlace: String, Sendable {
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
  }

  typealias Piece = UnsafeBufferPointer<UInt8>

  var steps: [Step] = []

  /// Calls `word` with each word of `text`, in order.
  ///
  /// - Parameter isFirst: whether it is the beginning of the whole text.
  func split(_ text: Piece, isFirst: Bool, _ word: (Piece) throws -> Void) throws {
    try split(text, isFirst, steps[...], word)
  }

  private func split(_ text: Piece, _ isFirst: Bool, _ steps: ArraySlice<Step>, _ word: (Piece) throws -> Void) throws {
    guard !text.isEmpty else { return }
    guard let step = steps.first else { return try word(text) }
    let rest = steps.dropFirst()
    func pass(_ start: Int, _ end: Int) throws {
      let part = Piece(rebasing: text[start..<end])
      if rest.isEmpty { try word(part) } else { try split(part, isFirst && start == 0, rest, word) }
    }
    switch step {
    case .pattern(let pattern):
      let classified = ClassifiedText(text)
      var start = 0
      while start < text.count {
        let end = pattern.end(in: classified, from: start)
        try pass(start, end)
        start = end
      }
    case .digits(let isIndividual): try WordSplitter.splitDigits(ClassifiedText(text), isIndividual, pass)
    case .delimiter(let delimiter, let place): try WordSplitter.split(text, at: delimiter, place, pass)
    case .replace(let pattern, let content):
      let replaced = try TextNormalizer(steps: [.replace(pattern, by: content)]).normalized(text).text
      try replaced.withUnsafeBufferPointer { try split($0, isFirst, rest, word) }
    case .prefix(let prefix, let onlyFirst):
      if text.starts(with: prefix) || (onlyFirst && !isFirst) { return try split(text, isFirst, rest, word) }
      try (prefix + text).withUnsafeBufferPointer { try split($0, isFirst, rest, word) }
    }
  }

  private static func splitDigits(_ text: ClassifiedText, _ isIndividual: Bool, _ pass: (Int, Int) throws -> Void) throws {
    var start = 0
    while start < text.count {
      let (kind, end) = text.character(at: start)
      var partEnd = end
      if kind != .number {
        while partEnd < text.count {
          let (kind, next) = text.character(at: partEnd)
          guard kind != .number else { break }
          partEnd = next
        }
      } else if !isIndividual {
        partEnd = text.run(of: .number, from: end)
      }
      try pass(start, partEnd)
      start = partEnd
    }
  }

  private static func split(
    _ text: Piece, at delimiter: [UInt8], _ place: DelimiterPlace, _ pass: (Int, Int) throws -> Void
  ) throws {
    guard let first = delimiter.first else { return try pass(0, text.count) }
    var start = 0
    var index = 0
    while index + delimiter.count <= text.count {
      guard text[index] == first, text[index..<index + delimiter.count].elementsEqual(delimiter) else {
        index += 1
        continue
      }
      if place != .mergedWithPrevious, index > start {
        try pass(start, index)
        start = index
      }
      index += delimiter.count
      if place != .mergedWithNext {
        try pass(start, index)
        start = index
      }
    }
    if start < text.count { try pass(start, text.count) }
  }
}
