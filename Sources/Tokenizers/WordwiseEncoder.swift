import Synchronization

/// Encodes text word by word with a memory for words, and gives the same ids as encoding it as a whole.
///
/// Byte-pair merges join neighbours only into pieces of the vocabulary. Where no piece has a space after anything but spaces, nothing
/// is ever joined across the beginning of a word; where no piece of several characters contains a newline, nothing is joined across
/// that either. So a text falls apart exactly at these places. Vocabularies for which this does not hold get no such encoder.
final class WordwiseEncoder: Sendable {
  typealias Library = @Sendable (UnsafeBufferPointer<UInt8>) throws -> [Int32]

  private static let space = UInt8(ascii: " ")
  private static let newline = UInt8(ascii: "\n")

  let spaceID: Int32
  private let splitsAtNewlines: Bool
  /// Encodes a text as a whole, a space put before it.
  private let library: Library
  /// One table per thread that encodes at the moment; a call takes one and puts it back, so that no lock is held while encoding.
  private let tables = Mutex<[WordTable]>([])

  /// Nil when the vocabulary does not fall apart at spaces.
  init?(_ file: SentencePieceModelFile, pieces: [[UInt8]], spaceID: Int32?, library: @escaping Library) {
    guard let spaceID, file.modelType == .bytePairs, file.hasByteFallback, file.addsDummyPrefix, file.escapesWhitespace,
      !file.treatsWhitespaceAsSuffix, !file.removesExtraWhitespace, !file.hasCharacterMap
    else { return nil }
    var splitsAtNewlines = true
    for (piece, kind) in zip(pieces, file.kinds) where kind == .normal || kind == .userDefined || kind == .unused {
      guard !WordwiseEncoder.hasInnerSpace(piece) else { return nil }
      if piece.count > 1, piece.contains(WordwiseEncoder.newline) { splitsAtNewlines = false }
      // A user-defined piece is found before any merging, spaces included.
      if kind == .userDefined, WordwiseEncoder.beginsWithSpace(piece[...]) || piece.contains(WordwiseEncoder.newline) { return nil }
    }
    self.spaceID = spaceID
    self.splitsAtNewlines = splitsAtNewlines
    self.library = library
  }

  private static func beginsWithSpace(_ piece: ArraySlice<UInt8>) -> Bool {
    piece.first == space || piece.starts(with: [0xE2, 0x96, 0x81])
  }

  /// Whether a space (U+2581 in the vocabulary) follows something else.
  private static func hasInnerSpace(_ piece: [UInt8]) -> Bool {
    var rest = piece[...]
    while beginsWithSpace(rest) { rest = rest.dropFirst(rest.first == space ? 1 : 3) }
    while !rest.isEmpty {
      if beginsWithSpace(rest) { return true }
      rest = rest.dropFirst()
    }
    return false
  }

  /// - Precondition: valid UTF-8.
  func encode(_ text: UnsafeBufferPointer<UInt8>) throws -> [Int32] {
    guard !text.isEmpty else { return [] }
    var table = tables.withLock { $0.popLast() } ?? WordTable()
    defer { tables.withLock { [table] in $0.append(table) } }
    // The space that the library puts before a text makes its first word like any other.
    let spaced = [WordwiseEncoder.space] + text
    var ids: [Int32] = []
    ids.reserveCapacity(text.count / 3)
    try spaced.withUnsafeBufferPointer { spaced in
      var start = 0
      for index in 1...spaced.count where index == spaced.count || beginsWord(spaced, index) {
        try append(UnsafeBufferPointer(rebasing: spaced[start..<index]), to: &ids, &table)
        start = index
      }
    }
    return ids
  }

  /// Whether merges never cross to `index` from what is before it.
  func beginsWord(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
    let byte = text[index]
    if byte > WordwiseEncoder.space { return false }
    if byte == WordwiseEncoder.newline { return splitsAtNewlines && text[index - 1] != WordwiseEncoder.newline }
    guard byte == WordwiseEncoder.space, text[index - 1] != WordwiseEncoder.space else { return false }
    // A literal U+2581 is a space to the library.
    return !(index >= 3 && text[index - 3] == 0xE2 && text[index - 2] == 0x96 && text[index - 1] == 0x81)
  }

  private func append(_ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32], _ table: inout WordTable) throws {
    let hash = WordTable.hash(word)
    if table.append(word, hash: hash, to: &ids) { return }
    let start = ids.count
    if word.count == 1, word[0] == WordwiseEncoder.space {
      ids.append(spaceID)
    } else if word[0] == WordwiseEncoder.space {
      ids += try library(UnsafeBufferPointer(rebasing: word.dropFirst()))
    } else {
      // Begins with a newline, which the library's leading space cannot join.
      ids += try library(word).dropFirst()
    }
    table.insert(word, hash: hash, ids: ids[start...])
  }
}
