import Synchronization

/// A byte-pair model: a word becomes symbols, and neighbouring symbols become one as the merges say.
struct BytePairModel: Sendable {
  /// What a word is made of before any merge.
  enum Symbols: Sendable {
    /// Bytes, each with its piece; -1 where the vocabulary has none.
    case bytes([Int32])
    /// Characters.
    case characters(Fallback)
  }

  /// What stands for a character that is no piece.
  enum Fallback: Sendable {
    /// The pieces of its UTF-8 bytes.
    case bytes([Int32])
    /// One piece for every such character, or for each run of them.
    case unknown(Int32, isFused: Bool)
    case none
  }

  /// A character that the vocabulary cannot spell, where bytes are symbols one of its bytes.
  struct Unspellable: Error, Equatable {
    let bytes: [UInt8]
  }

  let symbols: Symbols
  /// Pieces that text may become, by their bytes; control pieces are not findable.
  let pieces: PieceTable
  let merges: MergeTable
  /// Whether a word that is a piece is that piece, whatever the merges say.
  let takesWholeWords: Bool
  /// Where a word may be cut beforehand; nil for nowhere.
  let joins: JoinTable?
  /// Ids from here on stand for characters that are no pieces, but part of some; they never leave this model.
  var firstStandIn = Int32.max

  private static let longestKnownWord = WordTable.maximumKeyCount

  /// Appends the ids of a word.
  ///
  /// - Precondition: valid UTF-8.
  /// - Throws: `Unspellable`.
  func append(_ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32], _ memory: inout EncoderMemory) throws {
    guard let joins, word.count > 1 else { return try appendPart(word, to: &ids, &memory) }
    if takesWholeWords, let id = pieces.id(of: word) {
      ids.append(id)
      return
    }
    var (start, leftStart) = (0, 0)
    var (left, index) = scalarValue(in: word, at: 0)
    while index < word.count {
      let (right, end) = scalarValue(in: word, at: index)
      if !joins.joins(left, right) {
        let part = UnsafeBufferPointer(rebasing: word[start..<index])
        try appendPart(part, isOneCharacter: left >= 0x80 && leftStart == start, to: &ids, &memory)
        start = index
      }
      (left, leftStart, index) = (right, index, end)
    }
    try appendPart(UnsafeBufferPointer(rebasing: word[start...]), to: &ids, &memory)
  }

  private func appendPart(
    _ part: UnsafeBufferPointer<UInt8>, isOneCharacter: Bool = false, to ids: inout [Int32], _ memory: inout EncoderMemory
  ) throws {
    // Often so where there are no spaces, and quicker than remembering it.
    if isOneCharacter, case .characters = symbols, let id = pieces.id(of: part), id < firstStandIn {
      ids.append(id)
      return
    }
    guard part.count <= BytePairModel.longestKnownWord else { return try encode(part, to: &ids, &memory) }
    let hash = memory.words.hash(part)
    if memory.words.append(part, hash: hash, to: &ids) { return }
    let start = ids.count
    try encode(part, to: &ids, &memory)
    memory.words.insert(part, hash: hash, ids: ids[start...])
  }

  private func encode(_ part: UnsafeBufferPointer<UInt8>, to ids: inout [Int32], _ memory: inout EncoderMemory) throws {
    if takesWholeWords, joins == nil, let id = pieces.id(of: part) {
      ids.append(id)
      return
    }
    let start = ids.count
    switch symbols {
    case .bytes(let pieceOfByte):
      for byte in part {
        let id = pieceOfByte[Int(byte)]
        guard id >= 0 else { throw Unspellable(bytes: [byte]) }
        ids.append(id)
      }
    case .characters(let fallback):
      var index = 0
      var isAfterUnknown = false
      while index < part.count {
        let (_, end) = scalarValue(in: part, at: index)
        let character = UnsafeBufferPointer(rebasing: part[index..<end])
        index = end
        if let id = pieces.id(of: character) {
          ids.append(id)
          isAfterUnknown = false
          continue
        }
        switch fallback {
        case .bytes(let pieceOfByte): ids.append(contentsOf: character.map { pieceOfByte[Int($0)] })
        case .unknown(let id, let isFused):
          if !isFused || !isAfterUnknown { ids.append(id) }
          isAfterUnknown = true
        case .none: throw Unspellable(bytes: Array(character))
        }
      }
    }
    memory.merger.merge(&ids, from: start, by: merges)
    if ids[start...].contains(where: { $0 >= firstStandIn }) { replaceStandIns(in: &ids, from: start) }
  }

  /// What was not merged is spelled with bytes after all.
  private func replaceStandIns(in ids: inout [Int32], from start: Int) {
    guard case .characters(.bytes(let pieceOfByte)) = symbols else { return }
    let replaced = ids[start...].flatMap { id in id < firstStandIn ? [id] : pieces[id].map { pieceOfByte[Int($0)] } }
    ids.replaceSubrange(start..., with: replaced)
  }
}

/// What encoding keeps from one word to the next.
struct EncoderMemory: Sendable {
  var words = WordTable()
  var merger = SymbolMerger()
}

/// One memory per thread that encodes at the moment; a call takes one and puts it back, so that no lock is held while encoding.
final class EncoderMemories: Sendable {
  private let free = Mutex<[EncoderMemory]>([])

  func use<Result>(_ body: (inout EncoderMemory) throws -> Result) rethrows -> Result {
    var memory = free.withLock { $0.popLast() } ?? EncoderMemory()
    defer { free.withLock { [memory] in $0.append(memory) } }
    return try body(&memory)
  }
}
