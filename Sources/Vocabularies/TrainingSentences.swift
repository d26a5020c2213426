import CSentencePiece
import Checkpoints
import Tensors

/// The lines of text files as a trainer takes them: places in mapped files, nothing copied.
///
/// Lines end with LF or CR LF; a byte order mark is passed over. The library would leave out lines that are too long or have a character
/// it reserves; here they are cut, so that no text is lost.
final class TrainingSentences {
  /// What was found and done.
  struct Facts: Sendable, Equatable {
    /// Lines that are not empty, before and after drawing.
    var lineCount = 0
    var takenLineCount = 0
    var byteCount = 0
    var takenByteCount = 0
    var sentenceCount = 0
    /// Lines longer than a sentence may be.
    var cutLineCount = 0
    /// Lines with U+2585, which stands for unknown characters inside the library.
    var reservedLineCount = 0
  }

  private(set) var facts = Facts()
  private let files: [MappedBytes]
  private var sentences: [puna_text] = []

  /// Reads and checks all files.
  ///
  /// - Throws: `CheckpointError` for a file that cannot be read; `VocabularyError.invalidUTF8`, `.noText`.
  init(paths: [String], options: VocabularyTrainingOptions) throws {
    guard !paths.isEmpty else { throw VocabularyError.missingInput }
    files = try paths.map { try MappedFile.open($0) }
    for (file, path) in zip(files, paths) {
      try file.withUnsafeBytes { bytes in
        let text = bytes.bindMemory(to: UInt8.self)
        try checkUTF8(text, path)
        facts.byteCount += text.count
        TrainingSentences.lines(of: text) { _ in facts.lineCount += 1 }
      }
    }
    guard facts.lineCount > 0 else { throw VocabularyError.noText(paths: paths) }
    var draw = LineDraw(of: facts.lineCount, count: options.sampleLineCount ?? facts.lineCount, seed: options.seed)
    for file in files {
      file.withUnsafeBytes { bytes in
        TrainingSentences.lines(of: bytes.bindMemory(to: UInt8.self)) { if draw.takesNext() { append($0, options.longestSentence) } }
      }
    }
  }

  /// The sentences, valid inside `body` only.
  func withSentences<Result>(_ body: (UnsafeBufferPointer<puna_text>) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(files) { try sentences.withUnsafeBufferPointer(body) }
  }

  /// Calls `body` with every line that has more than white space.
  private static func lines(of text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
    var start = text.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    while start < text.count {
      let rest = UnsafeBufferPointer(rebasing: text[start...])
      let length = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.count
      var line = rest[..<length]
      if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
      // Anything above a space is text; what else is white is left to normalization.
      if line.contains(where: { $0 > 0x20 }) { body(UnsafeBufferPointer(rebasing: line)) }
      start += length + 1
    }
  }

  private func append(_ line: UnsafeBufferPointer<UInt8>, _ longest: Int) {
    facts.takenLineCount += 1
    facts.takenByteCount += line.count
    var (isReserved, isCut) = (false, false)
    var start = 0
    while start < line.count {
      let reserved = TrainingSentences.reserved(in: line, from: start)
      let end = reserved ?? line.count
      while end - start > longest {
        let (cut, next) = TrainingSentences.cut(line, start, longest)
        append(UnsafeBufferPointer(rebasing: line[start..<cut]))
        start = next
        isCut = true
      }
      if start < end { append(UnsafeBufferPointer(rebasing: line[start..<end])) }
      if reserved != nil { isReserved = true }
      start = end + (reserved == nil ? 0 : 3)
    }
    facts.reservedLineCount += isReserved ? 1 : 0
    facts.cutLineCount += isCut ? 1 : 0
  }

  private func append(_ sentence: UnsafeBufferPointer<UInt8>) {
    let bytes = UnsafeRawPointer(sentence.baseAddress)?.assumingMemoryBound(to: CChar.self)
    sentences.append(puna_text(bytes: bytes, byte_count: sentence.count))
    facts.sentenceCount += 1
  }

  /// Where U+2585 is, as its three bytes.
  private static func reserved(in line: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    var index = start
    while index + 2 < line.count {
      if line[index] == 0xE2, line[index + 1] == 0x96, line[index + 2] == 0x85 { return index }
      index += 1
    }
    return nil
  }

  /// Around the last space of the second half, since the trainer puts one before every sentence; else between characters.
  ///
  /// - Returns: where a part of at most `longest` bytes ends, and where the next begins.
  private static func cut(_ line: UnsafeBufferPointer<UInt8>, _ start: Int, _ longest: Int) -> (end: Int, next: Int) {
    let part = line[start..<start + longest]
    if let space = part.lastIndex(of: UInt8(ascii: " ")), space - start > longest / 2 { return (space, space + 1) }
    var end = start + longest
    while line[end] & 0xC0 == 0x80 { end -= 1 }
    return (end, end)
  }
}

/// Draws exactly so many of a row of lines, in their order (Knuth, "The Art of Computer Programming" 2, algorithm S).
struct LineDraw {
  private var random: Philox
  private var lineCount: Int
  private var neededCount: Int

  init(of lineCount: Int, count: Int, seed: UInt64) {
    self.lineCount = lineCount
    neededCount = min(count, lineCount)
    random = Philox(seed: seed, stream: RandomStream.sampling)
  }

  mutating func takesNext() -> Bool {
    guard neededCount > 0, lineCount > 0 else { return false }
    let isTaken = neededCount == lineCount || Int.random(in: 0..<lineCount, using: &random) < neededCount
    lineCount -= 1
    if isTaken { neededCount -= 1 }
    return isTaken
  }
}
