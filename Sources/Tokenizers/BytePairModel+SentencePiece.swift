extension BytePairModel {
  /// SentencePiece's byte-pair encoding as merges of our own, for models like LLaMA's: bytes for unknown characters, spaces kept and
  /// escaped, no character map, no user-defined pieces. The ids are the library's; a text falls apart where nothing is ever joined, so
  /// that the time does not depend on how it is laid out. Nil for other models, which the library encodes.
  ///
  /// - Parameters:
  ///   - file: the model.
  ///   - pieces: the spellings of its pieces, by id.
  ///   - controls: pieces that the configuration makes control tokens.
  init?(_ file: SentencePieceModelFile, pieces: [[UInt8]], controls: Set<Int32>) {
    guard file.modelType == .bytePairs, file.hasByteFallback, file.addsDummyPrefix, file.escapesWhitespace,
      !file.treatsWhitespaceAsSuffix, !file.removesExtraWhitespace, !file.hasCharacterMap
    else { return nil }
    var table = PieceTable(minimumCapacity: pieces.count)
    var joins = JoinTable()
    for (id, piece) in pieces.enumerated() {
      let isNormal = file.kinds[id] == .normal
      guard isNormal || file.kinds[id] == .control || file.kinds[id] == .unknown || file.kinds[id] == .byte else { return nil }
      guard isNormal || !BytePairModel.isOneCharacter(piece), table.append(piece, isFindable: isNormal && !controls.contains(Int32(id)))
      else { return nil }
    }
    for (id, piece) in pieces.enumerated() where file.kinds[id] == .normal && !controls.contains(Int32(id)) {
      guard BytePairModel.canBeMerged(piece), BytePairModel.appendStandIns(for: piece, to: &table) else { return nil }
      piece.withUnsafeBufferPointer { joins.insert($0) }
    }
    guard let ranks = BytePairModel.ranks(file.scores) else { return nil }
    let bytes = (UInt8.min...UInt8.max).map { byte in
      let spelling = Array("<\(hexadecimal(byte))>".utf8)
      return pieces.indices.first { file.kinds[$0] == .byte && pieces[$0] == spelling }.map(Int32.init)
    }
    guard let fallback = bytes as? [Int32] else { return nil }
    self.init(
      symbols: .characters(.bytes(fallback)), pieces: table,
      merges: MergeTable(of: table) { id in
        Int(id) < pieces.count && file.kinds[Int(id)] == .normal && !controls.contains(id) ? ranks[Int(id)] : nil
      },
      takesWholeWords: false, joins: joins, firstStandIn: Int32(pieces.count))
  }

  /// What the library puts before a text and in place of its spaces.
  static let spaceNormalizer = TextNormalizer(steps: [.prepend(spaceMark), .replace([UInt8(ascii: " ")], by: spaceMark)])
  static let innerSpaceNormalizer = TextNormalizer(steps: [.replace([UInt8(ascii: " ")], by: spaceMark)])
  private static let spaceMark: [UInt8] = [0xE2, 0x96, 0x81]

  private static func isOneCharacter(_ piece: [UInt8]) -> Bool { piece.count(where: { $0 & 0xC0 != 0x80 }) == 1 }

  private static func canBeMerged(_ piece: [UInt8]) -> Bool {
    piece.count <= MergeTable.maximumPieceByteCount && !piece.contains(UInt8(ascii: " "))
      && String(validating: piece, as: UTF8.self) != nil
  }

  /// The library joins by spelling, also characters that are no pieces themselves: these get ids past the vocabulary for as long as
  /// merging takes. (Chinese-LLaMA-2's vocabulary has three pieces with such characters.)
  private static func appendStandIns(for piece: [UInt8], to table: inout PieceTable) -> Bool {
    piece.withUnsafeBufferPointer { piece in
      var index = 0
      while index < piece.count {
        let end = scalarValue(in: piece, at: index).end
        let character = UnsafeBufferPointer(rebasing: piece[index..<end])
        if table.id(of: character) == nil, !table.append(character) { return false }
        index = end
      }
      return true
    }
  }

  /// The highest score has the lowest rank; equal scores have equal ranks. Nil when a score is no number.
  private static func ranks(_ scores: [Float]) -> [Int32]? {
    guard !scores.contains(where: \.isNaN) else { return nil }
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var ranks = [Int32](repeating: 0, count: scores.count)
    for (place, id) in order.enumerated().dropFirst() {
      let before = order[place - 1]
      ranks[id] = ranks[before] + (scores[before] == scores[id] ? 0 : 1)
    }
    return ranks
  }
}
